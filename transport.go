package tghook

import (
	"net/http"
	"sync"
	"time"
)

// pinging is [http.DefaultTransport], or a copy of it that pings: without pings an
// HTTP/2 connection that has died in silence is used again by each call, and each
// waits for its own end. It is one for all Clients, as http.DefaultTransport is.
var pinging pingingTransport

const (
	// pingAfter is after how long without a word the other end of a connection is
	// asked whether it is there. It is silent in each long poll.
	pingAfter = 10 * time.Second
	// pingTimeout is how long it may take to answer.
	pingTimeout = 10 * time.Second
)

type pingingTransport struct {
	mu   sync.Mutex
	of   *http.Transport // what copy is made of
	copy *http.Transport
}

// RoundTrip implements [http.RoundTripper].
func (p *pingingTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	return p.now().RoundTrip(req)
}

// CloseIdleConnections is called by that of [http.Client].
func (p *pingingTransport) CloseIdleConnections() {
	if t, ok := p.now().(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// now is the transport that serves at this time: a program may put another in the
// place of http.DefaultTransport. One that is no *http.Transport, or has its own
// idea of HTTP/2, is used as it is.
func (p *pingingTransport) now() http.RoundTripper {
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
		p.of, p.copy = of, pinged(of)
	}
	return p.copy
}

// pinged is a copy of t that pings.
func pinged(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
	return t
}
