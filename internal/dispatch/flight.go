package dispatch

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/lane"
)

// flight is an item on its way to its end. The engine's mutex guards it.
type flight struct {
	engine *Engine
	item   Item
	place  lane.Place[*flight]
	phase  phase
	values context.Context // whose values the handler's context carries
	// waiters are the deliveries that wait for its end, the oldest first. The
	// first of all lives here, to save an allocation or two.
	waiters []*Delivery
	first   Delivery
	backing [1]*Delivery
	offers  offers

	attempt attempt
	user    *Context // of the user's code that runs for it; nil if none does
	claim   *lease   // granted; nil without a Store, and before its turn
	history history
	letter  *letter // the dead letter that is due in place of an attempt; nil: none
	group   *group  // that its item stands for; nil for most

	lost         bool        // Lose was called since the Store was last asked
	acknowledged bool        // a delivery was acknowledged before the attempt has ended
	wasLate      bool        // some delivery was answered while it ran
	late         atomic.Bool // the last delivery was answered, and no other has come after it
	named        bool        // the log has said that others wait for it

	handed *handover     // another worker has begun with it
	wake   chan struct{} // ends its pause; nil before the first
	until  time.Duration // of the pause
	pauses int
}

// phase is where a flight is on its way.
//
//	waiting -> claiming (with a Store) -> running -> settling -> (memory)
//	             ^                                      |
//	              +---------- again, or pausing -------+
type phase uint8

const (
	waiting   phase = iota // for its turn in its lane
	claiming               // its turn has come, and the Store is asked
	running                // the handler, or about to
	settling               // the attempt has ended; its end is being made known
	pausing                // it runs again after a while, and keeps its lane until then
	gathering              // a group whose items still come; it is in no lane
)

// attempt is one run of the handler.
type attempt struct {
	number         int
	started, ended time.Duration
	cancelled      *Deadline // that has ended its context; nil: none
}

// letter is a dead letter that is due.
type letter struct {
	why     error
	outcome Outcome // when it is accepted
}

// handover is what a worker leaves to the next one that carries the flight.
type handover struct {
	result    Result
	abandoned bool // the handler has not returned
}

// resume goes on from a failure that is remembered.
func (f *flight) resume(past *pastFailure) {
	f.offers, f.history, f.letter = past.offers, past.history, past.letter
	f.attempt.number = past.attempts
}

// joinFirst lets the first delivery of f wait for its end.
func (f *flight) joinFirst() *Delivery {
	f.add(&f.first)
	return &f.first
}

// join lets a further delivery of f wait for its end.
func (f *flight) join(a Arrival) *Delivery {
	d := &Delivery{Arrival: a}
	f.add(d)
	return d
}

func (f *flight) add(d *Delivery) {
	d.flight = f
	f.waiters = append(f.waiters, d)
	f.offers.count++
	f.late.Store(false)
}

// remove takes a delivery out of the wait.
func (f *flight) remove(d *Delivery) {
	d.flight = nil
	i := slices.Index(f.waiters, d)
	f.waiters = slices.Delete(f.waiters, i, i+1)
}

// carrier is the newest delivery that lives, which carries the result; nil if none does. That of
// a group is the one of its first item.
func (f *flight) carrier() *Delivery {
	if f.group != nil && len(f.waiters) > 0 {
		return f.waiters[0]
	}
	for _, d := range slices.Backward(f.waiters) {
		if d.alive() {
			return d
		}
	}
	return nil
}

// tell ends the wait of every delivery. The carrier gets the result, the others that
// there was one.
func (f *flight) tell(end *ending, carrier *Delivery, now time.Duration) {
	for _, d := range f.waiters {
		v := &d.verdict
		*v = end.Verdict
		v.Attempt, v.Late, v.Waited = f.attempt.number, f.wasLate, now-d.at
		if !end.skipped {
			v.Waited, v.Took = max(0, f.attempt.started-d.at), f.attempt.took()
		}
		if d != carrier {
			v.Reply = Reply{}
			if !end.skipped {
				v.Outcome = Joined
			}
		}
		d.end()
	}
	clear(f.waiters)
	f.waiters = f.waiters[:0]
}

func (a *attempt) took() time.Duration { return a.ended - a.started }

// granted reports whether f is this process's to run: with a Store, once it has agreed.
func (f *flight) granted() bool {
	return !f.engine.claims(f) || f.claim != nil && !f.claim.lost
}

// claimLost reports whether this process had a claim on f and has lost it.
func (f *flight) claimLost() bool { return f.claim != nil && f.claim.lost }

// endUser ends the context of the user's code that runs for f, if any.
func (f *flight) endUser(cause error) {
	if f.user != nil {
		f.user.end(cause)
	}
}

// isKept reports whether the dead letter of f is on its way, and its sender would not
// deliver it again.
func (f *flight) isKept() bool { return f.acknowledged && f.phase == settling && f.letter != nil }

// offers counts the deliveries of an item, and knows when the next one is due.
type offers struct {
	count int
	due   time.Duration // when its sender offers it again, as far as is known
}

// missed notes when the sender offers an item again, for a delivery that ends now
// without an answer, or with one that asks for after.
func (o *offers) missed(now, after time.Duration, next func(n int) time.Duration) {
	if after == 0 {
		after = next(o.count)
	}
	o.due = max(o.due, now+after)
}
