package tghook

import (
	"context"
	"net"
	"time"
)

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
