// Package retry repeats what has failed, and waits in between.
package retry

import (
	"cmp"
	"context"
	"math/rand/v2"
	"time"

	"github.com/tghook/tghook/internal/redact"
)

// Do calls f until it succeeds, or fails with an error that again does not hold for, or
// would have to wait for more than is left. It waits as long as asked says of the error; 0
// is the next wait of a [Backoff].
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

// Sleep waits for d, or for the end of ctx, whose cause it returns then.
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

// Backoff says how long to wait after one failure more: from a second to a minute, twice
// as long each time. A quarter of it is left to chance, so that what failed together does
// not come back together.
type Backoff struct{ delay time.Duration }

const (
	firstDelay = time.Second
	maxDelay   = time.Minute
)

// Next is how long to wait now.
func (b *Backoff) Next() time.Duration {
	b.delay = min(max(2*b.delay, firstDelay), maxDelay)
	return b.delay*3/4 + rand.N(b.delay/2) //nolint:gosec // jitter is no secret
}

// Reset begins anew, after a success.
func (b *Backoff) Reset() { b.delay = 0 }
