package rivals

import (
	"context"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
)

var goTelegram = Library{
	Name: "go_telegram",
	Has:  []string{"secret"},
	Receive: func(handle Handle) (*Receiver, error) {
		b, err := bot.New(token, bot.WithSkipGetMe(), bot.WithWebhookSecretToken(Secret), bot.WithErrorsHandler(func(error) {}),
			bot.WithDefaultHandler(func(_ context.Context, _ *bot.Bot, u *models.Update) { handle(u.ID) }))
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b.StartWebhook(ctx)
		}()
		return &Receiver{HTTP: b.WebhookHandler(), Stop: func(ctx context.Context, server func(context.Context) error) error {
			err := server(ctx)
			cancel()
			<-ended
			return err
		}}, nil
	},
	Poll: func(ctx context.Context, url, token string, handle Handle) error {
		b, err := bot.New(token, bot.WithServerURL(url),
			bot.WithDefaultHandler(func(_ context.Context, _ *bot.Bot, u *models.Update) { handle(u.ID) }))
		if err != nil {
			return err
		}
		b.Start(ctx)
		return nil
	},
	Update: func() any { return new(models.Update) },
	Typed:  typed(func(u *models.Update) int64 { return u.ID }),
}
