package rivals_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/tghook/tghook/bench/rivals"
	"github.com/tghook/tghook/tghooktest"
)

const patience = 30 * time.Second

func TestEveryReceiverReceives(t *testing.T) {
	t.Parallel()
	for _, library := range slices.Concat([]rivals.Library{rivals.Own}, rivals.All()) {
		t.Run(library.Name, func(t *testing.T) {
			t.Parallel()
			receives(t, library.Receive)
		})
	}
}

func TestEveryBotReceives(t *testing.T) {
	http.DefaultServeMux = http.NewServeMux() // tgbotapi uses no other, and mounts itself only once
	for _, library := range rivals.All() {
		if library.Bot != nil {
			t.Run(library.Name, func(t *testing.T) { receives(t, library.Bot) })
		}
	}
}

func receives(t *testing.T, open func(rivals.Handle) (*rivals.Receiver, error)) {
	t.Helper()
	b := newBot(t, open)
	for i, name := range []string{"message", "callback_query", "message_large"} {
		assert.Equal(t, http.StatusOK, b.post(delivery{body: tghooktest.Update(name)}), name)
		b.await([]int64{731450000, 731450013, 731450025}[i])
	}
}

// If a library is said not to have a protection, the bad update must reach its bot.
func TestEveryLibraryHasTheProtectionsThatItIsSaidToHave(t *testing.T) {
	t.Parallel()
	refused := map[string]delivery{
		"method": {method: http.MethodPut},
		"source": {source: "203.0.113.1:443"},
		"secret": {secret: "guessed"},
		"type":   {contentType: "text/plain"},
		"size":   {body: sized(5 << 20)},
	}
	for _, library := range slices.Concat([]rivals.Library{rivals.Own}, rivals.All()) {
		for protection, d := range refused {
			t.Run(library.Name+"/"+protection, func(t *testing.T) {
				t.Parallel()
				b := newBot(t, library.Receive)
				if d.body == nil {
					d.body = sized(10)
				}
				b.post(d)
				if !slices.Contains(library.Has, protection) {
					b.await(1)
					return
				}
				b.post(delivery{body: tghooktest.Update("message")})
				b.await(731450000)
				if b.has(1) {
					t.Error("it reached the bot")
				}
			})
		}
	}
}

// sized is update 1 with a text of some length.
func sized(length int) []byte {
	return []byte(`{"update_id":1,"message":{"message_id":1,"date":1795000000,"chat":{"id":5,"type":"private"},"text":"` +
		strings.Repeat("a", length) + `"}}`)
}

type bot struct {
	t   *testing.T
	url string

	mu  sync.Mutex
	ids map[int64]chan struct{} // closed when the bot has got it
}

func newBot(t *testing.T, open func(rivals.Handle) (*rivals.Receiver, error)) *bot {
	t.Helper()
	b := &bot{t: t, ids: map[int64]chan struct{}{}}
	r, err := open(func(id int64) { close(b.of(id)) })
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.url = "http://" + listener.Addr().String() + rivals.Path
	if r.Fast != nil {
		server := &fasthttp.Server{Handler: func(c *fasthttp.RequestCtx) {
			if source := c.Request.Header.Peek(sourceHeader); len(source) > 0 {
				c.SetRemoteAddr(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(string(source))))
			}
			r.Fast(c)
		}}
		go func() { _ = server.Serve(listener) }()
		b.stop(r, server.ShutdownWithContext)
		return b
	}
	server := &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(rw http.ResponseWriter, request *http.Request) {
		request.RemoteAddr = cmp.Or(request.Header.Get(sourceHeader), request.RemoteAddr)
		r.HTTP.ServeHTTP(rw, request)
	})}
	go func() { _ = server.Serve(listener) }()
	b.stop(r, server.Shutdown)
	return b
}

func (b *bot) stop(r *rivals.Receiver, server func(context.Context) error) {
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if r.Stop == nil {
			_ = server(ctx)
			return
		}
		if err := r.Stop(ctx, server); err != nil {
			b.t.Errorf("it stops with %v", err)
		}
	})
}

type delivery struct {
	method, secret, contentType string // default: Telegram's
	source                      string // default: this machine
	body                        []byte
}

// sourceHeader tells the server which address a request comes from.
const sourceHeader = "Test-Source"

// post returns the status of the answer, 0 if there is none.
func (b *bot) post(d delivery) int {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, cmp.Or(d.method, http.MethodPost), b.url, bytes.NewReader(d.body))
	require.NoError(b.t, err)
	request.Header.Set("Content-Type", cmp.Or(d.contentType, "application/json"))
	request.Header.Set("X-Telegram-Bot-Api-Secret-Token", cmp.Or(d.secret, rivals.Secret))
	if d.source != "" {
		request.Header.Set(sourceHeader, d.source)
	}
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func (b *bot) of(id int64) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ids[id] == nil {
		b.ids[id] = make(chan struct{})
	}
	return b.ids[id]
}

func (b *bot) await(id int64) {
	b.t.Helper()
	select {
	case <-b.of(id):
	case <-time.After(patience):
		b.t.Fatalf("update %d does not reach the bot", id)
	}
}

func (b *bot) has(id int64) bool {
	select {
	case <-b.of(id):
		return true
	default:
		return false
	}
}
