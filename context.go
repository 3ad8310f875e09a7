package tghook

import (
	"context"
	"sync/atomic"
	"time"
)

// handlerContext is what the user's code gets that runs for an update: a
// cancellable context with a timeout that costs no timer as long as somebody
// else looks at the clock (see [Dispatcher.watch]).
type handlerContext struct {
	context.Context
	values   context.Context // that of the delivery, whose end does not count
	cancel   context.CancelCauseFunc
	deadline time.Time // zero: none
	expires  time.Duration
	timer    *time.Timer // of the deadline; the dispatcher's mutex guards it
	update   *Update
	late     *atomic.Bool
}

type lateKey struct{}

// Value implements [context.Context]; it answers FromContext and IsLate.
func (c *handlerContext) Value(key any) any {
	switch key.(type) {
	case updateKey:
		return c.update
	case lateKey:
		return c.late
	}
	return c.Context.Value(key)
}

// Deadline implements [context.Context].
func (c *handlerContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Err implements [context.Context].
func (c *handlerContext) Err() error {
	err := c.Context.Err()
	if err != nil && context.Cause(c.Context) == ErrHandlerTimeout { //nolint:errorlint // the very value is the cause
		return context.DeadlineExceeded
	}
	return err
}

// detached is the root of a handlerContext: as context.WithoutCancel, without
// the allocation.
type detached handlerContext

func (c *detached) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (c *detached) Done() <-chan struct{}                   { return nil }
func (c *detached) Err() error                              { return nil }
func (c *detached) Value(key any) any                       { return c.values.Value(key) }

// userContext makes the context of the user's code that is about to run for r.
// It ends the one before. The mutex is held.
func (d *Dispatcher) userContext(r *record, now, timeout time.Duration) *handlerContext {
	r.user.end(nil)
	r.user = &handlerContext{values: r.values, update: r.update, late: &r.late}
	r.user.Context, r.user.cancel = context.WithCancelCause((*detached)(r.user))
	if timeout >= 0 {
		r.user.expires = now + timeout
		r.user.deadline = d.origin.Add(r.user.expires)
		d.watch(r)
	}
	return r.user
}

// watch sees to it that r's context times out: by a timer, unless a delivery
// waits that leaves before, and then calls watch again. The mutex is held.
func (d *Dispatcher) watch(r *record) {
	c := r.user
	if c == nil || c.deadline.IsZero() || c.timer != nil {
		return
	}
	for _, a := range r.waiters {
		if a.lateAt != 0 && a.lateAt <= c.expires {
			return
		}
	}
	c.timer = time.AfterFunc(c.expires-d.now(), func() { c.cancel(ErrHandlerTimeout) })
}

// end ends c, which may be nil. The mutex is held.
func (c *handlerContext) end(cause error) {
	if c == nil {
		return
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	c.cancel(cause)
}
