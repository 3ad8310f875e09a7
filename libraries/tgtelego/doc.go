// Package tgtelego brings updates to a bot of github.com/mymmrac/telego, by webhook or by
// long poll:
//
//	package main
//
//	import (
//		"context"
//		"log"
//
//		"github.com/mymmrac/telego"
//		"github.com/mymmrac/telego/telegohandler"
//		"github.com/mymmrac/telego/telegoutil"
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/libraries/tgtelego"
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
//		b, err := telego.NewBot(cfg.Token, tgtelego.Options(transport)...)
//		if err != nil {
//			log.Fatal(err)
//		}
//		h, err := telegohandler.NewBotHandler(b, nil)
//		if err != nil {
//			log.Fatal(err)
//		}
//		h.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
//			_, err := ctx.Bot().SendMessage(ctx, telegoutil.Message(u.Message.Chat.ChatID(), "Hello!"))
//			return err
//		}, telegohandler.TextEqual("hi"))
//		handler, err := tgtelego.Handler(b, h)
//		if err != nil {
//			log.Fatal(err)
//		}
//		log.Fatal(tghook.Run(context.Background(), handler, cfg))
//	}
//
// The last call of a handler is sent in the HTTP response to the webhook's request, if one
// waits: see [tghook.ReplyTransport]. Calls by a goroutine that goes on after its handler
// need WithoutCancel of the handler's context. With that context itself they return an
// error, which is logged too.
package tgtelego
