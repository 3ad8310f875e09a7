// Package retry repeats a call that has failed, and waits between its attempts.
package retry

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"github.com/tghook/tghook/internal/redact"
)

// Do calls f until it succeeds. It waits between the calls as long as asked returns for the
// error; if that is 0, as long as a [Backoff] says. It returns the error of f if again
// returns false for it, if ctx ends, or if the waits would be longer than left in all.
func Do(ctx context.Context, left time.Duration, again func(error) bool, asked func(error) time.Duration, f func() error) error {
	var backoff Backoff
	for {
		err := f()
		if err == nil || !again(err) {
			return err
		}
		wait := backoff.Next()
		wait = cmp.Or(asked(err), wait)
		if left -= wait; left < 0 {
			return err
		}
		if Sleep(ctx, wait) != nil {
			return redact.WithCause(ctx, err, redact.Cut)
		}
	}
}

// Sleep waits for d. If ctx ends first, it returns the cause of ctx.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Backoff says how long to wait after each failure in a row: a second first, then twice as
// long each time, up to a minute. Each wait is longer or shorter by up to a quarter at
// random, so that calls that failed together are not repeated together.
type Backoff struct{ delay time.Duration }

const (
	firstDelay = time.Second
	maxDelay   = time.Minute
)

// Next returns how long to wait now.
func (b *Backoff) Next() time.Duration {
	b.delay = min(max(2*b.delay, firstDelay), maxDelay)
	return b.delay*3/4 + rand.N(b.delay/2) //nolint:gosec // jitter is no secret
}

// Reset makes the next wait the shortest one again. Call it after a success.
func (b *Backoff) Reset() { b.delay = 0 }

// Longest is the longest Retry-After of an update of a kind. Telegram drops an update that would
// expire before the wait is over, and a query does not say how much time it has left. Telegram
// waits for an hour at most.
func Longest(kind string) time.Duration {
	switch kind {
	case "inline_query":
		return 3 * time.Second
	case "callback_query", "shipping_query", "pre_checkout_query":
		return 15 * time.Second
	case "chosen_inline_result":
		return time.Minute
	default:
		return time.Hour
	}
}
