package tghook

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/tghook/tghook/internal/guard"
)

// lease is this process's claim on an update in the Store, while it holds.
type lease struct {
	Claim
	values  context.Context // whose values the Store's ctx carries
	attempt int
	lost    bool
	over    chan struct{} // closed when nobody needs it any more
}

// ask calls one method of the Store, which may do what it likes.
func (d *Dispatcher) ask(values context.Context, method string, f func(context.Context) error) findings {
	ctx, cancel := context.WithTimeout(valuesOf(values), storeTimeout)
	defer cancel()
	err := guard.Within(storeTimeout+returnTime, func() error { return f(ctx) })
	found := inspect(err)
	if err != nil {
		found.err = found.wrap("tghook: Store." + method)
	}
	return found
}

// acquire claims r, whose turn has come. If it is false, r is not to run, and has been
// told so.
func (d *Dispatcher) acquire(r *record) bool {
	d.mu.Lock()
	if err := d.refusal(r); err != nil {
		d.turnAway(r, err)
		d.mu.Unlock()
		return false
	}
	c := &lease{values: r.values, Claim: Claim{Key{d.cfg.Bot, r.update.ID}, rand.Text()}, over: make(chan struct{})}
	ttl := r.update.Kind.memory() + max(d.cfg.HandlerTimeout, 0)
	d.mu.Unlock()

	asked := d.now()
	answer := make(chan ClaimResult, 1)
	found := d.ask(c.values, "Claim", func(ctx context.Context) error {
		res, err := d.cfg.Store.Claim(ctx, c.Claim, claimLease, ttl)
		answer <- res
		return err
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	if found.err != nil {
		d.release(c) // the answer may be all that was lost
		d.turnAway(r, found.err)
		return false
	}
	return d.decide(r, c, <-answer, asked)
}

// refusal is why r, whose turn has come, is not to run after all. The mutex is held.
func (d *Dispatcher) refusal(r *record) error {
	switch {
	case d.stopped:
		return ErrShutdown
	case r.claim != nil && r.claim.lost:
		return ErrClaimLost
	case r.cancelled && r.carrier() == nil:
		return errWithdrawn
	}
	return nil
}

// decide does what the Store's answer asks for. It reports whether r is to run. The
// mutex is held.
func (d *Dispatcher) decide(r *record, c *lease, res ClaimResult, asked time.Duration) bool {
	switch res.State {
	case ClaimDone:
		d.withdraw(r, verdict{outcome: OutcomeDuplicate, acked: true, reply: res.Reply})
	case ClaimElsewhere:
		v := shedVerdict(r.update, errElsewhere)
		if res.RetryIn > 0 {
			v.retry = min(res.RetryIn, v.retry)
		}
		d.withdraw(r, v)
	case ClaimGranted:
		c.attempt = res.Attempt
		r.claim = c
		r.history = historyOf(res.Note, d.origin, d.lastSuccess, d.successes)
		if err := d.refusal(r); err != nil {
			d.turnAway(r, err)
			return false
		}
		r.state = running
		go d.renew(r, c, asked)
		return true
	default:
		d.turnAway(r, fmt.Errorf("tghook: Store.Claim: no such state: %d", res.State))
	}
	return false
}

// renew keeps the claim until it is over, or lost: by the Store's word, or
// because the lease has run out for all this process knows.
func (d *Dispatcher) renew(r *record, c *lease, asked time.Duration) {
	expiry := time.AfterFunc(asked+claimLease-d.now(), func() { d.lose(r, c) })
	defer expiry.Stop()
	ticker := time.NewTicker(claimLease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-c.over:
			return
		case <-ticker.C:
		}
		asked := d.now()
		found := d.ask(c.values, "Renew", func(ctx context.Context) error { return d.cfg.Store.Renew(ctx, c.Claim, claimLease) })
		switch {
		case found.err == nil:
			expiry.Reset(asked + claimLease - d.now())
		case found.claimLost:
			d.lose(r, c)
			return
		}
	}
}

// lose ends what r does under a claim that no longer holds.
func (d *Dispatcher) lose(r *record, c *lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.claim != c || c.lost {
		return
	}
	c.lost = true
	if !r.isKept() {
		r.endUser(ErrClaimLost)
	}
}

// release gives a claim back: its attempt did not count. The mutex is held.
func (d *Dispatcher) release(c *lease) {
	d.background++
	go func() {
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.background--
			d.checkIdle()
		}()
		_ = d.ask(c.values, "Release", func(ctx context.Context) error { return d.cfg.Store.Release(ctx, c.Claim) })
	}()
}

// conclude tells the Store how a run ended.
func (d *Dispatcher) conclude(r *record, e *end) {
	c := r.claim
	method, note := "Fail", r.history.note(d.origin)
	tell := func(ctx context.Context) error { return d.cfg.Store.Fail(ctx, c.Claim, note) }
	if e.acked {
		stored := e.stored
		method, tell = "Done", func(ctx context.Context) error { return d.cfg.Store.Done(ctx, c.Claim, stored) }
	}
	switch found := d.ask(c.values, method, tell); {
	case found.err == nil:
		e.done = e.acked
	case found.claimLost && !r.acked: // what LateAck has acknowledged stands
		e.lose(r.update)
	default:
		e.err = errors.Join(e.err, found.err)
	}
}
