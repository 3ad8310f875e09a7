package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// caller calls the Bot API for the webhook replies of a bot.
type caller struct {
	bot *bot

	mu     sync.Mutex
	failed map[int64]failedCall // by the id of the update; it is not known yet whether the call is made again
}

// failedCall is a call that has failed.
type failedCall struct {
	method string
	err    error
	took   time.Duration
}

func newCaller(b *bot) *caller { return &caller{bot: b, failed: map[int64]failedCall{}} }

// LostError is the error of the last call for a webhook reply that was given up.
type LostError struct{ Err error }

func (e *LostError) Error() string { return "given up: " + e.Err.Error() }

func (e *LostError) Unwrap() error { return e.Err }

// Call implements [tghook.Caller].
func (c *caller) Call(ctx context.Context, method string, params, result any) error {
	q, _ := tghook.QueuedFromContext(ctx)
	c.count(q.Key.ID, false) // it is made again
	at := time.Now()
	err := c.bot.client.Call(ctx, method, params, result)
	took := time.Since(at)
	if err == nil {
		c.bot.gateway.cfg.Meter.Called(c.bot.cfg.Name, method, nil, took)
	} else {
		c.mu.Lock()
		if len(c.failed) > leastHeld { // of updates whose leases were lost
			clear(c.failed)
		}
		c.failed[q.Key.ID] = failedCall{method, err, took}
		c.mu.Unlock()
	}
	c.bot.gateway.record.call(ctx, c.bot, method, params, err, at, took)
	return err
}

// over counts the last call for an update if it has failed.
func (c *caller) over(d tghook.Delivery) {
	if d.Update != nil {
		c.count(d.Update.ID, d.Outcome == tghook.OutcomeReplyLost)
	}
}

// count counts the call for an update that has failed, if there is one. lost says whether the reply
// was given up.
func (c *caller) count(update int64, lost bool) {
	c.mu.Lock()
	call, ok := c.failed[update]
	delete(c.failed, update)
	c.mu.Unlock()
	if !ok {
		return
	}
	if lost {
		call.err = &LostError{call.err}
	}
	c.bot.gateway.cfg.Meter.Called(c.bot.cfg.Name, call.method, call.err, call.took)
}
