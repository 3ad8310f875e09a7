package tghook

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
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

// IsLate reports, inside a handler, whether its delivery was already answered
// and no newer one waits for it: its reply cannot ride a response now.
func IsLate(ctx context.Context) bool {
	run, ok := ctx.Value(lateKey{}).(*dispatch.Context)
	return ok && run.IsLate()
}

// guard hands u to the dispatcher and sees to it that the delivery is answered
// in time. arrived is when it came, by the dispatcher's clock.
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

// deadlineOf is that of a delivery of u.
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

// inTime is how long after its arrival a delivery can still be answered before
// ctx ends.
func (d *Dispatcher) inTime(ctx context.Context, arrived time.Duration) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return 1<<63 - 1
	}
	left := time.Until(end)
	margin := max(500*time.Millisecond, left/20)
	return max(0, d.engine.Now()-arrived+left-margin)
}
