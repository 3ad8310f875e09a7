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

// Delivery is one arrival of an item.
type Delivery struct { //nolint:recvcheck // one that need not wait is copied
	ctx     context.Context
	gone    <-chan struct{} // ctx.Done(), called once, because ctx is the user's
	at      time.Duration
	mute    bool
	flight  *flight     // that it waits for
	done    chan signal // nil until somebody waits
	verdict Verdict
}

// Voice says whether the answer to a delivery can carry a reply.
type Voice bool

// The voices.
const (
	Carries Voice = true
	Mute    Voice = false
)

// signal wakes a delivery.
type signal bool

const (
	wasTold signal = true
	isLate  signal = false
)

// Arrive begins a delivery that came at a time. ctx is the user's, and may panic.
func (e *Engine) Arrive(ctx context.Context, at time.Duration, v Voice) (Delivery, error) {
	d := Delivery{at: at, mute: v == Mute}
	err := guard.Call(func() error {
		d.ctx, d.gone = ctx, ctx.Done() //nolint:fatcontext // it is kept once
		return nil
	})
	if err != nil {
		err = fmt.Errorf("tghook: the context that the update arrived with: %w", err)
	}
	return d, err
}

// Deliver brings an item to its end, or its delivery to its own if that comes first.
func (e *Engine) Deliver(d Delivery, k lane.Key, it Item, late Deadline) Verdict {
	ctx := d.ctx
	admitted := e.Admit(d, k, it)
	// Most handlers are over before a timer for them would have been set.
	runtime.Gosched()
	if !e.Settled(admitted) {
		e.await(admitted, late)
	}
	v := admitted.verdict
	if v.Outcome == Late && v.Err == nil && !v.Acked {
		v.Err = causeOf(ctx)
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

// end ends the wait of d, whose verdict is set. The mutex is held, or nobody knows d yet.
func (d *Delivery) end() {
	d.flight, d.ctx = nil, nil
	if d.done != nil {
		wake(d.done, wasTold)
	}
}

// with returns d with a verdict, for a delivery that does not have to wait.
func (d Delivery) with(v Verdict) *Delivery {
	d.verdict = v
	d.end()
	return &d
}

// wake does nothing if the delivery is awake already.
func wake(done chan<- signal, s signal) {
	select {
	case done <- s:
	default:
	}
}

// alive reports whether somebody still listens at the other end.
func (d *Delivery) alive() bool {
	select {
	case <-d.gone:
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
func (e *Engine) Admit(d Delivery, k lane.Key, it Item) *Delivery {
	e.mu.Lock()
	defer e.unlock()
	if f := e.flights[it.ID]; f != nil {
		if len(f.waiters) >= maxJoins {
			return d.with(turnedAway(&it, errTooManyJoins))
		}
		return f.join(d)
	}
	if v, known := e.memory.duplicate(it.ID, d.at); known {
		return d.with(v)
	}
	if u := e.memory.untold[it.ID]; u != nil {
		return d.with(e.revisitLocked(u, d))
	}
	admitted, err := e.enterLocked(d, k, it)
	if err != nil {
		return d.with(turnedAway(&it, err))
	}
	return admitted
}

// revisitLocked is the verdict of a delivery of an item that has succeeded, if no delivery
// was told before.
func (e *Engine) revisitLocked(u *untold, d Delivery) Verdict {
	u.offers.count++
	if !d.alive() { // Deliver adds the cause
		u.offers.missed(d.at, 0, e.NextDelivery)
		return Verdict{Outcome: Late, Retry: lateRetry}
	}
	v := Verdict{Outcome: Duplicate, Acked: true, Reply: u.reply, Attempt: u.attempt, Late: u.late}
	if u.state == awaitsCarrier {
		v.Outcome, v.Took = Replied, u.took
	}
	e.memory.acknowledge(u, d.at)
	e.checkIdleLocked()
	return v
}

// enterLocked begins a flight for an item, or refuses to.
func (e *Engine) enterLocked(d Delivery, k lane.Key, it Item) (*Delivery, error) {
	switch {
	case e.shutdown.phase != open:
		return nil, ErrShutdown
	case len(e.flights) >= e.MaxInFlight:
		return nil, errOverloaded
	}
	f := &flight{item: it, values: d.ctx, engine: e}
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
	f.first = d
	e.flights[it.ID] = f
	admitted := f.joinFirst()
	if f.place.AtHead() {
		e.turnLocked(f)
	}
	return admitted, nil
}
