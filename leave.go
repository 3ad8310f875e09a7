package tghook

import (
	"fmt"
	"time"
)

// departure is why a delivery does not wait for the end of its update.
type departure uint8

const (
	byGoing  departure = iota // nobody listens any more
	byRetry                   // LateRetry
	byCancel                  // LateCancel
	byAck                     // LateAck
)

// lateRetry is when a delivery that was answered late is to come again. The
// redelivery joins, so that it costs little to have it soon.
const lateRetry = 2 * time.Second

// lateError says why a delivery was answered late. It is [ErrLate].
type lateError struct{ text string }

func (e *lateError) Error() string { return e.text }
func (e *lateError) Unwrap() error { return ErrLate }

// leave takes a out of the wait, unless it has been told how its update ended:
// either way it has a verdict now.
func (d *Dispatcher) leave(a *arrival, late deadline) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := a.record
	if r == nil {
		return
	}
	r.part(a)
	now := d.now()
	a.verdict = verdict{outcome: OutcomeLate, retry: lateRetry, late: true, attempt: r.attempt, waited: now - a.at}
	if r.state != waiting && r.state != claiming {
		a.waited = max(0, r.started-a.at)
	}
	if late.how == byGoing { // deliver adds the cause
		a.late = false
		r.redelivery(now, 0)
	} else {
		a.err, a.quiet = d.whyLate(r, late, now)
		r.wasLate = true
		if late.how == byCancel && (r.state == running || r.state == settling) { // an attempt that fails: Telegram backs off
			a.retry = 0
		}
		r.redelivery(now, a.retry)
	}
	r.late.Store(r.wasLate && len(r.waiters) == 0)
	if r.late.Load() && late.how != byCancel {
		r.answeredLate()
	}
	switch late.how {
	case byAck:
		d.promise(r, a)
	case byCancel:
		d.cancel(r, late)
	case byGoing, byRetry:
	}
}

// promise acknowledges r for a, unless the Store has not agreed yet, or the run has
// ended, which may have been a failure.
func (d *Dispatcher) promise(r *record, a *arrival) {
	if !d.granted(r) || r.state == settling {
		return
	}
	a.acked, a.err, r.acked = true, nil, true
}

// cancel ends the run of r, or its wait, if no delivery is left.
func (d *Dispatcher) cancel(r *record, late deadline) {
	if r.carrier() != nil {
		return
	}
	switch r.state {
	case waiting:
		d.turnAway(r, errWithdrawn)
	case claiming, running:
		r.cancelled, r.given = true, late
		r.endUser(ErrLate)
	case settling, paused, failed, finished:
	}
}

// whyLate says what a delivery of r was late for. It is quiet if the log has named that
// before.
func (d *Dispatcher) whyLate(r *record, late deadline, now time.Duration) (why error, quiet bool) {
	var text string
	cause := r
	switch r.state {
	case waiting:
		cause = r.place.Head().Value
		text = fmt.Sprintf("answered while it waits in its lane for update %d (%s), %s", cause.update.ID, cause.update.Kind, cause.does(now))
	case claiming:
		text = "answered while it waits for the Store"
	case running, settling, paused, failed, finished:
		text = "answered before the handler had finished"
	}
	quiet, cause.named = cause.named, true
	return &lateError{"tghook: " + text + ": " + late.String()}, quiet
}

// does says how long r has kept others waiting.
func (r *record) does(now time.Duration) string {
	switch r.state {
	case paused:
		return fmt.Sprintf("which has failed %d times and runs again", r.history.failed)
	case claiming, waiting:
		return "which waits for the Store"
	default:
		return fmt.Sprintf("which has run for %v", (now - r.started).Round(time.Millisecond))
	}
}
