package tghook

import (
	"context"
	"net"
	"net/http"
)

// Pinged is a copy of t as the default client's is of http.DefaultTransport.
func Pinged(t *http.Transport) *http.Transport { return pinged(t) }

// TransportOf is what makes the requests of c.
func TransportOf(c *Client) http.RoundTripper {
	if p, ok := c.http.Transport.(*pingingTransport); ok {
		return p.now()
	}
	return c.http.Transport
}

// CloseIdleConnections closes those of the default client.
func CloseIdleConnections() { pinging.CloseIdleConnections() }

// RunOn is [Run] by webhook on a listener of the test's.
func RunOn(ctx context.Context, listener net.Listener, h Handler, cfg RunConfig) error {
	cfg = cfg.withDefaults()
	client, err := NewClient(cfg.Token, cfg.Client)
	if err != nil {
		return err
	}
	s, err := newStandalone(client, h, cfg)
	if err != nil {
		return err
	}
	return s.receive(ctx, listener)
}
