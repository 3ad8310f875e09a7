package tghook

import (
	"context"
	"sync"
	"time"
)

// handlerContext is the context of the user's code that runs for an update. Most of that
// code never asks whether its context has ended. So the part that can end, and its timer,
// are made when somebody asks first.
type handlerContext struct {
	values     context.Context // that of the delivery, whose end does not count
	update     *Update
	dispatcher *Dispatcher
	record     *record
	outbox     *outbox   // of a handler's run; nil until it makes a call by a ReplyTransport
	deadline   time.Time // zero: none
	returned   bool      // the handler has; the dispatcher's mutex guards it

	mu     sync.Mutex
	able   context.Context // to end; nil until it is asked for
	cancel context.CancelCauseFunc
	ended  bool
	cause  error
}

type lateKey struct{}

// cancellable is c as a context of the standard library, which knows causes.
func (c *handlerContext) cancellable() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.able != nil {
		return c.able
	}
	base, cancel := context.WithCancelCause((*detached)(c))
	if c.ended {
		cancel(c.cause)
	}
	c.able, c.cancel = base, cancel
	if !c.deadline.IsZero() {
		able, stop := context.WithDeadlineCause(base, c.deadline, ErrHandlerTimeout)
		c.able, c.cancel = able, func(cause error) { cancel(cause); stop() }
	}
	return c.able
}

// end ends c, unless it has ended.
func (c *handlerContext) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended, c.cause = true, cause
	if c.cancel != nil {
		c.cancel(cause)
	}
}

// Value implements [context.Context]; it answers FromContext, IsLate and runFor.
func (c *handlerContext) Value(key any) any {
	switch key := key.(type) {
	case updateKey:
		return c.update
	case lateKey:
		return &c.record.late
	case runKey:
		if key.bot == c.dispatcher.cfg.Bot {
			return c
		}
	}
	return c.cancellable().Value(key)
}

// String keeps those who print a context from reading what the mutex guards.
func (c *handlerContext) String() string { return "tghook handler context" }

// Deadline implements [context.Context].
func (c *handlerContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Done implements [context.Context].
func (c *handlerContext) Done() <-chan struct{} { return c.cancellable().Done() }

// Err implements [context.Context].
func (c *handlerContext) Err() error { return c.cancellable().Err() }

// detached is the root of a handlerContext: it has the values alone.
type detached handlerContext

func (c *detached) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (c *detached) Done() <-chan struct{}                   { return nil }
func (c *detached) Err() error                              { return nil }
func (c *detached) Value(key any) any                       { return valueOf(c.values, key) }

// valueOf is ctx.Value(key). ctx is the user's code, which may panic, and those who ask may
// be goroutines that nobody guards, such as net/http's.
func valueOf(ctx context.Context, key any) (value any) {
	defer func() {
		if recover() != nil {
			value = nil
		}
	}()
	return ctx.Value(key)
}

// values has those of a context, and does not end.
type values struct{ of context.Context }

func valuesOf(ctx context.Context) context.Context { return values{ctx} }

func (values) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (values) Done() <-chan struct{}                   { return nil }
func (values) Err() error                              { return nil }
func (v values) Value(key any) any                     { return valueOf(v.of, key) }

// userContext makes the context of the user's code that is about to run for r,
// and ends the one before. The mutex is held.
func (d *Dispatcher) userContext(r *record, now, timeout time.Duration) *handlerContext {
	r.endUser(nil)
	c := &handlerContext{values: r.values, update: r.update, dispatcher: d, record: r}
	if timeout >= 0 {
		c.deadline = d.origin.Add(now + timeout)
	}
	r.user = c
	return c
}

// endUser ends the context of the user's code that runs for r, if any. The mutex
// is held.
func (r *record) endUser(cause error) {
	if r.user != nil {
		r.user.end(cause)
	}
}
