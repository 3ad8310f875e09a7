// Package tggotgbot brings updates to a bot of github.com/PaulSonOfLars/gotgbot.
package tggotgbot
