package main

import (
	"github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/PaulSonOfLars/gotgbot/v2/ext"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers/filters/message"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
	"github.com/tghook/tghook/libraries/tggotgbot"
)

// newHandler makes the bot, and has a Dispatcher process each update.
func newHandler(token string, transport *tghook.ReplyTransport, greet greeting.Func) (tghook.Handler, error) {
	b, err := gotgbot.NewBot(token, tggotgbot.Options(transport))
	if err != nil {
		return nil, err
	}
	dispatcher := ext.NewDispatcher(nil)
	register(dispatcher, greet)
	return tggotgbot.Handler(b, dispatcher)
}

func register(d *ext.Dispatcher, greet greeting.Func) {
	d.AddHandler(handlers.NewMessage(message.Equal("hi"), func(b *gotgbot.Bot, c *ext.Context) error {
		text, err := greet(tggotgbot.Context(c))
		if err != nil {
			return err
		}
		_, err = b.SendMessage(c.EffectiveChat.Id, text, nil)
		return err
	}))
	d.AddHandler(handlers.NewMessage(message.Equal("bye"), func(b *gotgbot.Bot, c *ext.Context) error {
		if _, err := b.SendMessage(c.EffectiveChat.Id, "Goodbye!", nil); err != nil {
			return err
		}
		_, err := b.SendMessage(c.EffectiveChat.Id, "Come again!", nil)
		return err
	}))
}
