package main

import (
	"context"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
	"github.com/tghook/tghook/libraries/tggotelegram"
)

// newHandler makes the bot, and has it process each update.
func newHandler(token string, transport *tghook.ReplyTransport, greet greeting.Func) (tghook.Handler, error) {
	b, err := bot.New(token, tggotelegram.Options(transport)...)
	if err != nil {
		return nil, err
	}
	register(b, greet)
	return tggotelegram.Handler(b)
}

func register(b *bot.Bot, greet greeting.Func) {
	b.RegisterHandler(bot.HandlerTypeMessageText, "hi", bot.MatchTypeExact,
		func(ctx context.Context, b *bot.Bot, u *models.Update) {
			text, err := greet(ctx)
			if err == nil {
				_, err = b.SendMessage(ctx, &bot.SendMessageParams{ChatID: u.Message.Chat.ID, Text: text})
			}
			tggotelegram.Fail(ctx, err)
		})
	b.RegisterHandler(bot.HandlerTypeMessageText, "bye", bot.MatchTypeExact,
		func(ctx context.Context, b *bot.Bot, u *models.Update) {
			for _, text := range []string{"Goodbye!", "Come again!"} {
				_, err := b.SendMessage(ctx, &bot.SendMessageParams{ChatID: u.Message.Chat.ID, Text: text})
				tggotelegram.Fail(ctx, err)
			}
		})
}
