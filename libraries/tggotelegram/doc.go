// Package tggotelegram brings updates to a bot of github.com/go-telegram/bot.
package tggotelegram
