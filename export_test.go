package tghook

import (
	"context"
	"net"
)

// RunOn is [Run] on a listener of the test's. It looks up the host of the URL with
// resolver, if that is not nil.
func RunOn(ctx context.Context, listener net.Listener, h Handler, cfg RunConfig, resolver *net.Resolver) error {
	m, err := Mount(h, cfg)
	if err != nil {
		return err
	}
	m.resolver = resolver
	return m.serve(ctx, m.secured(listener))
}

// Unread is cfg without what FromEnv keeps of the variables.
func Unread(cfg RunConfig) RunConfig {
	cfg.read = nil
	return cfg
}
