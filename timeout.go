package tghook

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
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

// IsLate reports whether no delivery waits for the handler with this context, because the
// delivery was late and has been answered, and none has come since. Then the reply cannot
// be sent in an HTTP response for now. It returns false for a context that is not a
// handler's.
func IsLate(ctx context.Context) bool {
	run, ok := ctx.Value(lateKey{}).(*dispatch.Context)
	return ok && run.IsLate()
}

// guard gives u to the dispatcher, and returns in time for an answer. arrived is when the
// delivery came, by the dispatcher's clock.
func (w *Webhook) guard(ctx context.Context, u *Update, arrived time.Duration, ephemeral bool) dispatch.Verdict {
	var late dispatch.Deadline
	err := guard.Call(func() (err error) {
		late, err = w.deadlineOf(ctx, u, arrived, ephemeral)
		return err
	})
	if err != nil {
		return dispatch.Verdict{Outcome: dispatch.Failed, Err: err}
	}
	return w.dispatcher.deliver(ctx, dispatch.Carries, arrived, u, late)
}

// deadlineOf returns when a delivery of u is late, and what happens then.
func (w *Webhook) deadlineOf(ctx context.Context, u *Update, arrived time.Duration, ephemeral bool) (dispatch.Deadline, error) {
	late := dispatch.Deadline{After: w.cfg.LateAfter, Setting: "Config.LateAfter"}
	policy := w.cfg.Late
	if w.cfg.Deadline != nil {
		type own struct {
			after  time.Duration
			policy LatePolicy
		}
		told := make(chan own, 1)
		err := guard.Within(callbackTime, func() error {
			var o own
			o.after, o.policy = w.cfg.Deadline(u)
			told <- o
			return nil
		})
		if err != nil {
			return dispatch.Deadline{}, fmt.Errorf("tghook: Config.Deadline: %w", err)
		}
		o := <-told
		if o.after != 0 {
			late.After, late.Setting = o.after, "Config.Deadline"
		}
		policy = cmp.Or(o.policy, policy)
	}
	late.Then = dispatch.Retry
	switch {
	case ephemeral || policy == LateCancel:
		late.Then = dispatch.Cancel
	case policy == LateAck:
		late.Then = dispatch.Acknowledge
	}
	if late.After >= 0 {
		late.AtMost(u.Kind.maxLateAfter(), "the bound for its kind")
		late.AtMost(w.dispatcher.inTime(ctx, arrived), "the deadline of the context that it arrived with")
	}
	return late, nil
}

// inTime returns how long after its arrival a delivery can still be answered before ctx
// ends.
func (d *Dispatcher) inTime(ctx context.Context, arrived time.Duration) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return 1<<63 - 1
	}
	left := time.Until(end)
	margin := max(500*time.Millisecond, left/20)
	return max(0, d.engine.Now()-arrived+left-margin)
}
