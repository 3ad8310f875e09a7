package rivals

import (
	"context"
	"net/http"

	api "github.com/go-telegram-bot-api/telegram-bot-api/v5"
)

var tgbotapi = Library{
	Name: "tgbotapi",
	Has:  []string{"method"},
	Receive: func(handle Handle) (*Receiver, error) {
		b := newTgbotapi()
		return &Receiver{HTTP: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			u, err := b.HandleUpdate(r)
			if err != nil {
				rw.WriteHeader(http.StatusBadRequest)
				return
			}
			handle(int64(u.UpdateID))
			rw.WriteHeader(http.StatusOK)
		})}, nil
	},
	Bot: func(handle Handle) (*Receiver, error) {
		updates := newTgbotapi().ListenForWebhook(Path)
		go func() {
			for u := range updates {
				handle(int64(u.UpdateID))
			}
		}()
		return &Receiver{HTTP: http.DefaultServeMux}, nil
	},
	Poll: func(ctx context.Context, url, token string, handle Handle) error {
		b, err := api.NewBotAPIWithAPIEndpoint(token, url+"/bot%s/%s")
		if err != nil {
			return err
		}
		poll := api.NewUpdate(0)
		poll.Timeout = 60
		defer context.AfterFunc(ctx, b.StopReceivingUpdates)()
		for u := range b.GetUpdatesChan(poll) {
			handle(int64(u.UpdateID))
		}
		return nil
	},
	Update: func() any { return new(api.Update) },
	Typed:  typed(func(u *api.Update) int64 { return int64(u.UpdateID) }),
}

// newTgbotapi returns the result of NewBotAPI, without its call of getMe.
func newTgbotapi() *api.BotAPI {
	return &api.BotAPI{Token: token, Client: http.DefaultClient, Buffer: 100}
}
