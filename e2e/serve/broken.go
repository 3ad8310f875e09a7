package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"
)

// The rules that a gateway can break. The breaker breaks them between the gateways and the bot, to show that the
// trial finds it.
const (
	forgets  = "it answers Telegram, and forgets the update"
	repeats  = "it sends an update again that was answered"
	overtake = "it sends an update of a chat before the one before it"
)

// breakages pass a request on in a way that breaks a rule, for one of fifty updates. send sends it to
// the bot.
var breakages = map[string]func(b *breaker, w http.ResponseWriter, send func(http.ResponseWriter)){
	forgets: func(*breaker, http.ResponseWriter, func(http.ResponseWriter)) {},
	repeats: func(_ *breaker, w http.ResponseWriter, send func(http.ResponseWriter)) {
		send(&nowhere{})
		send(w)
	},
	overtake: func(b *breaker, _ http.ResponseWriter, send func(http.ResponseWriter)) {
		b.later.Go(func() {
			time.Sleep(time.Second)         // meanwhile others of the chat are sent
			for refused := true; refused; { // the bot refuses some, and the gateway does not send this one again
				var answer nowhere
				send(&answer)
				refused = answer.status == http.StatusInternalServerError
			}
		})
	},
}

func breakageNames() []string { return slices.Sorted(maps.Keys(breakages)) }

// breaker stands between the gateways and the bot.
type breaker struct {
	address string
	server  *http.Server
	later   sync.WaitGroup
}

// newBreaker starts a breaker in front of the bot.
func newBreaker(ctx context.Context, bot string, broken func(*breaker, http.ResponseWriter, func(http.ResponseWriter))) (*breaker, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &breaker{address: l.Addr().String()}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: bot})
	var mu sync.Mutex
	requests := 0
	b.server = &http.Server{ReadHeaderTimeout: patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		send := func(w http.ResponseWriter) {
			again := r.Clone(context.WithoutCancel(r.Context()))
			again.Body = io.NopCloser(bytes.NewReader(body))
			proxy.ServeHTTP(w, again)
		}
		mu.Lock()
		requests++
		breaks := requests%50 == 0
		mu.Unlock()
		if breaks {
			broken(b, w, send)
			return
		}
		send(w)
	})}
	go func() { _ = b.server.Serve(l) }()
	return b, nil
}

func (b *breaker) close() {
	_ = b.server.Close()
	b.later.Wait()
}

// nowhere is a ResponseWriter of an answer of which only the status is kept.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header {
	if n.header == nil {
		n.header = http.Header{}
	}
	return n.header
}
func (*nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(status int)    { n.status = status }
