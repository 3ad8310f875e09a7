package dispatch

import (
	"fmt"
	"time"
)

// Deadline says when a delivery is late, and what happens then.
type Deadline struct { //nolint:recvcheck // what prints it has to print values too
	After   time.Duration // from its arrival on; if negative, never
	Then    Departure
	Setting string // that After comes from
}

// String says how long the delivery was given, and by which setting.
func (l Deadline) String() string { return fmt.Sprintf("it was given %v by %s", l.After, l.Setting) }

// AtMost shortens l to what a setting allows.
func (l *Deadline) AtMost(after time.Duration, setting string) {
	if after < l.After {
		l.After, l.Setting = after, setting
	}
}

// Departure says why a delivery does not wait for the end of its item.
type Departure uint8

// The departures.
const (
	Retry       Departure = iota // the item comes again, and the handler goes on
	Cancel                       // the item comes again, and the handler is to end
	Acknowledge                  // the item does not come again, and the handler goes on
	hangUp                       // nobody listens any more
)

// lateRetry is when a delivery that was answered late is to come again. The
// redelivery joins, so that it costs little to have it soon.
const lateRetry = 2 * time.Second

// lateError says why a delivery was answered late. It is [ErrLate].
type lateError struct{ text string }

func (e *lateError) Error() string { return e.text }
func (e *lateError) Unwrap() error { return ErrLate }

// leave takes d out of the wait, unless it has been told how its item ended:
// either way it has a verdict now.
func (e *Engine) leave(d *Delivery, late Deadline) {
	e.mu.Lock()
	defer e.unlock()
	f := d.flight
	if f == nil {
		return
	}
	f.remove(d)
	now := e.Now()
	d.verdict = f.verdictLate(d, late, now)
	f.late.Store(f.wasLate && len(f.waiters) == 0)
	if v := f.attached(); f.late.Load() && late.Then != Cancel && v != nil {
		e.afterwardsLocked(v.AnsweredLate)
	}
	switch late.Then {
	case Acknowledge:
		f.acknowledge(d)
	case Cancel:
		e.cancelLocked(f, late)
	case hangUp, Retry:
	}
}

// verdictLate is the verdict of a delivery that does not wait for the end of f.
func (f *flight) verdictLate(d *Delivery, late Deadline, now time.Duration) Verdict {
	v := Verdict{Outcome: Late, Retry: lateRetry, Attempt: f.attempt.number, Waited: now - d.at}
	if f.phase != waiting && f.phase != claiming {
		v.Waited = max(0, f.attempt.started-d.at)
	}
	if late.Then == hangUp { // Deliver adds the cause
		f.offers.missed(now, 0, f.engine.NextDelivery)
		return v
	}
	v.Late, f.wasLate = true, true
	v.Err, v.Quiet = f.whyLate(late, now)
	if late.Then == Cancel && (f.phase == running || f.phase == settling) { // an attempt that fails: its sender backs off
		v.Retry = 0
	}
	f.offers.missed(now, v.Retry, f.engine.NextDelivery)
	return v
}

// attached is what the owner keeps with the context of the handler that runs; nil if
// there is none.
func (f *flight) attached() Attached {
	if f.user == nil || f.user.returned.Load() {
		return nil
	}
	return f.user.kept()
}

// acknowledge tells d that the item need not come again, unless the Store has not agreed yet, or the attempt has
// ended, which may have been a failure.
func (f *flight) acknowledge(d *Delivery) {
	if !f.granted() || f.phase == settling {
		return
	}
	d.verdict.Acked, d.verdict.Err, f.acknowledged = true, nil, true
}

// cancelLocked ends the attempt of f, or its wait, if no delivery is left.
func (e *Engine) cancelLocked(f *flight, late Deadline) {
	if f.carrier() != nil {
		return
	}
	switch f.phase {
	case waiting:
		e.withdrawLocked(f, errWithdrawn)
	case claiming, running:
		f.attempt.cancelled = &late
		f.endUser(ErrLate)
	case settling, pausing, gathering:
	}
}

// whyLate says what a delivery of f was late for. It is quiet if the log has named that
// before.
func (f *flight) whyLate(late Deadline, now time.Duration) (why error, quiet bool) {
	var text string
	cause := f
	switch f.phase {
	case waiting:
		cause = f.place.Head().Value
		text = fmt.Sprintf("answered while it waits in its lane for update %d (%s), %s", firstOf(cause.item.ID), f.engine.Owner.Label(&cause.item), cause.does(now))
	case claiming:
		text = "answered while it waits for the Store"
	case running, settling, pausing, gathering:
		text = "answered before the handler had finished"
	}
	quiet, cause.named = cause.named, true
	return &lateError{"tghook: " + text + ": " + late.String()}, quiet
}

// does says how long f has kept others waiting.
func (f *flight) does(now time.Duration) string {
	switch f.phase {
	case pausing:
		return fmt.Sprintf("which has failed %d times and runs again", f.history.failed)
	case claiming, waiting:
		return "which waits for the Store"
	default:
		return fmt.Sprintf("which has run for %v", (now - f.attempt.started).Round(time.Millisecond))
	}
}
