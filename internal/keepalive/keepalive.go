// Package keepalive is http.DefaultTransport with pings.
package keepalive

import (
	"net/http"
	"sync"
	"time"
)

const (
	// pingAfter is how long a connection may be silent before it is pinged. A long poll is
	// silent most of the time.
	pingAfter = 10 * time.Second
	// pingTimeout is how long the answer to a ping may take.
	pingTimeout = 10 * time.Second
)

// Transport is a copy of [http.DefaultTransport] that pings its HTTP/2 connections. Without
// pings, if a connection has died without being closed, each call uses it again and waits
// until its context ends. The zero Transport is ready for use. It is safe for concurrent use.
type Transport struct {
	mu   sync.Mutex
	of   *http.Transport // the transport that was copied
	copy *http.Transport
}

// RoundTrip implements [http.RoundTripper].
func (p *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return p.Now().RoundTrip(req)
}

// CloseIdleConnections is called by the method of [http.Client] with the same name.
func (p *Transport) CloseIdleConnections() {
	if t, ok := p.Now().(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Now returns the transport to use now, because a program may replace http.DefaultTransport.
// If that is not an *http.Transport, or if its HTTP2 is set, it is used itself, without pings.
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

// Pinging returns a copy of t that pings.
func Pinging(t *http.Transport) *http.Transport {
	t = t.Clone()
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout}
	return t
}
