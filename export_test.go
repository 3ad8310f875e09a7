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

// Inspected is what inspect finds in an error: its text, and the names of what is in it.
func Inspected(err error) (text string, found []string) {
	f := inspect(err)
	for _, finding := range []struct {
		name string
		is   bool
	}{
		{"api", f.api != nil},
		{"panicked", f.panicked != nil},
		{"undecodable", f.undecodable != nil},
		{"unsendable", f.unsendable != nil},
		{"dropped", f.dropped != nil},
		{"retry", f.retry != nil},
		{"claimLost", f.claimLost},
		{"canceled", f.canceled},
		{"timedOut", f.timedOut},
		{"unconnected", f.unconnected},
		{"network", f.network},
	} {
		if finding.is {
			found = append(found, finding.name)
		}
	}
	return f.text, found
}

// InspectedAPI is the *APIError that inspect finds in an error.
func InspectedAPI(err error) *APIError { return inspect(err).api }

// InspectedWrap is an error as its findings wrap it.
func InspectedWrap(err error, before string) error {
	f := inspect(err)
	return f.wrap(before)
}
