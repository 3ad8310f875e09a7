// Package tgtelebot brings updates to a bot of gopkg.in/telebot.v4, by webhook or by long
// poll:
//
//	package main
//
//	import (
//		"context"
//		"log"
//
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/libraries/tgtelebot"
//		"gopkg.in/telebot.v4"
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
//		b, err := telebot.NewBot(tgtelebot.Settings(transport, telebot.Settings{Token: cfg.Token}))
//		if err != nil {
//			log.Fatal(err)
//		}
//		b.Handle("hi", func(c telebot.Context) error { return c.Send("Hello!") })
//		handler, err := tgtelebot.Handler(b)
//		if err != nil {
//			log.Fatal(err)
//		}
//		log.Fatal(tghook.Run(context.Background(), handler, cfg))
//	}
//
// The last call of a handler is sent in the HTTP response to the webhook's request, if one
// waits: see [tghook.ReplyTransport]. A goroutine that goes on after its handler must make
// its calls by the bot that has the handlers. By its telebot.Context they return an error,
// which is logged too.
package tgtelebot
