// Package keepalive is http.DefaultTransport with pings.
package keepalive

import (
	"net/http"
	"sync"
	"time"
)

const (
	// pingAfter is after how long without a word the other end of a connection is
	// asked whether it is there. It is silent in each long poll.
	pingAfter = 10 * time.Second
	// pingTimeout is how long it may take to answer.
	pingTimeout = 10 * time.Second
)

// Transport is [http.DefaultTransport], or a copy of it that pings: without pings an
// HTTP/2 connection that has died in silence is used again by each call, and each
// waits for its own end. The zero Transport is ready for use. It is safe for concurrent
// use.
type Transport struct {
	mu   sync.Mutex
	of   *http.Transport // what copy is made of
	copy *http.Transport
}

// RoundTrip implements [http.RoundTripper].
func (p *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return p.Now().RoundTrip(req)
}

// CloseIdleConnections is called by that of [http.Client].
func (p *Transport) CloseIdleConnections() {
	if t, ok := p.Now().(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Now is the transport that serves at this time: a program may put another in the
// place of http.DefaultTransport. One that is no *http.Transport, or has its own
// idea of HTTP/2, is used as it is.
func (p *Transport) Now() http.RoundTripper {
	of, ok := http.DefaultTransport.(*http.Transport)
	if !ok || of.HTTP2 != nil {
		return http.DefaultTransport
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of != of {
		if p.copy != nil {
			p.copy.CloseIdleConnections()
		}
		p.of, p.copy = of, Pinging(of)
	}
	return p.copy
}

// Pinging is a copy of t that pings.
func Pinging(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
	return t
}
