package rivals

import (
	"context"
	"time"

	tele "gopkg.in/telebot.v4"
)

var telebot = Library{
	Name: "telebot",
	Has:  []string{"secret"},
	Receive: func(handle Handle) (*Receiver, error) {
		hook, b, err := newTelebot()
		if err != nil {
			return nil, err
		}
		go func() {
			for u := range b.Updates {
				handle(int64(u.ID))
			}
		}()
		return &Receiver{HTTP: hook}, nil
	},
	Bot: func(handle Handle) (*Receiver, error) {
		hook, b, err := newTelebot()
		if err != nil {
			return nil, err
		}
		telebotHandler(b, handle)
		go b.Start()
		return &Receiver{HTTP: hook, Stop: func(ctx context.Context, server func(context.Context) error) error {
			err := server(ctx)
			b.Stop()
			return err
		}}, nil
	},
	Poll: func(ctx context.Context, url, token string, handle Handle) error {
		b, err := tele.NewBot(tele.Settings{URL: url, Token: token, Poller: &tele.LongPoller{Timeout: 10 * time.Second}})
		if err != nil {
			return err
		}
		telebotHandler(b, handle)
		defer context.AfterFunc(ctx, b.Stop)()
		b.Start()
		return nil
	},
	Update: func() any { return new(tele.Update) },
	Typed:  typed(func(u *tele.Update) int64 { return int64(u.ID) }),
}

func newTelebot() (*tele.Webhook, *tele.Bot, error) {
	hook := &tele.Webhook{SecretToken: Secret, IgnoreSetWebhook: true}
	b, err := tele.NewBot(tele.Settings{Token: token, Poller: mounted{}, Offline: true, OnError: func(error, tele.Context) {}})
	if err != nil {
		return nil, nil, err
	}
	stopped := make(chan struct{})
	close(stopped)
	hook.Poll(b, b.Updates, stopped)
	return hook, b, nil
}

func telebotHandler(b *tele.Bot, handle Handle) {
	for _, endpoint := range []string{tele.OnText, tele.OnPhoto, tele.OnCallback} {
		b.Handle(endpoint, func(c tele.Context) error {
			handle(int64(c.Update().ID))
			return nil
		})
	}
}

// mounted is a poller in the place of a Webhook whose Poll was called. That Poll only sets
// the Webhook's channel, and would race with the first update.
type mounted struct{}

func (mounted) Poll(_ *tele.Bot, _ chan tele.Update, stop chan struct{}) { <-stop }
