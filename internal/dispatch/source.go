package dispatch

import "time"

// Source says how an item comes again after a failure: [Redelivered], [Requeued] or [Leased].
type Source interface {
	// outlived reports whether the next attempt would come too late.
	outlived(f *flight, asked time.Duration) bool
	// requeue has f run again after a while, if that is the engine's task. asked is the
	// time that its failure asks for; zero: none.
	requeue(f *flight, asked time.Duration) bool
	// inOrder reports whether the items behind a failed one in its lane must wait until it
	// comes again.
	inOrder() bool
	// patient reports whether the sender offers the next items of a lane while one of them
	// has no answer.
	patient() bool
	// keeps reports whether the sender keeps an item until the engine reports its end. Such a
	// sender may offer a dead letter again, or an item whose reply was not sent.
	keeps() bool
	// ends reports whether the sender takes back what has not ended, for an attempt in another
	// process.
	ends() bool
}

// Redelivered is a Source whose sender delivers the item again, as by a webhook.
type Redelivered struct{}

func (Redelivered) outlived(*flight, time.Duration) bool { return false }
func (Redelivered) requeue(*flight, time.Duration) bool  { return false }
func (Redelivered) inOrder() bool                        { return false }
func (Redelivered) patient() bool                        { return false }
func (Redelivered) keeps() bool                          { return false }
func (Redelivered) ends() bool                           { return false }

// Requeued is a Source that nobody delivers from again, such as a poll: the engine runs the
// item again, in its lane, and the items behind it wait.
type Requeued struct{}

func (Requeued) inOrder() bool { return true }
func (Requeued) patient() bool { return true }
func (Requeued) keeps() bool   { return false }
func (Requeued) ends() bool    { return false }

// outlived reports whether f would run again only when its sender would not offer it any
// more: a query that nobody waits for must not hold up the next one.
func (Requeued) outlived(f *flight, asked time.Duration) bool {
	return f.engine.Now()+f.pauseFor(asked) >= f.first.at+f.item.Life-f.engine.LastAttempt
}

func (Requeued) requeue(f *flight, asked time.Duration) bool {
	after := f.pauseFor(asked)
	if asked == 0 {
		f.pauses++
	}
	if f.engine.crowded {
		after = min(after, crowdedPause)
	}
	f.phase, f.until = pausing, f.engine.Now()+after
	if f.wake == nil {
		f.wake = make(chan struct{}, 1)
	}
	return true
}

// Leased is a Source that leases its items, such as a queue. It is like Requeued, but it offers
// its items for as long as they are left, and a dead letter can be put back into a queue.
type Leased struct {
	Requeued

	Ended <-chan struct{} // closed when items go back to the queue
}

func (Leased) keeps() bool                          { return true }
func (Leased) outlived(*flight, time.Duration) bool { return false }

func (l Leased) ends() bool {
	select {
	case <-l.Ended:
		return true
	default:
		return false
	}
}

// crowdedPause is between two attempts of an item while the engine is crowded.
const crowdedPause = time.Second

// pauseFor is how long f pauses: as long as is asked for, or longer from failure to
// failure.
func (f *flight) pauseFor(asked time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	return min(time.Second<<min(f.pauses, 6), time.Minute)
}

// pause waits until f, which has failed, may run again. It is false if f is not to run
// any more: end says why.
func (e *Engine) pause(f *flight, end *ending) bool {
	if f.wake == nil { // it has never failed here
		return true
	}
	for {
		left, ok := e.pauseLeft(f, end)
		if left <= 0 {
			return ok
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-f.wake:
			timer.Stop()
		}
	}
}

// pauseLeft is how long f still pauses. If that is over, it has its turn, or it is turned
// away.
func (e *Engine) pauseLeft(f *flight, end *ending) (left time.Duration, ok bool) {
	e.mu.Lock()
	defer e.unlock()
	if f.phase != pausing {
		return 0, true
	}
	if e.shutdown.phase != open {
		e.turnAwayLocked(f, turnedAway(&f.item, ErrShutdown), end)
		return 0, false
	}
	if left = f.until - e.Now(); left > 0 {
		return left, true
	}
	f.startOver()
	return 0, true
}

// endPause has the worker of f look again, if f pauses.
func (f *flight) endPause() {
	if f.phase != pausing {
		return
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// SetCrowded says whether the items in flight keep all others from coming. An item that
// waits for its next attempt then runs within a second, because nothing else can go on.
func (e *Engine) SetCrowded(full bool) {
	e.mu.Lock()
	defer e.unlock()
	if e.crowded == full {
		return
	}
	e.crowded = full
	if !full {
		return
	}
	for _, f := range e.flights {
		if soon := max(e.Now(), f.attempt.ended+crowdedPause); f.phase == pausing && f.until > soon {
			f.until = soon
			f.endPause()
		}
	}
}

// failingLocked counts the items beside f that have failed and are not over. It matters, and
// is counted, only while the engine is crowded.
func (e *Engine) failingLocked(f *flight) (n int) {
	if !e.crowded {
		return 0
	}
	for id, other := range e.flights {
		if other != f && other.history.failed > 0 && id == other.item.ID {
			n++
		}
	}
	for _, past := range e.memory.failures {
		if past.history.failed > 0 {
			n++
		}
	}
	return n
}
