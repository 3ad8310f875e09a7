package tghook

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"
)

// The tests ask no resolver: what ends in .invalid is not known, save slow.invalid,
// of which the resolver says nothing. All else is.
func init() { //nolint:gochecknoinits // it must come before all tests
	lookup = func(_ context.Context, _, host string) ([]netip.Addr, error) {
		if strings.HasSuffix(host, ".invalid") {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: host != "slow.invalid", IsTemporary: host == "slow.invalid"}
		}
		return []netip.Addr{netip.MustParseAddr("149.154.167.220")}, nil
	}
}

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

// NewPoll is [Poll] in parts: what runs it, and when getUpdates last answered.
func NewPoll(c *Client, h Handler, cfg PollConfig) (run func(context.Context) error, last func() time.Time, err error) {
	p, err := newPoller(c, h, cfg)
	if err != nil {
		return nil, nil, err
	}
	return p.receive, p.lastAnswer, nil
}

// CheckRun is [Run] by webhook as far as it starts nothing.
func CheckRun(h Handler, cfg RunConfig) error {
	cfg = cfg.withDefaults()
	client, err := NewClient(cfg.Token, cfg.Client)
	if err == nil {
		_, err = newStandalone(client, h, cfg)
	}
	return err
}
