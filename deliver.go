package tghook

import (
	"runtime"
	"time"
)

// deadline is when a delivery is late, and what is done then.
type deadline struct {
	after time.Duration // since its arrival; negative: never
	how   departure
}

// deliver brings u to its end, or the delivery to its own if that comes first.
func (d *Dispatcher) deliver(incoming arrival, u *Update, late deadline) verdict {
	a := d.admit(incoming, u)
	// Most handlers are over before a timer for them would have been set.
	runtime.Gosched()
	if d.settled(a) {
		return a.verdict
	}
	gone := incoming.ctx.Done()
	if late.after >= 0 {
		timer := time.AfterFunc(incoming.at+late.after-d.now(), func() { wake(a.done, isLate) })
		defer timer.Stop()
		if late.how == byCancel {
			gone = nil // the handler is to end in time, whoever listens
		}
	}
	select {
	case s := <-a.done:
		if s == isLate {
			d.leave(a, late.how)
		}
	case <-gone:
		d.leave(a, byGoing)
	}
	return a.verdict
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
