// Package clients shows that bot libraries, unchanged but for the API's address,
// take tghooktest.Server for Telegram.
package clients
