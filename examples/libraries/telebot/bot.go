package main

import (
	"gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
	"github.com/tghook/tghook/libraries/tgtelebot"
)

// newHandler makes the bot, and has it process each update.
func newHandler(token string, transport *tghook.ReplyTransport, greet greeting.Func) (tghook.Handler, error) {
	b, err := telebot.NewBot(tgtelebot.Settings(transport, telebot.Settings{Token: token}))
	if err != nil {
		return nil, err
	}
	register(b, greet)
	return tgtelebot.Handler(b)
}

func register(b *telebot.Bot, greet greeting.Func) {
	b.Handle("hi", func(c telebot.Context) error {
		text, err := greet(tgtelebot.Context(c))
		if err != nil {
			return err
		}
		return c.Send(text)
	})
	b.Handle("bye", func(c telebot.Context) error {
		if err := c.Send("Goodbye!"); err != nil {
			return err
		}
		return c.Send("Come again!")
	})
}
