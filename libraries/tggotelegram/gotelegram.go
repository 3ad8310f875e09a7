package tggotelegram

import (
	"context"
	"time"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/libraries/internal/bridge"
)

// Options are what bot.New needs for [Handler]. Give it your own options behind them:
//
//	bot.New(token, append(tggotelegram.Options(transport), bot.WithMiddlewares(...))...)
//
// They set the HTTP client of the bot, so that its calls go by transport, and its server,
// which is that of transport.Client. They run each handler before ProcessUpdate returns, and
// ignore an update that no handler matches. Set ReplyTransport.Base, and not
// bot.WithHTTPClient, if the calls need a proxy or another transport of yours.
//
// An option can also be applied to a bot that has been made already: option(b).
//
// If transport is nil or has no Client, each call of the bot, such as that of bot.New,
// returns a *[tghook.ConfigError].
func Options(transport *tghook.ReplyTransport) []bot.Option {
	t := bridge.NewTransport(transport)
	server, testEnvironment := t.Server()
	options := []bot.Option{
		bot.WithServerURL(server),
		bot.WithHTTPClient(time.Minute, t.Client()), // the minute is that of the library's own poll
		bot.WithNotAsyncHandlers(),
		bot.WithDefaultHandler(func(context.Context, *bot.Bot, *models.Update) {}),
	}
	if testEnvironment {
		options = append(options, bot.UseTestEnvironment())
	}
	return options
}

// Handler returns a handler that has b process each update. b must have been made with
// [Options]. Otherwise, or if b calls another server or is another bot than the Client of
// its ReplyTransport, the error is a *[tghook.ConfigError].
//
// The update fails if a handler or a middleware of b panics, or calls [Fail]. The bot's
// token is taken out of the error.
//
// Register handlers before the first update. Handler makes b run them synchronously, whatever
// its options say. Do not call b.Start or b.StartWebhook.
func Handler(b *bot.Bot) (tghook.Handler, error) {
	if b == nil {
		return nil, &tghook.ConfigError{Field: "bot", Problem: "nil; make one with bot.New"}
	}
	_, token, err := bridge.Find("tggotelegram.Options", func(ctx context.Context) error {
		_, err := b.GetMe(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	bot.WithNotAsyncHandlers()(b)
	return bridge.Handler(token, func(ctx context.Context, u *models.Update) error {
		b.ProcessUpdate(ctx, u)
		return nil
	}), nil
}

// Fail fails the update of ctx with err, because a handler of the library returns no error.
// ctx is the context of that handler, or one derived from it. The update comes again as if
// the handler had returned err to tghook: [tghook.Drop] and [tghook.RetryAfter] work too.
// Fail does not end the handler. If err is nil, Fail does nothing:
//
//	_, err := b.SendMessage(ctx, ...)
//	tggotelegram.Fail(ctx, err)
//
// If Fail is called more than once for an update, all errors are joined. An error that comes
// after the handler has returned, or with the context of no update, is logged by
// [log/slog.Default]. Fail may be called concurrently.
func Fail(ctx context.Context, err error) { bridge.Fail(ctx, err) }
