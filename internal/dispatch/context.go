package dispatch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Context is the context of the user's code that runs for an item. Most code never looks
// at the end of its context. So the part that can end, and its timer, are made when
// somebody asks for them.
type Context struct {
	Item *Item

	values   context.Context // the delivery's: it has the values, and its end is ignored
	flight   *flight
	attempt  int
	claimed  any       // of the Store
	deadline time.Time // zero: none
	returned atomic.Bool
	attached atomic.Pointer[Attached] // nil: nothing is
	after    func()                   // see After; the engine's mutex guards it

	mu     sync.Mutex
	able   context.Context // to end; nil until it is asked for
	cancel context.CancelCauseFunc
	ended  bool
	cause  error
}

// unlimited is the timeout of a context that has none.
const unlimited time.Duration = -1

// contextLocked makes the context of the user's code that is about to run for f, and ends
// the one before.
func (e *Engine) contextLocked(f *flight, timeout time.Duration) *Context {
	f.endUser(context.Canceled)
	c := &Context{values: f.values, Item: &f.item, flight: f, attempt: f.attempt.number}
	if timeout >= 0 {
		c.deadline = e.origin.Add(e.Now() + timeout)
	}
	if f.claim != nil {
		c.claimed = f.claim.value
	}
	if f.user != nil {
		c.after = f.user.after
	}
	f.user = c
	return c
}

// After calls f when the attempt that ctx belongs to is over: its handler has returned or was given
// up, and its reply was called if no delivery carries it. f must not block. If ctx belongs to no
// attempt, f is called when ctx ends.
func After(ctx context.Context, f func()) {
	c, ok := ctx.Value(Key{}).(*Context)
	if !ok {
		context.AfterFunc(ctx, f)
		return
	}
	if !c.addAfter(f) {
		f()
	}
}

// addAfter reports whether the attempt is not over yet.
func (c *Context) addAfter(f func()) bool {
	e := c.flight.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.flight.user != c {
		return false
	}
	before := c.after
	c.after = func() {
		if before != nil {
			before()
		}
		f()
	}
	return true
}

// leaveUserLocked forgets the user's code that has run for f.
func (e *Engine) leaveUserLocked(f *flight) {
	if f.user != nil && f.user.after != nil {
		e.afterwardsLocked(f.user.after)
	}
	f.user = nil
}

// Attempt is the number of the attempt, from 1.
func (c *Context) Attempt() int { return c.attempt }

// Claimed returns Answer.Value of the claim that the context was made under. It is nil without a
// Store.
func (c *Context) Claimed() any { return c.claimed }

// Returned reports whether the handler that c was made for has returned.
func (c *Context) Returned() bool { return c.returned.Load() }

// InTime reports whether the attempt was not given up.
func (c *Context) InTime() bool { return c.flight.engine.inTime(c) }

// IsLate reports whether the last delivery was answered, and none has come since.
func (c *Context) IsLate() bool { return c.flight.late.Load() }

// Attached is what the owner keeps with a Context.
type Attached interface {
	// AnsweredLate is called when the last delivery of the item is answered late while
	// the handler runs.
	AnsweredLate()
}

// Attach keeps v with c, unless something is kept already, and returns what is.
func (c *Context) Attach(v Attached) Attached {
	c.attached.CompareAndSwap(nil, &v)
	return c.kept()
}

// kept is what is attached to c; nil if nothing is.
func (c *Context) kept() Attached {
	if v := c.attached.Load(); v != nil {
		return *v
	}
	return nil
}

// Running reports whether the handler that c was made for still runs.
func (c *Context) Running() bool { return c.flight.engine.running(c) }

// Carried reports whether a delivery waits whose answer can carry a reply.
func (c *Context) Carried() bool { return c.flight.engine.carried(c.flight) }

// Return notes that the handler has returned. Owner.Handle may take longer than the handler
// may. Return gives back the value that is attached to c, or nil. If there is one, inTime is
// false if the attempt was given up before.
func (c *Context) Return() (v Attached, inTime bool) {
	c.returned.Store(true) // before it looks: what is attached later sees that c does not run
	if v = c.kept(); v == nil {
		return nil, true
	}
	return v, c.flight.engine.inTime(c)
}

func (e *Engine) running(c *Context) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return c.flight.user == c && c.flight.phase == running && !c.returned.Load()
}

func (e *Engine) carried(f *flight) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	carrier := f.carrier()
	return carrier != nil && carrier.voice != Mute
}

func (e *Engine) inTime(c *Context) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return c.flight.user == c
}

// cancellable is c as a context of the standard library, which knows causes.
func (c *Context) cancellable() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.able != nil {
		return c.able
	}
	base, cancel := context.WithCancelCause(ValuesOf(c.values))
	if c.ended {
		cancel(c.cause)
	}
	c.able, c.cancel = base, cancel
	if !c.deadline.IsZero() {
		able, stop := context.WithDeadlineCause(base, c.deadline, ErrTimeout)
		c.able, c.cancel = able, func(cause error) { cancel(cause); stop() }
	}
	return c.able
}

// end ends c, unless it has ended.
func (c *Context) end(cause error) {
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

// String keeps fmt from reading fields that the mutex guards.
func (c *Context) String() string { return "tghook handler context" }

// Deadline implements [context.Context].
func (c *Context) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Done implements [context.Context].
func (c *Context) Done() <-chan struct{} { return c.cancellable().Done() }

// Err implements [context.Context].
func (c *Context) Err() error { return c.cancellable().Err() }

// Key is the key of the Context. The Value method of a context that is derived from it returns the
// Context for this key.
type Key struct{}

// Value implements [context.Context].
func (c *Context) Value(key any) any {
	if key == (Key{}) {
		return c
	}
	if value, ok := c.flight.engine.Owner.Value(c, key); ok {
		return value
	}
	if key == endKey || endKey == nil {
		return c.cancellable().Value(key)
	}
	return values{c.values}.Value(key)
}

// endKey is the key by which the context package finds the part of a context that can end. A
// Context is asked for most other keys, such as that of a span, without being asked for its
// end. It is nil if it is not known.
var endKey = func() any {
	var p probe
	_ = context.Cause(&p)
	return p.key
}()

// probe is a context that notes the key that it is asked for.
type probe struct {
	context.Context

	key any
}

func (p *probe) Value(key any) any { p.key = key; return nil }
func (p *probe) Err() error        { return context.Canceled }

// values is a context with the values of another one. It does not end.
type values struct{ of context.Context }

// ValuesOf is a context with the values of ctx, which may be the user's. It does not end.
func ValuesOf(ctx context.Context) context.Context { return values{ctx} }

func (values) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (values) Done() <-chan struct{}                   { return nil }
func (values) Err() error                              { return nil }

// Value asks the other context. That may panic, in a goroutine without a guard, such as
// one of net/http's.
func (v values) Value(key any) (value any) {
	defer func() {
		if recover() != nil {
			value = nil
		}
	}()
	return v.of.Value(key)
}
