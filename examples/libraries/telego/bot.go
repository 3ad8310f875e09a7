package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/mymmrac/telego"
	"github.com/mymmrac/telego/telegohandler"
	"github.com/mymmrac/telego/telegoutil"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/discreet"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

// newHandler lets the library dispatch each update while tghook waits.
func newHandler(cfg tghook.RunConfig, transport *tghook.ReplyTransport, greet greeting.Func) (tghook.Handler, error) {
	b, err := telego.NewBot(cfg.Token,
		telego.WithAPIServer(cmp.Or(cfg.Client.BaseURL, "https://api.telegram.org")),
		telego.WithHTTPClient(&http.Client{Transport: transport}), // in place of fasthttp
	)
	if err != nil {
		return nil, err
	}
	return tghook.Typed(func(ctx context.Context, u *telego.Update) (tghook.Reply, error) {
		err := dispatch(ctx, b, *u, func(h *telegohandler.BotHandler) { register(h, greet) })
		return tghook.NoReply, discreet.Error(err, cfg.Token)
	}), nil
}

// dispatch runs a BotHandler for one update and waits for it. The handlers of a BotHandler
// that serves all updates run in goroutines of their own, without the update's context.
func dispatch(ctx context.Context, b *telego.Bot, u telego.Update, register func(*telegohandler.BotHandler)) (err error) {
	updates := make(chan telego.Update, 1)
	updates <- u
	close(updates)
	h, err := telegohandler.NewBotHandler(b, updates)
	if err != nil {
		return err
	}
	err = errors.New("the handler ended its goroutine") // unless Next returns
	var panicked error
	h.Use(func(c *telegohandler.Context, u telego.Update) error {
		defer func() {
			if value := recover(); value != nil { // in this goroutine it would end the process
				panicked = fmt.Errorf("%v\n%s", value, debug.Stack())
			}
		}()
		err = c.WithContext(ctx).Next(u)
		return nil
	})
	register(h)
	if err := h.Start(); err != nil {
		return err
	}
	if err := h.Stop(); err != nil { // Stop waits for the handler
		return err
	}
	if panicked != nil {
		panic(panicked)
	}
	return err
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
