package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"

	"github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/PaulSonOfLars/gotgbot/v2/ext"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers/filters/message"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

// newHandler lets the library dispatch each update while tghook waits.
func newHandler(cfg tghook.RunConfig, transport *tghook.ReplyTransport, greet greeting.Func) (tghook.Handler, error) {
	b, err := gotgbot.NewBot(cfg.Token, &gotgbot.BotOpts{BotClient: &gotgbot.BaseBotClient{
		Client:             http.Client{Transport: transport},
		DefaultRequestOpts: &gotgbot.RequestOpts{APIURL: cmp.Or(cfg.Client.BaseURL, gotgbot.DefaultAPIURL)},
	}})
	if err != nil {
		return nil, err
	}
	dispatcher := ext.NewDispatcher(&ext.DispatcherOpts{
		Error: func(_ *gotgbot.Bot, c *ext.Context, err error) ext.DispatcherAction {
			c.Data["error"] = err
			return ext.DispatcherActionEndGroups
		},
		Panic: func(_ *gotgbot.Bot, _ *ext.Context, value any) { panic(value) },
	})
	register(dispatcher, greet)
	return tghook.Typed(func(ctx context.Context, u *gotgbot.Update) (tghook.Reply, error) {
		own := *b
		own.BotClient = boundClient{b.BotClient, ctx}
		data := map[string]any{"ctx": ctx}
		err := dispatcher.ProcessUpdate(&own, u, data)
		if failure, failed := data["error"].(error); failed {
			err = failure
		}
		return tghook.NoReply, err
	}), nil
}

// boundClient uses the context of one update for calls that get no context.
type boundClient struct {
	gotgbot.BotClient

	ctx context.Context
}

func (c boundClient) RequestWithContext(ctx context.Context, token, method string, params map[string]any, opts *gotgbot.RequestOpts) (json.RawMessage, error) {
	if ctx == context.Background() { // the call's method takes no context
		ctx = c.ctx
	}
	return c.BotClient.RequestWithContext(ctx, token, method, params, opts)
}

func register(d *ext.Dispatcher, greet greeting.Func) {
	d.AddHandler(handlers.NewMessage(message.Equal("hi"), func(b *gotgbot.Bot, c *ext.Context) error {
		text, err := greet(c.Data["ctx"].(context.Context))
		if err != nil {
			return err
		}
		_, err = b.SendMessage(c.EffectiveChat.Id, text, nil)
		return err
	}))
	d.AddHandler(handlers.NewMessage(message.Equal("bye"), func(b *gotgbot.Bot, c *ext.Context) error {
		if _, err := b.SendMessage(c.EffectiveChat.Id, "Goodbye!", nil); err != nil {
			return err
		}
		_, err := b.SendMessage(c.EffectiveChat.Id, "Come again!", nil)
		return err
	}))
}
