package tggotgbot

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/PaulSonOfLars/gotgbot/v2/ext"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/libraries/internal/bridge"
)

// Options are what gotgbot.NewBot needs for [Handler]. You may change its other fields. Its
// BotClient makes the calls by transport, and calls the server of transport.Client. A
// BotClient of your own may wrap it. Set ReplyTransport.Base if the calls need a proxy or
// another transport of yours.
//
// For a bot that has been made already, set its BotClient to that of Options.
//
// If transport is nil or has no Client, each call of the bot, such as that of
// gotgbot.NewBot, returns a *[tghook.ConfigError].
func Options(transport *tghook.ReplyTransport) *gotgbot.BotOpts {
	t := bridge.NewTransport(transport)
	server, testEnvironment := t.Server()
	return &gotgbot.BotOpts{BotClient: &gotgbot.BaseBotClient{
		Client:             *t.Client(),
		UseTestEnvironment: testEnvironment,
		DefaultRequestOpts: &gotgbot.RequestOpts{APIURL: server},
	}}
}

// Handler returns a handler that has d process each update with b. b must have been made with
// [Options]. Otherwise, or if b calls another server or is another bot than the Client of
// its ReplyTransport, the error is a *[tghook.ConfigError].
//
// The update fails with the error that a handler of d returns, or with its panic. The bot's
// token is taken out of that error. Handler sets d.Error and d.Processor for this. An Error
// or a Processor that d has is called as before, and so is its Panic. If d has no Error, no
// later group runs after an error.
//
// Each update has a copy of b, which makes its calls with the context of the update: make
// them by the bot that the handler gets. The library's timeout of 5 seconds holds as before.
//
// Register handlers before the first update. Give d to no Updater.
func Handler(b *gotgbot.Bot, d *ext.Dispatcher) (tghook.Handler, error) {
	if b == nil || d == nil {
		return nil, &tghook.ConfigError{Field: "bot", Problem: "it or its Dispatcher is nil; make them with gotgbot.NewBot and ext.NewDispatcher"}
	}
	_, token, err := bridge.Find("tggotgbot.Options", func(ctx context.Context) error {
		_, err := b.GetMeWithContext(ctx, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	report(d)
	return bridge.Handler(token, func(ctx context.Context, u *gotgbot.Update) error {
		own := *b
		own.BotClient = boundClient{b.BotClient, ctx}
		return d.ProcessUpdate(&own, u, map[string]any{contextKey: ctx})
	}), nil
}

// report has d report errors and panics. If two bots share d, it does so once.
func report(d *ext.Dispatcher) {
	if _, done := d.Processor.(processor); done {
		return
	}
	d.Processor = processor{d.Processor}
	next := d.Error
	d.Error = func(b *gotgbot.Bot, c *ext.Context, err error) ext.DispatcherAction {
		bridge.Fail(Context(c), err)
		if next == nil {
			return ext.DispatcherActionEndGroups
		}
		return next(b, c, err)
	}
}

// processor turns a panic into an error, because the library would only log it.
type processor struct{ ext.Processor }

// ProcessUpdate implements [ext.Processor].
func (p processor) ProcessUpdate(d *ext.Dispatcher, b *gotgbot.Bot, c *ext.Context) error {
	err := guard.Call(func() error { return p.Processor.ProcessUpdate(d, b, c) })
	var panicked *tghook.PanicError
	if d.Panic != nil && errors.As(err, &panicked) {
		d.Panic(b, c, panicked.Value)
	}
	return err
}

// boundClient makes calls with the context of one update.
type boundClient struct {
	gotgbot.BotClient

	ctx context.Context
}

// RequestWithContext implements [gotgbot.BotClient].
func (c boundClient) RequestWithContext(ctx context.Context, token, method string, params map[string]any, opts *gotgbot.RequestOpts) (json.RawMessage, error) {
	if ctx == context.Background() { // the call's method takes no context
		ctx = c.ctx
	}
	return c.BotClient.RequestWithContext(ctx, token, method, params, opts)
}

// contextKey has the context of the update in the Data of an ext.Context.
const contextKey = "github.com/tghook/tghook/libraries/tggotgbot"

// Context returns the context of the update that c belongs to, for [tghook.FromContext],
// [tghook.IsLate], calls of other services, and the library's methods WithContext. It ends
// when the handler must end. If c does not come from [Handler], as in a test of your own,
// Context returns [context.Background].
func Context(c *ext.Context) context.Context {
	if ctx, ok := c.Data[contextKey].(context.Context); ok {
		return ctx
	}
	return context.Background()
}
