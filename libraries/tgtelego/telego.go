package tgtelego

import (
	"context"
	"errors"
	"sync"

	"github.com/mymmrac/telego"
	"github.com/mymmrac/telego/telegohandler"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/libraries/internal/bridge"
)

// Options are what telego.NewBot needs for [Handler]. Give it your own options behind them:
//
//	telego.NewBot(token, append(tgtelego.Options(transport), telego.WithDiscardLogger())...)
//
// They have the bot make its calls by net/http and transport, in place of fasthttp, and call
// the server of transport.Client. Set ReplyTransport.Base, and not telego.WithHTTPClient, if
// the calls need a proxy or another transport of yours.
//
// An option can also be applied to a bot that has been made already: option(b).
//
// If transport is nil or has no Client, each call of the bot returns a *[tghook.ConfigError].
func Options(transport *tghook.ReplyTransport) []telego.BotOption {
	t := bridge.NewTransport(transport)
	server, testEnvironment := t.Server()
	options := []telego.BotOption{telego.WithAPIServer(server), telego.WithHTTPClient(t.Client())}
	if testEnvironment {
		options = append(options, telego.WithTestServerPath())
	}
	return options
}

// Handler returns a handler that has the handlers of h handle each update with b. b must have
// been made with [Options]. Otherwise, or if b calls another server or is another bot than
// the Client of its ReplyTransport, the error is a *[tghook.ConfigError].
//
// Make h without a channel of updates, and do not start it:
//
//	h, err := telegohandler.NewBotHandler(b, nil)
//
// The update fails with the error that a handler or a middleware of h returns, or with its
// panic. The bot's token is taken out of that error. An error handler that h was made with
// is not called. The context of a handler is that of the update.
//
// Register handlers before the first update. Leave out telegohandler.PanicRecovery, because
// it turns a panic into success.
func Handler(b *telego.Bot, h *telegohandler.BotHandler) (tghook.Handler, error) {
	if b == nil || h == nil {
		return nil, &tghook.ConfigError{Field: "bot", Problem: "it or its BotHandler is nil; make them with telego.NewBot and telegohandler.NewBotHandler"}
	}
	_, token, err := bridge.Find("tgtelego.Options", func(ctx context.Context) error {
		_, err := b.GetMe(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	warmUp()
	return bridge.Handler(token, func(ctx context.Context, u *telego.Update) error {
		return dispatch(ctx, b, h.BaseGroup(), *u)
	}), nil
}

// warmUp has telego compile its code for the JSON of an update, which it copies by JSON. That
// takes half a second of a processor, in which otherwise the first update would wait.
var warmUp = sync.OnceFunc(func() { telego.Update{}.Clone() })

// dispatch has the handlers of group handle one update, and waits for them. A BotHandler
// that serves all updates would start a goroutine for each, which knows neither the update's
// context nor who waits. So each update has a BotHandler, with a middleware that knows both.
func dispatch(ctx context.Context, b *telego.Bot, group *telegohandler.HandlerGroup, u telego.Update) error {
	updates := make(chan telego.Update, 1)
	updates <- u
	close(updates)
	one, err := telegohandler.NewBotHandler(b, updates)
	if err != nil {
		return err
	}
	err = guard.ErrGoexit // unless Next returns or panics
	one.Use(func(c *telegohandler.Context, u telego.Update) error {
		err = guard.Call(func() error { return c.WithContext(ctx).Next(u) })
		return nil
	})
	*one.Group() = *group
	if err := errors.Join(one.Start(), one.Stop()); err != nil { // Stop waits for the goroutine
		return err
	}
	return err
}
