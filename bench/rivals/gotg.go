package rivals

import (
	"context"

	"github.com/mr-linch/go-tg"
	"github.com/mr-linch/go-tg/tgb"
)

var goTG = Library{
	Name: "go_tg",
	Has:  []string{"method", "source", "secret", "type", "crash"},
	Receive: func(handle Handle) (*Receiver, error) {
		return &Receiver{HTTP: tgb.NewWebhook(goTGHandler(handle), tg.New(token), "https://bot.example.org"+Path,
			tgb.WithWebhookSecurityToken(Secret), tgb.WithWebhookSecuritySubnets(sources...))}, nil
	},
	Poll: func(ctx context.Context, url, token string, handle Handle) error {
		return tgb.NewPoller(goTGHandler(handle), tg.New(token, tg.WithClientServerURL(url))).Run(ctx)
	},
	Update: func() any { return new(tg.Update) },
	Typed:  typed(func(u *tg.Update) int64 { return int64(u.ID) }),
}

func goTGHandler(handle Handle) tgb.Handler {
	return tgb.HandlerFunc(func(_ context.Context, u *tgb.Update) error {
		handle(int64(u.ID))
		return nil
	})
}
