// Package rig holds what the tests of several packages need: a bot that keeps a record of
// what it did, a Bot API, a Store, updates as Telegram sends them, and waits. Only tests
// import it.
package rig
