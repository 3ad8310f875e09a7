package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// LastWords is how long Shutdown still waits after its context has ended: for handlers
	// that it has cancelled, for dead letters of items that were acknowledged early,
	// because no other process has these, and for the Store, because other processes
	// would wait for the leases.
	LastWords = time.Second
	// redeliveryDelay is how much later than it is due Shutdown waits for a redelivery.
	redeliveryDelay = 3 * time.Second
)

// shutdown is how far the end of an engine is. The engine's mutex guards it.
type shutdown struct {
	phase    shutdownPhase
	idle     chan struct{} // closed when closing and nothing is left to do
	ended    chan struct{} // closed when stopped and nothing is left to do
	quiet    chan struct{} // closed when over and no call of Observe goes on
	looksAt  time.Duration // when it looks again for redeliveries that are overdue
	stranded []int64       // ids that were not acknowledged when it was stopped
}

type shutdownPhase uint8

const (
	open    shutdownPhase = iota
	closing               // known items go on, and unknown ones are turned away
	stopped               // everything is cancelled
)

func newShutdown() shutdown {
	return shutdown{idle: make(chan struct{}), ended: make(chan struct{}), quiet: make(chan struct{})}
}

// Shutdown ends the engine's work. From now on unknown items are turned away with
// [ErrShutdown]. Known ones still join and replay. Shutdown returns nil when every
// attempt has ended, every call of Observe has returned, and a delivery was told of every
// success, or the redelivery is three seconds overdue.
//
// When ctx ends first, handlers are cancelled with ErrShutdown, and the error
// names the items that stay unacknowledged.
func (e *Engine) Shutdown(ctx context.Context) error {
	e.close()
	err := e.drain(ctx)
	e.over.Store(true)
	e.lookAgain()
	select {
	case <-e.shutdown.quiet:
		return err
	default:
	}
	select {
	case <-e.shutdown.quiet:
		return err
	case <-ctx.Done():
		if err == nil {
			err = fmt.Errorf("tghook: shutdown: %w", context.Cause(ctx))
		}
		return fmt.Errorf("%w; %d calls of Observe have not returned", err, e.observers.calls.Load())
	}
}

func (e *Engine) close() {
	e.mu.Lock()
	defer e.unlock()
	e.closing.Store(true)
	if e.shutdown.phase == open {
		e.shutdown.phase = closing
	}
	for _, f := range e.flights {
		f.endPause()
	}
	e.stopGatheringLocked()
	e.checkIdleLocked()
}

// drain waits until nothing is left to do, or stops what is.
func (e *Engine) drain(ctx context.Context) error {
	if e.finished(ctx) {
		e.halt()
		e.awaitLastWords() // Observe may have to be told of replies that are lost
		return nil
	}
	err := fmt.Errorf("tghook: shutdown: %w", context.Cause(ctx))
	if ids := e.halt(); len(ids) > 0 {
		err = fmt.Errorf("%w; %d updates stay unacknowledged: %s", err, len(ids), FirstOf(ids))
	}
	e.awaitLastWords()
	if ids := e.unkept(); len(ids) > 0 {
		err = fmt.Errorf("%w; %d updates that were acknowledged early did not end: %s", err, len(ids), FirstOf(ids))
	}
	return err
}

// finished waits until nothing is left to do. It is false if ctx ends first.
func (e *Engine) finished(ctx context.Context) bool {
	select {
	case <-e.shutdown.idle:
		return true
	default:
	}
	select {
	case <-e.shutdown.idle:
		return true
	case <-ctx.Done():
		return false
	}
}

// awaitLastWords waits until a stopped engine has nothing left to do, for LastWords at most.
func (e *Engine) awaitLastWords() {
	timer := time.NewTimer(LastWords)
	defer timer.Stop()
	select {
	case <-e.shutdown.ended:
	case <-timer.C:
	}
}

// FirstOf names the first of ids.
func FirstOf(ids []int64) string {
	const most = 20
	text := strings.Trim(fmt.Sprint(ids[:min(len(ids), most)]), "[]")
	if len(ids) > most {
		text += " ..."
	}
	return text
}

// lookAgain ends the wait of Shutdown if it is time.
func (e *Engine) lookAgain() {
	e.mu.Lock()
	defer e.unlock()
	e.checkIdleLocked()
}

// checkIdleLocked ends the wait of Shutdown when nothing is left to do.
func (e *Engine) checkIdleLocked() {
	s := &e.shutdown
	if s.phase == open {
		return
	}
	rests := len(e.flights) == 0 && e.background == 0 && e.pending.Load() == 0
	if rests && !e.awaitsRedeliveryLocked() {
		closeOnce(s.idle)
	}
	if rests && s.phase == stopped {
		closeOnce(s.ended)
	}
	if e.over.Load() && e.observers.calls.Load() == 0 {
		closeOnce(s.quiet)
	}
}

// awaitsRedeliveryLocked reports whether a sender still has to be told of a success. When
// the redelivery is overdue it looks again.
func (e *Engine) awaitsRedeliveryLocked() bool {
	if len(e.memory.untold) == 0 {
		return false
	}
	now, latest := e.Now(), time.Duration(0)
	for _, u := range e.memory.untold {
		latest = max(latest, u.offers.due+redeliveryDelay)
		if u.state == awaitsCarrier && u.reply.Sender != nil && e.shutdown.phase != stopped { // sendAwaited looks again
			return true
		}
	}
	if latest <= now {
		return false
	}
	if latest != e.shutdown.looksAt { // else a timer is set
		e.shutdown.looksAt = latest
		time.AfterFunc(latest-now, e.lookAgain)
	}
	return true
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// halt stops all flights, and returns the ids that are not acknowledged then.
func (e *Engine) halt() []int64 {
	if overdue := e.stop(); len(overdue) > 0 {
		e.Owner.Untold(overdue)
	}
	return e.shutdown.stranded
}

// stop cancels everything. It returns the ids of successes whose redelivery is overdue.
func (e *Engine) stop() (overdue []int64) {
	e.mu.Lock()
	defer e.unlock()
	if e.shutdown.phase == stopped {
		return nil
	}
	e.shutdown.phase = stopped
	e.cancel(ErrShutdown)
	e.stopFlightsLocked()
	overdue = e.stopMemoryLocked()
	slices.Sort(e.shutdown.stranded)
	slices.Sort(overdue)
	e.checkIdleLocked()
	return overdue
}

func (e *Engine) stopFlightsLocked() {
	for id, f := range e.flights {
		if !f.acknowledged && (f.group == nil || id != f.item.ID) {
			e.shutdown.stranded = append(e.shutdown.stranded, id)
		}
		switch {
		case f.phase == waiting:
			e.withdrawLocked(f, ErrShutdown)
		case f.phase == pausing:
			f.endPause()
		case !f.isKept():
			f.endUser(ErrShutdown)
		}
	}
}

func (e *Engine) stopMemoryLocked() (overdue []int64) {
	for _, p := range e.memory.failures {
		if p.timer != nil {
			p.timer.Stop()
		}
	}
	for id, u := range e.memory.untold {
		if u.timer != nil {
			u.timer.Stop()
		}
		sendable := u.state == awaitsCarrier && u.reply.Sender != nil
		switch {
		case u.acknowledged:
		case !sendable && u.offers.due+redeliveryDelay <= e.Now():
			overdue = append(overdue, id)
		default:
			e.shutdown.stranded = append(e.shutdown.stranded, id)
		}
		if u.state == awaitsCarrier {
			e.loseLocked(u, ErrShutdown)
		}
	}
	return overdue
}

// unkept returns the ids that were acknowledged early and have not ended well.
func (e *Engine) unkept() (ids []int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, f := range e.flights {
		if f.acknowledged {
			ids = append(ids, known(id, f.group)...)
		}
	}
	for id, p := range e.memory.failures {
		if p.acknowledged {
			ids = append(ids, known(id, p.group)...)
		}
	}
	slices.Sort(ids)
	return ids
}
