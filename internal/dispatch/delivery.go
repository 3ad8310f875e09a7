package dispatch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/lane"
)

// Arrival is a delivery before it is let in.
type Arrival struct {
	ctx   context.Context
	gone  <-chan struct{} // ctx.Done(), called once, because ctx is the user's
	at    time.Duration
	voice Voice
}

// carries reports whether the answer to the delivery can carry r.
func (a *Arrival) carries(r *Reply) bool {
	return a.voice == Carries || a.voice == CarriesLight && !r.Heavy
}

// Delivery is one arrival of an item.
type Delivery struct {
	Arrival

	flight  *flight     // that it waits for
	done    chan signal // nil until somebody waits
	verdict Verdict
}

// Voice says which replies the answer to a delivery can carry.
type Voice uint8

// The voices.
const (
	Mute         Voice = iota // none
	CarriesLight              // every reply that is not Heavy
	Carries                   // all
)

// signal wakes a delivery.
type signal bool

const (
	wasTold signal = true
	isLate  signal = false
)

// Arrive begins a delivery that came at a time. ctx is the user's, and may panic.
func (e *Engine) Arrive(ctx context.Context, at time.Duration, v Voice) (Arrival, error) {
	a := Arrival{at: at, voice: v}
	err := guard.Call(func() error {
		a.ctx, a.gone = ctx, ctx.Done() //nolint:fatcontext // it is kept once
		return nil
	})
	if err != nil {
		err = fmt.Errorf("tghook: the context that the update arrived with: %w", err)
	}
	return a, err
}

// Deliver brings an item to its end, or its delivery to its own if that comes first.
func (e *Engine) Deliver(a Arrival, k lane.Key, it Item, late Deadline) Verdict {
	admitted := e.Admit(a, k, it)
	// Most handlers are over before a timer for them would have been set.
	runtime.Gosched()
	if !e.Settled(admitted) {
		e.await(admitted, late)
	}
	v := admitted.verdict
	if v.Outcome == Late && v.Err == nil && !v.Acked {
		v.Err = causeOf(a.ctx)
	}
	return v
}

// await waits until d is told how its item ended, or leaves.
func (e *Engine) await(d *Delivery, late Deadline) {
	gone := d.gone
	if late.After >= 0 {
		timer := time.AfterFunc(d.at+late.After-e.Now(), func() { wake(d.done, isLate) })
		defer timer.Stop()
		if late.Then == Cancel {
			gone = nil // the handler is to end in time, whoever listens
		}
	}
	select {
	case s := <-d.done:
		if s == isLate {
			e.leave(d, late)
		}
	case <-gone:
		e.leave(d, Deadline{Then: hangUp})
	}
}

// Settled reports whether d has its verdict. If not, Done can be waited for.
func (e *Engine) Settled(d *Delivery) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d.flight == nil {
		return true
	}
	d.done = make(chan signal, 1)
	return false
}

// Acknowledged reports whether the item of d need not come again.
func (e *Engine) Acknowledged(d *Delivery) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return d.flight == nil && d.verdict.Acked
}

// Wait waits until d has its verdict, or over is closed. It is false in that case.
func (d *Delivery) Wait(over <-chan struct{}) bool {
	select {
	case <-d.done:
		return true
	case <-over:
		return false
	}
}

// Verdict is what d was told. It is valid when d is settled, or Wait was true.
func (d *Delivery) Verdict() *Verdict { return &d.verdict }

// end ends the wait of d, whose verdict is set. The mutex is held.
func (d *Delivery) end() {
	d.flight, d.ctx = nil, nil
	if d.done != nil {
		wake(d.done, wasTold)
	}
}

// with returns the delivery of a with a verdict. It does not have to wait.
func (a *Arrival) with(v Verdict) *Delivery {
	return &Delivery{Arrival: Arrival{at: a.at, voice: a.voice}, verdict: v}
}

// wake does nothing if the delivery is awake already.
func wake(done chan<- signal, s signal) {
	select {
	case done <- s:
	default:
	}
}

// alive reports whether somebody still listens at the other end.
func (a *Arrival) alive() bool {
	select {
	case <-a.gone:
		return false
	default:
		return true
	}
}

// causeOf is why ctx has ended. ctx is the user's, and may panic.
func causeOf(ctx context.Context) (cause error) {
	if err := guard.Call(func() error { cause = context.Cause(ctx); return nil }); err != nil {
		return fmt.Errorf("tghook: the context that the update arrived with: %w", err)
	}
	return cause
}

// turnedAway is the verdict of an item that is not run now. It may come again in two to
// five seconds. The time is random, so that items that are turned away together do not
// come back together.
func turnedAway(it *Item, err error) Verdict {
	after := time.Duration(2+rand.IntN(4)) * time.Second //nolint:gosec // jitter is no secret
	return Verdict{Outcome: Shed, Err: fmt.Errorf("%w: %w", ErrNotRun, err), Retry: min(after, it.MaxRetry)}
}

// maxJoins is how many deliveries may wait for one item.
const maxJoins = 64

// Admit lets a delivery of an item into a lane. The delivery is told at once, or waits for a
// flight.
func (e *Engine) Admit(a Arrival, k lane.Key, it Item) *Delivery {
	e.mu.Lock()
	defer e.unlock()
	if f := e.flights[it.ID]; f != nil {
		if len(f.waiters) >= maxJoins {
			return a.with(turnedAway(&it, errTooManyJoins))
		}
		return f.join(a)
	}
	if v, known := e.memory.duplicate(it.ID, a.at); known {
		return a.with(v)
	}
	if u := e.memory.untold[it.ID]; u != nil {
		return a.with(e.revisitLocked(u, &a))
	}
	admitted, err := e.enterLocked(a, k, it)
	if err != nil {
		return a.with(turnedAway(&it, err))
	}
	return admitted
}

// revisitLocked is the verdict of a delivery of an item that has succeeded, if no delivery
// was told before.
func (e *Engine) revisitLocked(u *untold, a *Arrival) Verdict {
	u.offers.count++
	if !a.alive() { // Deliver adds the cause
		u.offers.missed(a.at, 0, e.NextDelivery)
		return Verdict{Outcome: Late, Retry: lateRetry}
	}
	v := Verdict{Outcome: Duplicate, Acked: true, Reply: u.reply, Attempt: u.attempt, Late: u.late}
	if u.state == awaitsCarrier && a.voice == CarriesLight && u.reply.Heavy {
		v.Reply, u.acknowledged, u.until = Reply{}, true, 0
		e.afterwardsLocked(func() { e.sendAwaited(u) })
		return v
	}
	if u.state == awaitsCarrier {
		v.Outcome, v.Took = Replied, u.took
	}
	e.memory.acknowledge(u, a.at)
	e.checkIdleLocked()
	return v
}

// enterLocked begins a flight for an item, or refuses to.
func (e *Engine) enterLocked(a Arrival, k lane.Key, it Item) (*Delivery, error) {
	switch {
	case e.shutdown.phase != open:
		return nil, ErrShutdown
	case len(e.flights) >= e.MaxInFlight:
		return nil, errOverloaded
	}
	f := &flight{item: it, values: a.ctx, engine: e}
	f.place.Value = f
	f.waiters = f.backing[:0]
	if !e.lanes.Enter(k, &f.place) {
		return nil, errLaneFull
	}
	f.history.came = e.successes
	if it.Unfit != nil {
		f.letter = &letter{why: it.Unfit, outcome: DeadLettered}
	}
	if past := e.memory.failures[it.ID]; past != nil {
		e.memory.forgetFailure(past)
		f.resume(past)
	}
	f.first.Arrival = a
	e.flights[it.ID] = f
	admitted := f.joinFirst()
	if f.place.AtHead() {
		e.turnLocked(f)
	}
	return admitted, nil
}
