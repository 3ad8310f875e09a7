// Package rivals sets up the webhook receivers and the pollers of other bot libraries,
// each as its own documentation does. To measure all in the same way, they check the
// secret and the sender's address if they can.
package rivals

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/valyala/fasthttp"

	"github.com/tghook/tghook"
)

const (
	// Path is where every receiver has its webhook.
	Path = "/telegram"
	// Secret is the secret token of every receiver that checks one.
	Secret = "bench-secret-0123456789"

	token = "7000000001:AAbench_stand_in_token_0123456789ab"
)

// Handle is the work of a bot on a decoded update. It gets the update's id. It is called
// concurrently.
type Handle func(id int64)

// Unmarshal decodes as json.Unmarshal does.
type Unmarshal func(data []byte, v any) error

// Library is a bot library.
type Library struct {
	Name string
	// Has names the protections of tghook that its receiver has too.
	Has []string
	// Receive sets up its receiver, up to the typed update.
	Receive func(Handle) (*Receiver, error)
	// Bot is like Receive, with the library's way to run handlers. If nil, Receive has it.
	Bot func(Handle) (*Receiver, error)
	// Poll runs its poller, with its way to run handlers, for the bot of the token on the
	// server at url. It returns some time after ctx has ended.
	Poll func(ctx context.Context, url, token string, handle Handle) error
	// Update returns a new value of the library's type of update. It is nil if another library
	// has the same type.
	Update func() any
	// Typed is tghook's handler for that type.
	Typed func(Unmarshal, Handle) tghook.Handler
	// Unmarshal is the library's own decoder. If nil, that is json.Unmarshal.
	Unmarshal Unmarshal
}

// Receiver serves on net/http, or on fasthttp.
type Receiver struct {
	HTTP http.Handler
	Fast fasthttp.RequestHandler
	// Stop ends the bot as its documentation says, and the server at the right moment. If nil,
	// only the server has to be stopped.
	Stop func(ctx context.Context, server func(context.Context) error) error
}

// All returns the rivals.
func All() []Library {
	return []Library{goTelegram, telegoHTTP, telegoFast, telebot, tgbotapi, echotron, goTG, gotgbot}
}

// Protections are the protections of tghook.
var Protections = []string{
	// Checks of a request.
	"method", "source", "secret", "type", "size",
	"dedupe",     // a redelivery does not run again
	"order",      // the updates of one chat run one after the other
	"deadline",   // a slow handler is answered in time, and goes on
	"panic",      // a handler's panic does not end the process
	"crash",      // nothing is acknowledged before its handler has ended
	"redelivery", // a handler's failure makes Telegram send the update again
}

// sources are the networks of senders for the libraries that check them: httptest's
// network and this machine, as many networks as Telegram has.
var sources = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("127.0.0.0/8")}

// Tghook sets up tghook with every protection on.
func Tghook(h tghook.Handler) (*tghook.Webhook, error) {
	return tghook.New(h, tghook.Config{Secret: Secret, AllowedSources: sources})
}

// Own is tghook in the place of a rival.
var Own = Library{
	Name: "tghook",
	Has:  Protections,
	Receive: func(handle Handle) (*Receiver, error) {
		hook, err := Tghook(goTelegram.Typed(nil, handle))
		if err != nil {
			return nil, err
		}
		return &Receiver{HTTP: hook, Stop: func(ctx context.Context, server func(context.Context) error) error {
			if err := hook.Shutdown(ctx); err != nil {
				return err
			}
			return server(ctx)
		}}, nil
	},
	Poll: func(ctx context.Context, url, token string, handle Handle) error {
		client, err := tghook.NewClient(token, tghook.ClientConfig{BaseURL: url})
		if err != nil {
			return err
		}
		return tghook.Poll(ctx, client, goTelegram.Typed(nil, handle), tghook.PollConfig{})
	},
}

// typed returns a Library's Typed. id returns an update's id.
func typed[T any](id func(*T) int64) func(Unmarshal, Handle) tghook.Handler {
	return func(unmarshal Unmarshal, handle Handle) tghook.Handler {
		f := func(_ context.Context, u *T) (tghook.Reply, error) {
			handle(id(u))
			return tghook.NoReply, nil
		}
		if unmarshal == nil {
			return tghook.Typed(f)
		}
		return tghook.TypedWith(unmarshal, f)
	}
}
