package main

import (
	"context"
	"encoding/json"

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
	text, err := json.Marshal(s) //nolint:musttag // both ends are this program
	if err != nil {
		return nil, err
	}
	p, err := fleet.Start(ctx, receiverArg, settingsEnv+"="+string(text), l.pipe, func() { l.end(s.Life) })
	return &process{p, s.Life}, err
}
