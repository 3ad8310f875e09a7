package rig

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
)

// A Poll is a polling bot, in a bubble.
type Poll struct {
	*Bot
	Telegram *Telegram
	Stop     context.CancelFunc
	Done     chan error
}

// StartPoll starts a Poll.
func StartPoll(t *testing.T, tg *Telegram, cfg tghook.PollConfig, h tghook.HandlerFunc) *Poll {
	t.Helper()
	p := &Poll{Bot: &Bot{TB: t}, Telegram: tg, Done: make(chan error, 1)}
	p.Record(&cfg.Dispatch)
	ctx, cancel := context.WithCancel(t.Context())
	p.Stop = cancel
	client := tg.Client(t, tghook.ClientConfig{})
	go func() { p.Done <- tghook.Poll(ctx, client, p.Recorded(h), cfg) }()
	return p
}

// End stops the poll, which must return nil.
func (p *Poll) End() {
	p.TB.Helper()
	p.Stop()
	assert.NoError(p.TB, <-p.Done, "Poll returned")
}

// Sorted is what was run, for updates of which no order is promised.
func (p *Poll) Sorted() []int64 { return slices.Sorted(slices.Values(p.Order())) }
