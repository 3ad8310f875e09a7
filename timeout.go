package tghook

import (
	"context"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
)

// LatePolicy says how a delivery is answered that is late: its handler has not finished
// within [Config].LateAfter.
type LatePolicy int

const (
	// LateDefault is LateRetry. If Config.Deadline returns it, Config.Late applies.
	LateDefault LatePolicy = iota
	// LateRetry answers 503 with Retry-After: 2. The handler goes on. The redelivery waits
	// for the same run, and its answer has the reply. A crash loses nothing, nothing runs
	// twice, the order holds, and the delay shows in getWebhookInfo.
	//
	// This has a price. Slow chats take up Telegram's window of 2 x max_connections queues.
	// Replicas without a Store each run a slow update.
	LateRetry
	// LateCancel answers 503 and ends the handler's context with [ErrLate]. The redelivery
	// waits until the handler has returned. If the handler did not succeed after all, the
	// attempt has failed like any other, and the handler runs again. The 503 has no
	// Retry-After, so that Telegram waits longer from attempt to attempt.
	//
	// An update that still waits in its lane leaves it without an attempt, and comes again
	// after 2 seconds.
	LateCancel
	// LateAck answers 200 while the handler goes on, still in its lane. If the process
	// crashes then, the update is lost. The reply is sent by Caller. If the handler fails,
	// DeadLetter gets the update.
	//
	// With a Store an update that still waits in its lane is not claimed yet. It is
	// answered as by LateRetry.
	LateAck
)

const (
	defaultLateAfter = 8 * time.Second
	// callbackTime bounds Config.Deadline and DispatchConfig.Lane, because a delivery waits
	// for them.
	callbackTime = 5 * time.Second
)

// maxLateAfter returns the longest LateAfter for an update of kind k. It is short for the
// kinds whose sender watches a spinner: Telegram's own clients give up after ten seconds.
func (k Kind) maxLateAfter() time.Duration {
	switch k {
	case KindInlineQuery, KindPreCheckoutQuery:
		return 5 * time.Second
	default:
		return 1<<63 - 1
	}
}

type lateKey struct{}

// IsLate reports whether no delivery waits for the handler with this context, because the
// delivery was late and has been answered, and none has come since. Then the reply cannot
// be sent in an HTTP response for now. It returns false for a context that is not a
// handler's.
func IsLate(ctx context.Context) bool {
	run, ok := ctx.Value(lateKey{}).(*dispatch.Context)
	return ok && run.IsLate()
}
