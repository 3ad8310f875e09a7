package main

import (
	"cmp"
	"context"
	"net/http"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/discreet"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

// newHandler gives each update a bot whose calls use the update's context, because the
// library's calls take no context.
func newHandler(cfg tghook.RunConfig, transport *tghook.ReplyTransport, greet greeting.Func) (tghook.Handler, error) {
	server := cmp.Or(cfg.Client.BaseURL, "https://api.telegram.org")
	b, err := tgbotapi.NewBotAPIWithClient(cfg.Token, server+"/bot%s/%s", discreet.Client{HTTP: &http.Client{Transport: transport}, Token: cfg.Token})
	if err != nil {
		return nil, err
	}
	return tghook.Typed(func(ctx context.Context, u *tgbotapi.Update) (tghook.Reply, error) {
		own := *b
		own.Client = discreet.Client{HTTP: transport.With(ctx), Token: cfg.Token}
		return tghook.NoReply, handle(ctx, &own, u, greet)
	}), nil
}

// handle does the work of a loop over the library's updates channel.
func handle(ctx context.Context, b *tgbotapi.BotAPI, u *tgbotapi.Update, greet greeting.Func) error {
	if u.Message == nil {
		return nil
	}
	switch u.Message.Text {
	case "hi":
		text, err := greet(ctx)
		if err != nil {
			return err
		}
		_, err = b.Send(tgbotapi.NewMessage(u.Message.Chat.ID, text))
		return err
	case "bye":
		if _, err := b.Send(tgbotapi.NewMessage(u.Message.Chat.ID, "Goodbye!")); err != nil {
			return err
		}
		_, err := b.Send(tgbotapi.NewMessage(u.Message.Chat.ID, "Come again!"))
		return err
	}
	return nil
}
