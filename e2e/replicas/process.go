package main

import (
	"context"

	"github.com/tghook/tghook/internal/test/fleet"
)

// process is the process of a receiver.
type process struct {
	*fleet.Process

	life int
}

// start starts a receiver. Its reports go to the ledger.
func start(ctx context.Context, s settings, l *ledger) (*process, error) {
	s.Life = l.newLife()
	p, err := fleet.Start(ctx, "receiver", s, l.pipe, func() { l.end(s.Life) })
	return &process{p, s.Life}, err
}
