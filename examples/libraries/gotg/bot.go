package main

import (
	"cmp"
	"context"
	"net/http"

	"github.com/mr-linch/go-tg"
	"github.com/mr-linch/go-tg/tgb"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/discreet"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

// newHandler lets the library dispatch each update while tghook waits.
func newHandler(cfg tghook.RunConfig, transport *tghook.ReplyTransport, greet greeting.Func) tghook.Handler {
	client := tg.New(cfg.Token,
		tg.WithClientServerURL(cmp.Or(cfg.Client.BaseURL, "https://api.telegram.org")),
		tg.WithClientDoer(discreet.Client{HTTP: &http.Client{Transport: transport}, Token: cfg.Token}),
	)
	router := newRouter(greet)
	return tghook.Typed(func(ctx context.Context, u *tg.Update) (tghook.Reply, error) {
		return tghook.NoReply, router.Handle(ctx, &tgb.Update{Update: u, Client: client})
	})
}

func newRouter(greet greeting.Func) *tgb.Router {
	return tgb.NewRouter().
		Message(func(ctx context.Context, m *tgb.MessageUpdate) error {
			text, err := greet(ctx)
			if err != nil {
				return err
			}
			return m.Answer(text).DoVoid(ctx)
		}, tgb.TextEqual("hi")).
		Message(func(ctx context.Context, m *tgb.MessageUpdate) error {
			if err := m.Answer("Goodbye!").DoVoid(ctx); err != nil {
				return err
			}
			return m.Answer("Come again!").DoVoid(ctx)
		}, tgb.TextEqual("bye"))
}
