package dispatch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// Lease is how long a claim holds unless it is renewed.
const Lease = 30 * time.Second

// Store is what processes share so that an item runs once among them. Each method has a
// limit of time, and must not panic or end its goroutine. values has the values of a
// delivery's context, and does not end.
type Store interface {
	// Claim asks for an item, for the time of Lease. ttl is how long the item is
	// remembered.
	Claim(values context.Context, c Claim, ttl time.Duration) (Answer, error)
	// Renew has the lease count anew. It returns [ErrClaimLost] itself if c does not hold.
	Renew(values context.Context, c Claim) error
	// Done ends c with a success. It returns ErrClaimLost itself if c does not hold.
	Done(values context.Context, c Claim, reply []byte) error
	// Fail ends c with a failure. It returns ErrClaimLost itself if c does not hold.
	Fail(values context.Context, c Claim, n Note) error
	// Release ends c. Its attempt does not count.
	Release(values context.Context, c Claim)
}

// Claim is one attempt of one process to run an item.
type Claim struct {
	ID    int64
	Fence string // tells it from every other claim
}

// Answer is what the Store says of an item.
type Answer struct {
	State   ClaimState
	Attempt int           // granted: from 1
	Note    Note          // granted: what Fail was last given; zero: nothing
	Reply   []byte        // succeeded: what Done was given
	RetryIn time.Duration // elsewhere: how long the other lease runs; zero: unknown
	Value   any           // granted: the Store's value for Context.Claimed
	Kept    bool          // granted: the Store keeps the claim itself, and Renew is not called
	Handled bool          // granted: the handler has succeeded, and only its reply is unsent
}

// ClaimState is what the Store knows of an item.
type ClaimState int

// The states of a claim.
const (
	Granted ClaimState = iota + 1
	Elsewhere
	Succeeded
	Gone // the sender has taken the item back; nobody is told
)

// lease is this process's claim on an item, while it holds.
type lease struct {
	Claim
	values  context.Context
	attempt int
	value   any
	handled bool
	lost    bool
	over    chan struct{} // closed when nobody needs it any more
}

// acquire claims f, whose turn has come. If it is false, f is not to run, and end says
// why.
func (e *Engine) acquire(f *flight, end *ending) bool {
	if !e.claims(f) {
		return true
	}
	c := e.newLease(f, end)
	if c == nil {
		return false
	}
	asked := e.Now()
	answer, err := e.Store.Claim(c.values, c.Claim, f.item.Life+max(e.Timeout, 0))
	e.mu.Lock()
	defer e.unlock()
	if err != nil {
		e.releaseLocked(c) // the answer may be all that was lost
		e.turnAwayLocked(f, turnedAway(&f.item, err), end)
		return false
	}
	return e.decideLocked(f, c, &answer, asked, end)
}

// newLease makes a claim on f, unless f is not to run any more.
func (e *Engine) newLease(f *flight, end *ending) *lease {
	e.mu.Lock()
	defer e.unlock()
	if err := e.refusalLocked(f); err != nil {
		e.turnAwayLocked(f, turnedAway(&f.item, err), end)
		return nil
	}
	f.lost = false
	return &lease{Claim: Claim{f.item.ID, rand.Text()}, values: ValuesOf(f.values), over: make(chan struct{})}
}

// decideLocked does what the Store's answer asks for. It reports whether f is to run.
func (e *Engine) decideLocked(f *flight, c *lease, a *Answer, asked time.Duration, end *ending) bool {
	state := a.State
	if state == Granted && f.lost { // while the Store was asked
		state = Gone
	}
	switch state {
	case Succeeded:
		e.turnAwayLocked(f, Verdict{Outcome: Duplicate, Acked: true, Reply: Reply{Body: a.Reply}}, end)
	case Elsewhere:
		v := turnedAway(&f.item, errElsewhere)
		if a.RetryIn > 0 {
			v.Retry = min(a.RetryIn, v.Retry)
		}
		if f.group != nil {
			v.Retry, end.quietly = min(v.Retry, groupElsewhere), true
		}
		e.turnAwayLocked(f, v, end)
	case Gone:
		e.turnAwayLocked(f, Verdict{Outcome: Shed, Acked: true, Err: fmt.Errorf("%w: %w", ErrNotRun, ErrClaimLost)}, end)
		end.gone = true
	case Granted:
		c.attempt, c.value, c.handled = a.Attempt, a.Value, a.Handled
		f.claim = c
		f.history.read(a.Note, e.origin, e.lastSuccess, e.successes)
		if err := e.refusalLocked(f); err != nil {
			e.turnAwayLocked(f, turnedAway(&f.item, err), end)
			return false
		}
		f.phase = running
		if !a.Kept {
			e.afterwardsLocked(func() { e.renew(f, c, asked) })
		}
		return true
	default:
		e.turnAwayLocked(f, turnedAway(&f.item, fmt.Errorf("tghook: Store.Claim: no such state: %d", a.State)), end)
	}
	return false
}

// renew keeps a claim until it is over, or lost: by the Store's word, or because the lease
// has run out as far as this process knows.
func (e *Engine) renew(f *flight, c *lease, asked time.Duration) {
	expiry := time.AfterFunc(asked+Lease-e.Now(), func() { e.lose(f, c) })
	defer expiry.Stop()
	ticker := time.NewTicker(Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-c.over:
			return
		case <-ticker.C:
		}
		asked := e.Now()
		switch err := e.Store.Renew(c.values, c.Claim); err {
		case nil:
			expiry.Reset(asked + Lease - e.Now())
		case ErrClaimLost: //nolint:errorlint // the Store returns it itself
			e.lose(f, c)
			return
		}
	}
}

// lose ends what f does under a claim that no longer holds.
func (e *Engine) lose(f *flight, c *lease) {
	e.mu.Lock()
	defer e.unlock()
	if f.claim == c {
		f.loseClaim()
	}
}

// loseClaim ends what f does under its claim. The engine's mutex is held.
func (f *flight) loseClaim() {
	if f.claim.lost {
		return
	}
	f.claim.lost = true
	if !f.isKept() {
		f.endUser(ErrClaimLost)
	}
}

// Lose ends the attempt at an item whose lease no longer holds. If the item pauses, its Store is
// asked at once.
func (e *Engine) Lose(id int64) {
	e.mu.Lock()
	defer e.unlock()
	f := e.flights[id]
	if f == nil || f.item.ID != id {
		return
	}
	f.lost = true
	if f.claim != nil {
		f.loseClaim()
	}
	if f.phase == pausing {
		f.until = e.Now()
		f.endPause()
	}
}

// dropClaim ends f's claim in this process.
func (f *flight) dropClaim() {
	if f.claim != nil {
		close(f.claim.over)
		f.claim = nil
	}
}

// releaseLocked has a claim given back: its attempt did not count.
func (e *Engine) releaseLocked(c *lease) {
	e.background++
	e.afterwardsLocked(func() { e.release(c) })
}

func (e *Engine) release(c *lease) {
	e.Store.Release(c.values, c.Claim)
	e.mu.Lock()
	defer e.unlock()
	e.background--
	e.checkIdleLocked()
}

// tellStore tells the Store how an attempt ended.
func (e *Engine) tellStore(f *flight, end *ending) {
	c := f.claim
	if c == nil || end.store == taken || end.skipped {
		return
	}
	var err error
	switch {
	case end.Acked:
		err = e.Store.Done(c.values, c.Claim, end.stored)
	case end.cut:
		e.Store.Release(c.values, c.Claim)
	default:
		err = e.Store.Fail(c.values, c.Claim, f.history.note(e.origin))
	}
	switch {
	case err == nil:
		if end.Acked {
			end.store = success
		}
	case err == ErrClaimLost && !f.acknowledged: //nolint:errorlint // the Store returns it itself
		end.lose(f)
	default:
		end.Err = errors.Join(end.Err, err)
	}
}
