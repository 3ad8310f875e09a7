package tghook

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// deadline is when a delivery is late, and what is done then.
type deadline struct { //nolint:recvcheck // what prints it has to print values too
	after   time.Duration // since its arrival; negative: never
	how     departure
	setting string // that after comes from
}

// String says how long the delivery was given, and by which setting.
func (l deadline) String() string { return fmt.Sprintf("it was given %v by %s", l.after, l.setting) }

// deliver brings u to its end, or the delivery to its own if that comes first.
// at is when it came, and mute says that its answer cannot carry a reply.
func (d *Dispatcher) deliver(ctx context.Context, mute bool, at time.Duration, u *Update, late deadline) verdict {
	incoming, err := d.arrive(ctx, at)
	if err != nil {
		return verdict{outcome: OutcomeFailed, err: err}
	}
	incoming.mute = mute
	a := d.admit(incoming, u)
	// Most handlers are over before a timer for them would have been set.
	runtime.Gosched()
	if !d.settled(a) {
		d.await(a, late)
	}
	if a.outcome == OutcomeLate && a.err == nil && !a.acked {
		a.err = causeOf(ctx)
	}
	return a.verdict
}

// await waits until a is told how its update ended, or leaves.
func (d *Dispatcher) await(a *arrival, late deadline) {
	gone := a.gone
	if late.after >= 0 {
		timer := time.AfterFunc(a.at+late.after-d.now(), func() { wake(a.done, isLate) })
		defer timer.Stop()
		if late.how == byCancel {
			gone = nil // the handler is to end in time, whoever listens
		}
	}
	select {
	case s := <-a.done:
		if s == isLate {
			d.leave(a, late)
		}
	case <-gone:
		d.leave(a, deadline{how: byGoing})
	}
}

// settled reports whether a has its verdict. If not, a can be waited for.
func (d *Dispatcher) settled(a *arrival) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.record == nil {
		return true
	}
	a.done = make(chan signal, 1)
	return false
}

// acknowledged reports whether the update of a need not come again.
func (d *Dispatcher) acknowledged(a *arrival) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return a.record == nil && a.acked
}
