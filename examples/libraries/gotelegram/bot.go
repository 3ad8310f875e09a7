package main

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

// newHandler lets the library dispatch each update while tghook waits.
func newHandler(cfg tghook.RunConfig, transport *tghook.ReplyTransport, greet greeting.Func) (tghook.Handler, error) {
	b, err := bot.New(cfg.Token,
		bot.WithServerURL(cmp.Or(cfg.Client.BaseURL, "https://api.telegram.org")),
		bot.WithHTTPClient(time.Minute, &http.Client{Transport: transport}),
		bot.WithNotAsyncHandlers(), // else handlers go on after ProcessUpdate has returned
		bot.WithDefaultHandler(func(context.Context, *bot.Bot, *models.Update) {}),
	)
	if err != nil {
		return nil, err
	}
	register(b, greet)
	return tghook.Typed(func(ctx context.Context, u *models.Update) (reply tghook.Reply, err error) {
		b.ProcessUpdate(context.WithValue(ctx, failureKey{}, &err), u)
		return tghook.NoReply, err
	}), nil
}

type failureKey struct{}

// failing is a handler that returns an error, which the library's own handlers cannot.
func failing(h func(context.Context, *bot.Bot, *models.Update) error) bot.HandlerFunc {
	return func(ctx context.Context, b *bot.Bot, u *models.Update) {
		*ctx.Value(failureKey{}).(*error) = h(ctx, b, u)
	}
}

func register(b *bot.Bot, greet greeting.Func) {
	b.RegisterHandler(bot.HandlerTypeMessageText, "hi", bot.MatchTypeExact, failing(
		func(ctx context.Context, b *bot.Bot, u *models.Update) error {
			text, err := greet(ctx)
			if err != nil {
				return err
			}
			_, err = b.SendMessage(ctx, &bot.SendMessageParams{ChatID: u.Message.Chat.ID, Text: text})
			return err
		}))
	b.RegisterHandler(bot.HandlerTypeMessageText, "bye", bot.MatchTypeExact, failing(
		func(ctx context.Context, b *bot.Bot, u *models.Update) error {
			_, err := b.SendMessage(ctx, &bot.SendMessageParams{ChatID: u.Message.Chat.ID, Text: "Goodbye!"})
			if err != nil {
				return err
			}
			_, err = b.SendMessage(ctx, &bot.SendMessageParams{ChatID: u.Message.Chat.ID, Text: "Come again!"})
			return err
		}))
}
