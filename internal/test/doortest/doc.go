// Package doortest holds what the tests of several doors share: a bot that records
// what it did, updates and requests as Telegram sends them, and connections for them.
// Only tests import it.
package doortest
