package tghook

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/redact"
)

// patiently calls f until it succeeds, or fails with an error that again does not
// hold for, or would have to wait for more than is left.
func patiently(ctx context.Context, left time.Duration, again func(error) bool, f func() error) error {
	var backoff backoff
	for {
		err := f()
		if err == nil || !again(err) {
			return err
		}
		wait := backoff.next()
		var refused *APIError
		if errors.As(err, &refused) {
			wait = cmp.Or(refused.RetryAfter, wait)
		}
		if left -= wait; left < 0 {
			return err
		}
		if sleep(ctx, wait) != nil {
			return redact.WithCause(ctx, err, redact.Cut)
		}
	}
}

// repeatable reports whether the call that failed has done nothing, or would do
// the same again.
func repeatable(err error, idempotent bool) bool {
	var refused *APIError
	if errors.As(err, &refused) {
		return refused.Code == http.StatusTooManyRequests || refused.Code >= 500 && idempotent
	}
	return unconnected(err) || idempotent
}

// unconnected reports whether no connection came about.
func unconnected(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && (network.Op == "dial" || network.Op == "proxyconnect")
}

// idempotent reports whether a call does no more if it is made twice.
func idempotent(method string, m *message) bool {
	switch method = strings.ToLower(method); method {
	case "setwebhook", "deletewebhook":
		return !m.has(dropPending) // what has come meanwhile would be dropped too
	}
	return strings.HasPrefix(method, "get")
}

// backoff is how long to wait after one failure more: twice as long each time, at
// random by a quarter, so that what failed together does not come back together.
type backoff struct{ delay time.Duration }

const (
	firstBackoff = time.Second
	maxBackoff   = time.Minute
)

func (b *backoff) next() time.Duration {
	b.delay = min(max(2*b.delay, firstBackoff), maxBackoff)
	return b.delay*3/4 + rand.N(b.delay/2) //nolint:gosec // jitter is no secret
}

func (b *backoff) reset() { b.delay = 0 }
