package tghook

import (
	"context"
	"net"
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
