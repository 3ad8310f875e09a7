// Package clients shows that bot libraries work with tghooktest.Server as they do with
// Telegram. Only the address of the Bot API is changed.
package clients
