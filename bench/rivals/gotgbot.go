package rivals

import (
	"context"
	"errors"
	"strings"
	"time"

	gotg "github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/PaulSonOfLars/gotgbot/v2/ext"
)

var gotgbot = Library{
	Name: "gotgbot",
	Has:  []string{"secret", "panic"},
	Receive: func(handle Handle) (*Receiver, error) {
		b, err := gotg.NewBot(token, &gotg.BotOpts{DisableTokenCheck: true})
		if err != nil {
			return nil, err
		}
		u := newGotgbot(handle)
		if err := u.AddWebhook(b, strings.TrimPrefix(Path, "/"), &ext.AddWebhookOpts{SecretToken: Secret}); err != nil {
			return nil, err
		}
		return &Receiver{HTTP: u.GetHandlerFunc("/"), Stop: func(ctx context.Context, server func(context.Context) error) error {
			return errors.Join(server(ctx), u.Stop())
		}}, nil
	},
	Poll: func(ctx context.Context, url, token string, handle Handle) error {
		b, err := gotg.NewBot(token, &gotg.BotOpts{BotClient: &gotg.BaseBotClient{DefaultRequestOpts: &gotg.RequestOpts{APIURL: url}}})
		if err != nil {
			return err
		}
		u := newGotgbot(handle)
		err = u.StartPolling(b, &ext.PollingOpts{GetUpdatesOpts: &gotg.GetUpdatesOpts{
			Timeout:     9,
			RequestOpts: &gotg.RequestOpts{Timeout: 10 * time.Second, APIURL: url},
		}})
		if err != nil {
			return err
		}
		<-ctx.Done()
		return u.Stop()
	},
	Update: func() any { return new(gotg.Update) },
	Typed:  typed(func(u *gotg.Update) int64 { return u.UpdateId }),
}

func newGotgbot(handle Handle) *ext.Updater {
	d := ext.NewDispatcher(nil)
	d.AddHandler(every(handle))
	return ext.NewUpdater(d, nil)
}

// every is a handler for all updates.
type every Handle

func (every) Name() string                             { return "every" }
func (every) CheckUpdate(*gotg.Bot, *ext.Context) bool { return true }

func (e every) HandleUpdate(_ *gotg.Bot, c *ext.Context) error {
	e(c.UpdateId)
	return nil
}
