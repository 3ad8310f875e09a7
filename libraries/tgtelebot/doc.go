// Package tgtelebot brings updates to a bot of gopkg.in/telebot.v4.
package tgtelebot
