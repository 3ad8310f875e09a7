package rig

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// HookURL is the URL of the tests' webhook. Nobody answers there.
const HookURL = "https://bot.example.org/telegram"

// ToURL sets a webhook without a secret.
func ToURL(url string) tghook.WebhookRequest {
	return tghook.WebhookRequest{URL: url, InsecureNoSecret: true}
}

// APIToken is the token of the tests' bot.
const APIToken = "7244100913:AAH-stand_in_token_0123456789abcdefg"

// Telegram is a [tghooktest.Server] in memory, and the way there, on which calls may
// meet something else.
type Telegram struct {
	*tghooktest.Server

	// instead, unless nil, may answer the nth call of a method, in bytes that Telegram
	// would never send.
	Instead func(method string, n int) *http.Response

	mu    sync.Mutex
	asked map[string]int // how often, by method
}

// NewTelegram is Telegram's Bot API, in memory.
func NewTelegram(tb testing.TB) *Telegram {
	tb.Helper()
	return NewServer(tb, true)
}

// NewServer is Telegram's, or a local one. A webhook at hookURL finds nobody who answers.
func NewServer(tb testing.TB, cloud bool) *Telegram {
	tb.Helper()
	cfg := tghooktest.ServerConfig{Token: APIToken, InMemory: true, Cloud: cloud}
	tg := &Telegram{Server: tghooktest.NewServer(tb, cfg), asked: map[string]int{}}
	tg.listen(tb, "bot.example.org:443")
	return tg
}

// listen has the host of addr resolve.
func (tg *Telegram) listen(tb testing.TB, addr string) {
	tb.Helper()
	l, err := tg.Listen(addr)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
}

// Name has the host of a URL resolve.
func (tg *Telegram) Name(tb testing.TB, address string) {
	tb.Helper()
	target, err := url.Parse(address)
	require.NoError(tb, err)
	tg.listen(tb, net.JoinHostPort(target.Hostname(), "0"))
}

// Client is a Client of this Telegram.
func (tg *Telegram) Client(tb testing.TB, cfg tghook.ClientConfig) *tghook.Client {
	tb.Helper()
	cfg.BaseURL, cfg.HTTP = tg.URL, &http.Client{Transport: tg}
	return NewClient(tb, cfg)
}

// RoundTrip implements [http.RoundTripper].
func (tg *Telegram) RoundTrip(r *http.Request) (*http.Response, error) {
	method := path.Base(r.URL.Path)
	tg.mu.Lock()
	n, server := tg.asked[method], tg.Server
	tg.asked[method]++
	tg.mu.Unlock()
	if tg.Instead != nil {
		if res := tg.Instead(method, n); res != nil {
			return res, nil
		}
	}
	return server.Client().Transport.RoundTrip(r)
}

// Polls is how often getUpdates was called, be it answered or not.
func (tg *Telegram) Polls() int {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return tg.asked["getUpdates"]
}

// CountAnew forgets everything, so that any update_id may come next.
func (tg *Telegram) CountAnew(tb testing.TB) {
	tb.Helper()
	next := NewTelegram(tb).Server
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.Server = next
}

// Send has the bot get updates, with the ids that they have.
func (tg *Telegram) Send(tb testing.TB, bodies ...string) {
	tb.Helper()
	for _, body := range bodies {
		id, err := tg.Deliver([]byte(body))
		require.NoError(tb, err)
		assert.Equal(tb, Parsed(tb, body).ID, id, "update_id")
	}
}

// Set sets a webhook.
func (tg *Telegram) Set(tb testing.TB, req tghook.WebhookRequest) {
	tb.Helper()
	req.InsecureNoSecret = true
	require.NoError(tb, tg.Client(tb, tghook.ClientConfig{}).SetWebhook(tb.Context(), req))
}

// APIAnswer is an answer of the Bot API.
func APIAnswer(status int, body string) *http.Response {
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Type", "application/json")
	rec.WriteHeader(status)
	_, _ = rec.WriteString(body)
	return rec.Result()
}
