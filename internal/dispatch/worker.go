package dispatch

import (
	"runtime"
	"slices"
	"time"

	"github.com/tghook/tghook/internal/guard"
)

// worker is a goroutine that carries flights. One that has nothing to do lets others
// run, looks once more, and ends: where items come one after the other they share
// a goroutine, whose stack has grown to what the handler needs, and where none comes
// nothing is left.
type worker struct {
	engine *Engine
	flight *flight
	ctx    *Context // of the handler that runs; nil: none does
	ending ending
	next   *flight // given by turnLocked
}

// maxIdle is how many workers may look once more: few enough to search.
const maxIdle = 64

// turnLocked has a worker carry f, whose turn has come.
func (e *Engine) turnLocked(f *flight) {
	f.turn()
	e.carryLocked(f)
}

// turn marks f as on its way to its handler.
func (f *flight) turn() {
	f.phase = running
	if f.engine.claims(f) {
		f.phase = claiming
	}
}

// startOver sends f to its handler once more. f keeps its turn.
func (f *flight) startOver() {
	f.attempt.cancelled, f.acknowledged, f.wasLate, f.named = nil, f.acknowledged && f.group != nil, false, false
	f.turn()
}

// carryLocked has a worker carry f.
func (e *Engine) carryLocked(f *flight) {
	if len(e.idle) == 0 {
		e.effects.turns = append(e.effects.turns, f)
		return
	}
	e.idle[0].next = f // it looks before the others do
	e.idle = slices.Delete(e.idle, 0, 1)
}

// work is a worker's life.
func (e *Engine) work(f *flight) {
	w := worker{engine: e}
	defer w.exit()
	for f != nil {
		if f = w.carry(f); f == nil {
			f = w.linger()
		}
	}
}

// carry is the life of a flight from its turn to its end. It returns what its lane has
// ready behind it, and nil where another worker carries the flight on.
func (w *worker) carry(f *flight) (next *flight) {
	e, end := w.engine, &w.ending
	for again := true; again; {
		*end = ending{}
		if !w.attempt(f) {
			return nil
		}
		switch end.due {
		case deadLetter:
			e.bury(f, end)
		case call:
			e.call(f, end)
		case nothing:
		}
		e.tellStore(f, end)
		e.endGroup(f, end)
		next, again = e.finish(f, end) // tells who waits, and files the flight
		if end.report != nil {
			<-e.tell(end.report)
		}
	}
	*end = ending{} // a worker that lingers keeps no item alive
	return next
}

// attempt waits for the end of f's pause, claims f, runs the handler, and judges what
// came of it. It is false if another worker carries f on.
func (w *worker) attempt(f *flight) bool {
	e := w.engine
	if h := f.handed; h != nil { // another worker has begun
		f.handed = nil
		e.judge(f, h, &w.ending)
		return true
	}
	if !e.pause(f, &w.ending) {
		return true
	}
	if e.Keeper != nil {
		switch e.makeWay(f, &w.ending) {
		case isBehind:
			return false
		case isAway:
			return true
		case isReady:
		}
	}
	if !e.acquire(f, &w.ending) || f.item.Part != nil && e.keep(f, &w.ending) || f.group != nil && !e.complete(f, &w.ending) {
		return true
	}
	ctx, handled := e.begin(f, &w.ending)
	if ctx == nil {
		if handled {
			e.judge(f, &handover{}, &w.ending)
		}
		return true
	}
	w.flight, w.ctx = f, ctx
	result := e.Owner.Handle(ctx)
	w.flight, w.ctx = nil, nil
	return e.handBack(f, ctx, &handover{result: result}, &w.ending)
}

// exit hands on what the worker carries, where the handler has ended its goroutine.
func (w *worker) exit() {
	e, f := w.engine, w.flight
	if w.ctx == nil {
		return
	}
	e.mu.Lock()
	defer e.unlock()
	if e.returnedLocked(f, w.ctx) {
		f.handed = &handover{result: Result{Failure: Failure{Err: guard.ErrGoexit, Hopeless: true}}}
		e.carryLocked(f)
	}
}

// linger takes what w is given to carry while others run.
func (w *worker) linger() *flight {
	e := w.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.idle) == maxIdle {
		return nil
	}
	e.idle = append(e.idle, w)
	e.mu.Unlock()
	runtime.Gosched()
	e.mu.Lock()
	if i := slices.Index(e.idle, w); i >= 0 {
		e.idle = slices.Delete(e.idle, i, i+1)
	}
	f := w.next
	w.next = nil
	return f
}

// begin starts an attempt. There is no context if a dead letter is due in its place, or
// if f is turned away.
func (e *Engine) begin(f *flight, end *ending) (ctx *Context, due bool) {
	e.mu.Lock()
	defer e.unlock()
	if err := e.refusalLocked(f); err != nil {
		e.turnAwayLocked(f, turnedAway(&f.item, err), end)
		return nil, false
	}
	f.attempt.cancelled, f.attempt.started, f.named = nil, e.Now(), false
	e.numberLocked(f)
	if f.letter != nil {
		return nil, true
	}
	ctx = e.contextLocked(f, e.Timeout)
	e.watchLocked(f)
	return ctx, true
}

// numberLocked numbers the attempt of f that begins, or makes f a dead letter in its place. An
// attempt that only sends the reply of an earlier one always begins.
func (e *Engine) numberLocked(f *flight) {
	if f.letter != nil {
		return
	}
	if f.claim != nil && f.claim.handled {
		f.attempt.number = f.claim.attempt
		return
	}
	if why := e.Owner.Refuse(&f.item); why != nil {
		f.letter = &letter{why, DeadLettered}
		return
	}
	f.attempt.number++
	if f.claim != nil {
		f.attempt.number = f.claim.attempt
	}
	if e.MaxAttempts > 0 && f.attempt.number > e.MaxAttempts {
		f.attempt.number, f.letter = e.MaxAttempts, &letter{errExhausted, DeadLettered}
	}
}

// refusalLocked is why f, whose turn has come, is not to run after all.
func (e *Engine) refusalLocked(f *flight) error {
	switch {
	case e.shutdown.phase == stopped:
		return ErrShutdown
	case f.claimLost():
		return ErrClaimLost
	case f.attempt.cancelled != nil && f.carrier() == nil:
		return errWithdrawn
	}
	return nil
}

// ReturnTime is how long after its time a handler may still return. Then it is given up.
const ReturnTime = 10 * time.Second

// watchLocked sees to it that the attempt of f is given up in the end. All attempts have
// the same time, so that one timer is enough: it is set for the oldest.
func (e *Engine) watchLocked(f *flight) {
	if e.Timeout < 0 || e.watching {
		return
	}
	e.watching = true
	time.AfterFunc(f.attempt.started+e.Timeout+ReturnTime-e.Now(), e.abandon)
}

// abandon gives up every attempt whose handler has not returned in time, and sets the
// timer for the next.
func (e *Engine) abandon() {
	e.mu.Lock()
	defer e.unlock()
	e.watching = false
	var oldest *flight
	for _, f := range e.flights {
		switch {
		case f.phase != running || f.user == nil || f.user.returned.Load():
		case f.attempt.started+e.Timeout+ReturnTime <= e.Now():
			f.user.end(ErrTimeout)
			e.leaveUserLocked(f) // its worker will see that
			e.abandoned++
			f.handed = &handover{Result{Failure: Failure{Err: ErrTimeout}}, true}
			e.carryLocked(f)
		case oldest == nil || f.attempt.started < oldest.attempt.started:
			oldest = f
		}
	}
	if oldest != nil {
		e.watchLocked(oldest)
	}
}

// handBack takes f back from its handler, which has returned, and judges what came of it.
// It is false if the attempt was abandoned.
func (e *Engine) handBack(f *flight, ctx *Context, h *handover, end *ending) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.returnedLocked(f, ctx) {
		return false
	}
	e.judgeLocked(f, h, end)
	return true
}

// returnedLocked notes that the handler of ctx has returned. It is false if the attempt was
// abandoned.
func (e *Engine) returnedLocked(f *flight, ctx *Context) bool {
	if f.user != ctx {
		e.abandoned--
		return false
	}
	ctx.returned.Store(true)
	return true
}

// turnAwayLocked ends the turn of f without an attempt: with a dead letter where a
// delivery of it was acknowledged already.
func (e *Engine) turnAwayLocked(f *flight, v Verdict, end *ending) {
	if f.acknowledged && !v.Acked && !f.comesAgain() {
		f.phase, f.attempt.started = settling, e.Now()
		f.attempt.ended = f.attempt.started
		f.letter = &letter{v.Err, DeadLettered}
		end.due = deadLetter
		return
	}
	// From here on no delivery may be acknowledged early: finish would not run the item.
	f.phase, f.attempt.started = settling, e.Now()
	f.attempt.ended = f.attempt.started
	if c := f.claim; c != nil && !c.lost && !v.Acked {
		e.releaseLocked(c)
	}
	end.Verdict, end.skipped = v, true
}

// withdrawLocked ends a flight that waits for its turn.
func (e *Engine) withdrawLocked(f *flight, err error) {
	v := turnedAway(&f.item, err)
	if f.acknowledged {
		f.letter = &letter{v.Err, DeadLettered}
		f.phase, f.handed = running, &handover{}
		f.attempt.started = e.Now()
		e.carryLocked(f)
		return
	}
	e.completeLocked(f, &ending{Verdict: v, skipped: true})
}
