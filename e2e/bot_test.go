//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
)

// A bot is a web server with a webhook at /telegram. It records the requests that reach it.
type bot struct {
	*tghook.Webhook
	name string
	mux  *http.ServeMux
	addr string // of its listener, if that is TCP

	mu       sync.Mutex
	requests []*http.Request
	runs     []string // the updates for which its handler was started
	opened   int      // connections
}

// newBot returns a bot that does not listen yet. By default it trusts proxies on
// 127.0.0.1, and accepts updates from Telegram's address alone.
func newBot(t *testing.T, name string, h tghook.HandlerFunc, change func(*tghook.Config)) *bot {
	t.Helper()
	b := &bot{name: name, mux: http.NewServeMux()}
	cfg := tghook.Config{
		Secret:         "secret-of-" + name,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		AllowedSources: []netip.Prefix{netip.MustParsePrefix(telegram + "/32")},
	}
	cfg.Dispatch.Observe = func(context.Context, tghook.Delivery) {}
	if change != nil {
		change(&cfg)
	}
	var err error
	b.Webhook, err = tghook.New(tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		b.mu.Lock()
		b.runs = append(b.runs, string(u.Raw))
		b.mu.Unlock()
		return h(ctx, u)
	}), cfg)
	require.NoError(t, err)
	b.mux.Handle("/telegram", b)
	return b
}

// startBot returns a bot that listens on a port of its own.
func startBot(t *testing.T, name string, h tghook.HandlerFunc, change func(*tghook.Config)) *bot {
	t.Helper()
	b := newBot(t, name, h, change)
	b.listen(t, "tcp", "127.0.0.1:0")
	return b
}

// listen serves until the function that it returns is called, or the test ends.
func (b *bot) listen(t *testing.T, network, addr string) (stop func()) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), network, addr)
	require.NoError(t, err)
	b.addr = listener.Addr().String()
	server := &http.Server{
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			b.mu.Lock()
			b.requests = append(b.requests, r)
			b.mu.Unlock()
			b.mux.ServeHTTP(rw, r)
		}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       90 * time.Second,
		ErrorLog:          stdlog.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				b.mu.Lock()
				b.opened++
				b.mu.Unlock()
			}
		},
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	stop = sync.OnceFunc(func() {
		_ = server.Close()
		if err := doortest.Await(t, served, "the end of the server"); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// An address is an address that the configurations in docs/ give to a bot.
type address struct{ host, path, secret string }

func (b *bot) byPath() address {
	return address{"bots.example.org", "/bots/" + b.name + "/telegram", "secret-of-" + b.name}
}

func (b *bot) byName() address {
	return address{b.name + ".example.org", "/telegram", "secret-of-" + b.name}
}

func (b *bot) both() []address { return []address{b.byPath(), b.byName()} }

// last returns the last request that reached the bot, and the last update that its handler
// was started for.
func (b *bot) last(t *testing.T) (*http.Request, string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 || len(b.runs) == 0 {
		t.Fatalf("no update has reached the %s bot", b.name)
	}
	return b.requests[len(b.requests)-1], b.runs[len(b.runs)-1]
}

// counts are the requests that reached a bot and the runs of its handler.
type counts struct{ requests, runs int }

// handled checks the bot's counts.
func (b *bot) handled(t *testing.T, want counts) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Equal(t, want, counts{len(b.requests), len(b.runs)}, b.name)
}

// connections returns how many connections were opened to the bot.
func (b *bot) connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

func nothing(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// replied returns the answer to an update of a chat, if the bot's handler is that of replying.
func (b *bot) replied(chat int64) string {
	return fmt.Sprintf(`200 application/json {"method":"sendMessage","chat_id":%d,"text":"from %s"}`, chat, b.name)
}

// replying returns a handler whose reply names the bot and the chat.
func replying(name string) tghook.HandlerFunc {
	return func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "from " + name}}, nil
	}
}
