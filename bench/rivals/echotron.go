package rivals

import (
	"context"
	"net/http"
	"net/url"

	echo "github.com/NicoNex/echotron/v3"
)

var echotron = Library{
	Name: "echotron",
	Receive: func(handle Handle) (*Receiver, error) {
		return &Receiver{HTTP: http.HandlerFunc(newEchotron(token, handle).HandleWebhook)}, nil
	},
	// Its method Poll would discard the waiting updates.
	Poll: func(ctx context.Context, server, token string, handle Handle) error {
		to, err := url.Parse(server)
		if err != nil {
			return err
		}
		http.DefaultTransport = detour{ctx, to, http.DefaultTransport}
		return newEchotron(token, handle).PollOptions(false, echo.UpdateOptions{Timeout: 120})
	},
	Update: func() any { return new(echo.Update) },
	Typed:  typed(func(u *echo.Update) int64 { return int64(u.ID) }),
}

func newEchotron(token string, handle Handle) *echo.Dispatcher {
	return echo.NewDispatcher(token, func(int64) echo.Bot { return session(handle) })
}

// session is the bot of one chat.
type session Handle

func (s session) Update(u *echo.Update) { s(int64(u.ID)) }

// detour sends the requests to Telegram's server, the only one that echotron's Dispatcher
// knows, to another server until ctx ends.
type detour struct {
	ctx  context.Context
	to   *url.URL
	next http.RoundTripper
}

func (d detour) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(d.ctx)
	r.URL.Scheme, r.URL.Host, r.Host = d.to.Scheme, d.to.Host, d.to.Host
	return d.next.RoundTrip(r)
}
