package main

import (
	"context"
	"net/http"

	"gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

// newHandler lets the library dispatch each update while tghook waits.
func newHandler(cfg tghook.RunConfig, transport *tghook.ReplyTransport, greet greeting.Func) (tghook.Handler, error) {
	settings := telebot.Settings{
		URL:         cfg.Client.BaseURL,
		Token:       cfg.Token,
		Client:      &http.Client{Transport: transport},
		Synchronous: true, // else handlers go on after ProcessContext has returned
		OnError:     func(err error, c telebot.Context) { c.Set("error", err) },
	}
	b, err := telebot.NewBot(settings)
	if err != nil {
		return nil, err
	}
	register(b, greet)
	return tghook.Typed(func(ctx context.Context, u *telebot.Update) (tghook.Reply, error) {
		own, err := boundTo(ctx, b, settings, transport)
		if err != nil {
			return tghook.NoReply, err
		}
		c := telebot.NewContext(own, *u)
		c.Set("ctx", ctx)
		b.ProcessContext(c)
		err, _ = c.Get("error").(error)
		return tghook.NoReply, err
	}), nil
}

// boundTo returns a bot whose calls use the context of one update, because the library's
// calls take no context. Making this bot needs no call. It has no handlers: b has them.
func boundTo(ctx context.Context, b *telebot.Bot, settings telebot.Settings, transport *tghook.ReplyTransport) (*telebot.Bot, error) {
	settings.Client, settings.Offline, settings.Updates = transport.With(ctx), true, 1
	own, err := telebot.NewBot(settings)
	if err != nil {
		return nil, err
	}
	own.Me = b.Me
	return own, nil
}

func register(b *telebot.Bot, greet greeting.Func) {
	b.Handle("hi", func(c telebot.Context) error {
		text, err := greet(c.Get("ctx").(context.Context))
		if err != nil {
			return err
		}
		return c.Send(text)
	})
	b.Handle("bye", func(c telebot.Context) error {
		if err := c.Send("Goodbye!"); err != nil {
			return err
		}
		return c.Send("Come again!")
	})
}
