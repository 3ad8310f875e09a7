package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ending is how an attempt ended, or a turn without one.
type ending struct {
	Verdict

	due     due
	skipped bool // no attempt was made
	carried bool // a delivery is told of the result
	again   bool // another attempt may follow at once: see repeatLocked
	cut     bool // the attempt was stopped, and its Source takes the item back: it does not count
	joined  bool // its deliveries wait for its group
	gone    bool // the item is forgotten
	quietly bool // another process has the item, and nobody need be told
	store   storeKnows
	stored  []byte  // the reply for the Store
	report  *report // for the owner; nil: there is none
}

// storeKnows is what the Store knows of an ending.
type storeKnows uint8

const (
	unknown storeKnows = iota
	success            // and it has the reply
	taken              // the claim no longer holds: the Store is not told
)

// due is the work that is left at the end of an attempt.
type due uint8

const (
	nothing    due = iota
	deadLetter     // the item is given up
	call           // no delivery carries the reply
)

// lose makes end the end of an attempt whose claim is lost.
func (end *ending) lose(f *flight) {
	end.Verdict = turnedAway(&f.item, ErrClaimLost)
	end.Outcome, end.Err, end.store = Failed, ErrClaimLost, taken
}

// judge decides what a result means. From here on the end of f is fixed: it cannot be
// acknowledged early or cancelled any more.
func (e *Engine) judge(f *flight, h *handover, end *ending) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.judgeLocked(f, h, end)
}

// judgeLocked is judge with the mutex held.
func (e *Engine) judgeLocked(f *flight, h *handover, end *ending) {
	f.attempt.ended, f.phase = e.Now(), settling
	switch {
	case f.claimLost() && !f.acknowledged:
		end.lose(f)
	case f.letter != nil:
		end.due = deadLetter
	case h.result.Failure.Err == nil:
		e.acceptLocked(f, &h.result, end)
	default:
		e.refuseLocked(f, h, end)
	}
}

// acceptLocked judges a success.
func (e *Engine) acceptLocked(f *flight, res *Result, end *ending) {
	reply := &res.Reply
	end.Acked, end.Outcome = true, Handled
	e.successes++
	e.lastSuccess = f.attempt.ended
	if len(reply.Body) == 0 || f.claimLost() {
		return
	}
	end.Reply, end.Outcome = *reply, Replied
	carrier := f.carrier()
	switch {
	case res.CallOnly, f.group != nil, carrier != nil && !carrier.carries(reply), f.acknowledged && carrier == nil:
		end.due = call
	case e.Store != nil && (carrier != nil || reply.Sender == nil):
		end.stored = reply.Body
	case carrier == nil && reply.Sender != nil && e.memory.awaited.full(reply.Body, e.MaxInFlight):
		end.due = call
	}
}

// refuseLocked judges a failure.
func (e *Engine) refuseLocked(f *flight, h *handover, end *ending) {
	failed := &h.result.Failure
	err := failed.Err
	if late := f.attempt.cancelled; late != nil {
		err = &attemptError{"cancelled because it was late: " + late.String(), err}
	}
	end.cut = e.Source.ends() && (failed.Shutdown || e.shutdown.phase == stopped)
	counts := !failed.Spared && !end.cut
	if counts {
		f.history.add(failedAttempt{
			at: f.attempt.ended, hopeless: failed.Hopeless, successes: e.successes, crowded: e.crowded, failing: e.failingLocked(f),
		})
	} else {
		f.attempt.number--
	}
	if why := e.givesUpLocked(f, h, err); why != nil {
		if !counts { // it was the last one
			f.attempt.number++
		}
		f.letter, end.due = &letter{why, DeadLettered}, deadLetter
		switch {
		case failed.Dropped:
			f.letter.outcome = Dropped
		case h.abandoned:
			f.letter.outcome = Abandoned
		}
		return
	}
	end.Outcome, end.Err, end.Retry = Failed, err, failed.Retry
	end.again = f.attempt.cancelled != nil && e.shutdown.phase == open && end.Retry == 0
	if end.Retry == 0 && e.shutdown.phase == stopped {
		end.Retry = turnedAway(&f.item, ErrShutdown).Retry
	}
}

// givesUpLocked is the reason for a dead letter after an attempt that failed with err; nil if
// another attempt is possible.
func (e *Engine) givesUpLocked(f *flight, h *handover, err error) error {
	if f.acknowledged && !f.comesAgain() || h.abandoned || h.result.Failure.Final || e.sourceOf(f).outlived(f, h.result.Failure.Retry) {
		return err
	}
	if e.MaxAttempts == 0 {
		if clause, givenUp := f.history.verdict(e.crowded); givenUp {
			return f.history.giveUp(clause, err)
		}
		return nil
	}
	if f.attempt.number >= e.MaxAttempts {
		return &attemptError{fmt.Sprintf("given up after %d attempts, by DispatchConfig.MaxAttempts", f.attempt.number), err}
	}
	return nil
}

// bury gives f to the owner's DeadLetter.
func (e *Engine) bury(f *flight, end *ending) {
	e.mu.Lock()
	ctx := e.contextLocked(f, e.Timeout)
	e.mu.Unlock()
	why := f.letter.why
	if err := e.Owner.DeadLetter(ctx, Letter{why, f.acknowledged}); err != nil {
		end.Outcome, end.Err = Failed, errors.Join(err, why)
		if f.letter.outcome == Abandoned { // its handler counts once
			f.letter.outcome = DeadLettered
		}
		return
	}
	end.Acked, end.Outcome, end.Err = true, f.letter.outcome, why
}

// call sends a reply that no delivery carries.
func (e *Engine) call(f *flight, end *ending) {
	e.mu.Lock()
	ctx := e.contextLocked(f, unlimited) // the sender has an end of its own
	e.mu.Unlock()
	end.Outcome, end.Err = Replied, end.Reply.Send(ctx)
	if end.Err != nil {
		end.Outcome = ReplyLost
		if _, stopped := end.Err.(*StoppedError); stopped && e.Source.ends() { //nolint:errorlint // the Sender returns it itself
			end.Outcome, end.Acked, end.cut = Failed, false, true // it is sent when the item has been taken again
		}
	}
	end.Reply = Reply{}
}

// finish ends an attempt or a turn. It reports whether f goes on, and if not, what its
// lane has ready behind it.
func (e *Engine) finish(f *flight, end *ending) (next *flight, again bool) {
	e.mu.Lock()
	defer e.unlock()
	f.endUser(context.Canceled)
	e.leaveUserLocked(f)
	switch {
	case end.joined:
		return e.leaveLaneLocked(f, end), false
	case end.skipped && !end.Acked && f.attempt.cancelled != nil && f.carrier() != nil: // a delivery has come meanwhile
		f.dropClaim()
		f.startOver()
		return nil, true
	case !end.Acked && e.shutdown.phase == open && e.sourceOf(f).requeue(f, end.Retry):
		if !end.quietly {
			e.reportEnding(f, end)
		}
		f.dropClaim()
		return nil, true
	case e.repeatLocked(f, end):
		return nil, true
	default:
		return e.completeLocked(f, end), false
	}
}

// repeatLocked has f run again at once if its attempt was cancelled and failed, and a
// delivery that came after that still waits.
func (e *Engine) repeatLocked(f *flight, end *ending) bool {
	newest := f.carrier()
	if !end.again || newest == nil || e.shutdown.phase == stopped {
		return false
	}
	e.reportEnding(f, end)
	f.values = newest.ctx
	f.dropClaim()
	f.startOver()
	return true
}

// completeLocked tells the deliveries that wait for f how it ended, files it, and
// returns what its lane has ready next.
func (e *Engine) completeLocked(f *flight, end *ending) (next *flight) {
	carrier, now := f.carrier(), f.attempt.ended
	if end.skipped {
		now = e.Now()
	}
	if carrier == nil && len(f.waiters) > 0 { // nobody listens any more
		f.offers.missed(now, 0, e.NextDelivery)
	}
	f.tell(end, carrier, now)
	f.dropClaim()
	e.forgetFlightLocked(f, end, now)
	next = e.leaveLaneLocked(f, end)
	end.carried = carrier != nil || end.skipped
	e.fileLocked(f, end, now)
	e.checkIdleLocked()
	return next
}

// leaveLaneLocked takes f out of its lane, and returns the flight whose turn it is then.
func (e *Engine) leaveLaneLocked(f *flight, end *ending) (next *flight) {
	if e.shutdown.phase != stopped && !end.Acked && e.sourceOf(f).inOrder() { // at Shutdown: f comes again, and nothing may overtake it
		e.withdrawBehindLocked(f)
	}
	head := e.lanes.Leave(&f.place)
	switch {
	case e.shutdown.phase == stopped:
	case head != nil && head.Value.phase == waiting: // else a worker carries it already
		head.Value.turn()
		return head.Value
	}
	return nil
}

// withdrawBehindLocked ends the flights that wait behind f in its lane. f is still in it, so
// that none of them gets its turn meanwhile.
func (e *Engine) withdrawBehindLocked(f *flight) {
	var all []*flight
	for p := f.place.Behind(); p != nil; p = p.Behind() {
		all = append(all, p.Value)
	}
	for _, behind := range slices.Backward(all) { // the last one first: there is nobody behind it
		if behind.phase == waiting {
			e.withdrawLocked(behind, ErrShutdown)
		}
	}
}

// fileLocked keeps the part of f that a later delivery needs to know.
func (e *Engine) fileLocked(f *flight, end *ending, now time.Duration) {
	switch {
	case end.gone, end.Acked && f.letter != nil && e.sourceOf(f).keeps():
	case !end.Acked:
		e.fileFailureLocked(f)
	case end.carried, f.group != nil:
		e.memory.succeed(f.item.ID, f.item.Life, end.Reply.Body, now)
	default:
		e.fileUntoldLocked(f, end, now)
		return
	}
	if !end.carried {
		e.reportEnding(f, end)
	}
}

// fileFailureLocked keeps that f has failed, unless no attempt was made or the Store
// knows as much.
func (e *Engine) fileFailureLocked(f *flight) {
	if f.letter != nil || f.attempt.number > 0 && e.Store == nil {
		e.keepFailureLocked(f)
	}
}

// fileUntoldLocked keeps that f has succeeded, and that no delivery was told.
func (e *Engine) fileUntoldLocked(f *flight, end *ending, now time.Duration) {
	replied := len(end.Reply.Body) > 0
	switch {
	case replied && len(end.stored) == 0 && e.shutdown.phase != stopped:
		e.awaitCarrierLocked(f, end) // which sees to its report
		return
	case replied && len(end.stored) == 0:
		end.Outcome, end.Err = ReplyLost, ErrShutdown
		e.keepUntoldLocked(f, end)
	case f.acknowledged || end.store == success: // nobody will ask, or others know the answer
		e.memory.succeed(f.item.ID, f.item.Life, end.Reply.Body, now)
	default:
		e.keepUntoldLocked(f, end)
	}
	if end.Outcome == Replied && replied {
		end.Outcome = Handled // the reply is in the Store, for the process that a redelivery reaches
	}
	e.reportEnding(f, end)
}

// reportEnding has the worker report how an attempt ended.
func (e *Engine) reportEnding(f *flight, end *ending) {
	e.Begin()
	end.report = reportOf(f, end)
}
