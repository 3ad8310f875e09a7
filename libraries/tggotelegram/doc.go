// Package tggotelegram brings updates to a bot of github.com/go-telegram/bot, by webhook or
// by long poll:
//
//	package main
//
//	import (
//		"context"
//		"log"
//
//		"github.com/go-telegram/bot"
//		"github.com/go-telegram/bot/models"
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/libraries/tggotelegram"
//	)
//
//	func main() {
//		cfg, err := tghook.FromEnv() // TELEGRAM_TOKEN, and TELEGRAM_WEBHOOK_URL for a webhook
//		if err != nil {
//			log.Fatal(err)
//		}
//		client, err := tghook.NewClient(cfg.Token, cfg.Client)
//		if err != nil {
//			log.Fatal(err)
//		}
//		transport := &tghook.ReplyTransport{Client: client, AllowNoResult: true}
//		b, err := bot.New(cfg.Token, tggotelegram.Options(transport)...)
//		if err != nil {
//			log.Fatal(err)
//		}
//		b.RegisterHandler(bot.HandlerTypeMessageText, "hi", bot.MatchTypeExact,
//			func(ctx context.Context, b *bot.Bot, u *models.Update) {
//				_, err := b.SendMessage(ctx, &bot.SendMessageParams{ChatID: u.Message.Chat.ID, Text: "Hello!"})
//				tggotelegram.Fail(ctx, err)
//			})
//		handler, err := tggotelegram.Handler(b)
//		if err != nil {
//			log.Fatal(err)
//		}
//		log.Fatal(tghook.Run(context.Background(), handler, cfg))
//	}
//
// The last call of a handler is sent in the HTTP response to the webhook's request, if one
// waits: see [tghook.ReplyTransport]. Calls by a goroutine that goes on after its handler
// need [context.WithoutCancel] of the handler's context. With that context itself they
// return an error, which is logged too.
package tggotelegram
