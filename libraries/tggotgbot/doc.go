// Package tggotgbot brings updates to a bot of github.com/PaulSonOfLars/gotgbot, by webhook or
// by long poll:
//
//	package main
//
//	import (
//		"context"
//		"log"
//
//		"github.com/PaulSonOfLars/gotgbot/v2"
//		"github.com/PaulSonOfLars/gotgbot/v2/ext"
//		"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers"
//		"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers/filters/message"
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/libraries/tggotgbot"
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
//		b, err := gotgbot.NewBot(cfg.Token, tggotgbot.Options(transport))
//		if err != nil {
//			log.Fatal(err)
//		}
//		d := ext.NewDispatcher(nil)
//		d.AddHandler(handlers.NewMessage(message.Equal("hi"), func(b *gotgbot.Bot, c *ext.Context) error {
//			_, err := b.SendMessage(c.EffectiveChat.Id, "Hello!", nil)
//			return err
//		}))
//		handler, err := tggotgbot.Handler(b, d)
//		if err != nil {
//			log.Fatal(err)
//		}
//		log.Fatal(tghook.Run(context.Background(), handler, cfg))
//	}
//
// The last call of a handler is sent in the HTTP response to the webhook's request, if one
// waits: see [tghook.ReplyTransport]. Calls by a goroutine that goes on after its handler
// need [context.WithoutCancel] of [Context]. By the bot of the handler alone they return an
// error, which is logged too.
package tggotgbot
