package main

import (
	"github.com/mymmrac/telego"
	"github.com/mymmrac/telego/telegohandler"
	"github.com/mymmrac/telego/telegoutil"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
	"github.com/tghook/tghook/libraries/tgtelego"
)

// newHandler makes the bot, and has a BotHandler handle each update.
func newHandler(token string, transport *tghook.ReplyTransport, greet greeting.Func) (tghook.Handler, error) {
	b, err := telego.NewBot(token, tgtelego.Options(transport)...)
	if err != nil {
		return nil, err
	}
	h, err := telegohandler.NewBotHandler(b, nil)
	if err != nil {
		return nil, err
	}
	register(h, greet)
	return tgtelego.Handler(b, h)
}

func register(h *telegohandler.BotHandler, greet greeting.Func) {
	h.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
		text, err := greet(ctx)
		if err != nil {
			return err
		}
		_, err = ctx.Bot().SendMessage(ctx, telegoutil.Message(u.Message.Chat.ChatID(), text))
		return err
	}, telegohandler.TextEqual("hi"))
	h.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
		_, err := ctx.Bot().SendMessage(ctx, telegoutil.Message(u.Message.Chat.ChatID(), "Goodbye!"))
		if err != nil {
			return err
		}
		_, err = ctx.Bot().SendMessage(ctx, telegoutil.Message(u.Message.Chat.ChatID(), "Come again!"))
		return err
	}, telegohandler.TextEqual("bye"))
}
