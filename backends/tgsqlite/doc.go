// Package tgsqlite is a tghook.Store in a file of SQLite, for a bot on one machine.
package tgsqlite
