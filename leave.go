package tghook

import (
	"context"
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

// leave takes a out of the wait, unless it has been told how its update ended:
// either way it has a verdict now.
func (d *Dispatcher) leave(a *arrival, how departure) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := a.record
	if r == nil {
		return
	}
	r.part(a)
	a.verdict = verdict{
		outcome: OutcomeLate, err: ErrLate, retry: lateRetry, late: true,
		attempt: r.attempt, waited: d.now() - a.at,
	}
	if r.state != waiting {
		a.waited = max(0, r.started-a.at)
	}
	if how == byGoing {
		a.late, a.err = false, context.Cause(a.ctx)
	} else {
		r.wasLate = true
	}
	r.late.Store(r.wasLate && len(r.waiters) == 0)
	if r.late.Load() && how != byCancel {
		r.answeredLate()
	}
	// Nothing is promised before the Store has agreed, or after the run has ended,
	// which may have been a failure.
	if how == byAck && r.ready && r.state != settling {
		a.acked, a.err = true, nil
		if !r.acked {
			r.acked = true
			d.promised++
		}
	}
	if how == byCancel && r.carrier() == nil {
		switch r.state {
		case waiting:
			d.turnAway(r, errWithdrawn)
		case running:
			r.cancelled = true
			r.endUser(ErrLate)
		}
	}
}
