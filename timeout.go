package tghook

import (
	"context"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
)

// LatePolicy says what Telegram is told about an update whose handler has not
// finished in time.
type LatePolicy int

const (
	// LateDefault is LateRetry, or in Config.Deadline what is configured.
	LateDefault LatePolicy = iota
	// LateRetry answers 503 with Retry-After: 2. The handler goes on, and the redelivery
	// joins it and carries its reply. Nothing is lost in a crash, nothing runs twice, the order
	// holds, and the delay shows in getWebhookInfo. Its price: slow chats take up
	// Telegram's window of 2 x max_connections queues, and replicas without a Store
	// each run a slow update.
	LateRetry
	// LateCancel answers 503 and ends the handler's ctx with [ErrLate]. The
	// redelivery waits until that run has returned, and runs the handler again
	// unless it succeeded after all. The attempt is a failure like another. The answer
	// has no Retry-After, so that Telegram waits longer from attempt to attempt. An
	// update that still waits for its lane leaves it without an attempt, and comes
	// again after 2 seconds.
	LateCancel
	// LateAck answers 200 while the handler goes on, still in its lane. A crash
	// loses the update. Its reply goes by Caller, its failure to DeadLetter. With a
	// Store an update that still waits in its lane is not claimed yet: it is answered
	// as by LateRetry.
	LateAck
)

const (
	defaultLateAfter = 8 * time.Second
	// callbackTime bounds Config.Deadline and DispatchConfig.Lane, which somebody waits for.
	callbackTime = 5 * time.Second
)

// maxLateAfter bounds the wait for kinds whose sender is a person looking at a
// spinner: Telegram's own clients give up after ten seconds.
func (k Kind) maxLateAfter() time.Duration {
	switch k {
	case KindInlineQuery, KindPreCheckoutQuery:
		return 5 * time.Second
	default:
		return 1<<63 - 1
	}
}

type lateKey struct{}

// IsLate reports, inside a handler, whether its delivery was already answered
// and no newer one waits for it: its reply cannot ride a response now.
func IsLate(ctx context.Context) bool {
	run, ok := ctx.Value(lateKey{}).(*dispatch.Context)
	return ok && run.IsLate()
}
