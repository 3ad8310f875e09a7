package tghook

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// claim is this process's hold on an update in the Store.
type claim struct {
	Claim
	values  context.Context // whose values the Store's ctx carries
	granted bool
	lost    bool
	over    chan struct{} // closed when nobody needs it any more
}

// do calls one method of the Store.
func (c *claim) do(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.values), storeTimeout)
	defer cancel()
	return guarded(func() error { return f(ctx) })
}

// hold asks the Store for u, lets r run if the Store agrees, and renews the
// claim until it is over.
func (d *Dispatcher) hold(r *record, u *Update, c *claim) {
	key := Key{d.cfg.Bot, u.ID}
	asked := d.now()
	err := errGoexit
	answered := false
	defer func() {
		if !answered { // the user's code has ended this goroutine
			d.decide(r, c, err)
		}
	}()
	err = c.do(func(ctx context.Context) (err error) {
		c.Claim, err = d.cfg.Store.Claim(ctx, key, claimLease, u.Kind.memory())
		return err
	})
	answered, c.Key = true, key
	if d.decide(r, c, err) {
		d.renew(r, c, asked)
	}
}

// decide does what the Store's answer asks for. It reports whether r holds the
// claim now.
func (d *Dispatcher) decide(r *record, c *claim, err error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.claim != c { // withdrawn meanwhile
		if err == nil && c.State == ClaimGranted {
			d.release(c)
		}
		return false
	}
	switch {
	case err != nil:
		d.turnAway(r, fmt.Errorf("tghook: Store.Claim: %w", err))
	case c.State == ClaimDone:
		d.withdraw(r, verdict{outcome: OutcomeDuplicate, acked: true, reply: c.Reply})
	case c.State == ClaimElsewhere:
		v := shedVerdict(r.update, errElsewhere)
		if c.RetryIn > 0 {
			v.retry = min(c.RetryIn, v.retry)
		}
		d.withdraw(r, v)
	case c.State != ClaimGranted:
		d.turnAway(r, fmt.Errorf("tghook: Store.Claim: no such state: %d", c.State))
	default:
		c.granted, r.ready = true, true
		if r.place.AtHead() {
			r.state = running
			d.start(r)
		}
		return true
	}
	return false
}

// renew keeps the claim until it is over, or lost: by the Store's word, or
// because the lease has run out for all this process knows.
func (d *Dispatcher) renew(r *record, c *claim, asked time.Duration) {
	expiry := time.AfterFunc(asked+claimLease-d.now(), func() { d.lose(r, c) })
	defer expiry.Stop()
	ticker := time.NewTicker(claimLease / 3)
	defer ticker.Stop()
	over := false
	defer func() {
		if !over { // the Store has said so, or has ended this goroutine
			d.lose(r, c)
		}
	}()
	for {
		select {
		case <-c.over:
			over = true
			return
		case <-ticker.C:
		}
		asked := d.now()
		err := c.do(func(ctx context.Context) error { return d.cfg.Store.Renew(ctx, c.Claim, claimLease) })
		switch {
		case err == nil:
			expiry.Reset(asked + claimLease - d.now())
		case errors.Is(err, ErrClaimLost):
			return
		}
	}
}

// lose ends what r does under a claim that no longer holds.
func (d *Dispatcher) lose(r *record, c *claim) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.claim != c || c.lost {
		return
	}
	c.lost = true
	if r.state == waiting {
		d.turnAway(r, ErrClaimLost)
		return
	}
	r.endUser(ErrClaimLost)
}

// release gives a claim back: its attempt did not count. The mutex is held.
func (d *Dispatcher) release(c *claim) {
	d.background++
	go func() {
		defer func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.background--
			d.checkIdle()
		}()
		_ = c.do(func(ctx context.Context) error { return d.cfg.Store.Release(ctx, c.Claim) })
	}()
}

// conclude tells the Store how a run ended.
func (d *Dispatcher) conclude(r *record, e *end) {
	what, tell := "Fail", func(ctx context.Context) error { return d.cfg.Store.Fail(ctx, r.claim.Claim) }
	if e.acked {
		what, tell = "Done", func(ctx context.Context) error { return d.cfg.Store.Done(ctx, r.claim.Claim, e.stored) }
	}
	switch err := r.claim.do(tell); {
	case err == nil:
		e.done = e.acked
	case errors.Is(err, ErrClaimLost) && !r.acked: // what LateAck has acknowledged stands
		e.lose(r.update)
	default:
		e.err = errors.Join(e.err, fmt.Errorf("tghook: Store.%s: %w", what, err))
	}
}
