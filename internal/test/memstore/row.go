package memstore

import (
	"fmt"
	"slices"
	"time"

	"github.com/tghook/tghook"
)

// A Row is what a Store keeps of an update. The zero Row is an update that the Store does not
// know. Its methods are the steps of [tghook.Store]. They change it and read no clock.
type Row struct {
	Done  bool
	Reply []byte

	holder string // the fence of the claim that holds the update; "": none
	until  time.Time
	failed int
	note   []byte
	doneBy string // the fence of the claim that was
	ttl    time.Duration
	forget time.Time // if no lease runs then
}

// Age empties the row if the Store may forget it now.
func (r *Row) Age(now time.Time) {
	if !r.runs(now) && !now.Before(r.forget) {
		*r = Row{}
	}
}

func (r *Row) runs(now time.Time) bool { return r.holder != "" && now.Before(r.until) }

// keep lets the ttl begin anew.
func (r *Row) keep(now time.Time) { r.forget = now.Add(r.ttl) }

// Claim asks for the update.
func (r *Row) Claim(now time.Time, fence string, lease, ttl time.Duration) tghook.ClaimResult {
	switch {
	case r.Done:
		return tghook.ClaimResult{State: tghook.ClaimDone, Reply: slices.Clone(r.Reply)}
	case r.runs(now) && r.holder != fence:
		return tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: r.until.Sub(now)}
	case r.holder != "" && r.holder != fence:
		r.failed++
	}
	r.holder, r.until, r.ttl = fence, now.Add(lease), ttl
	r.keep(now)
	return tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: r.failed + 1, Note: slices.Clone(r.note)}
}

// held returns an error if the claim with a fence does not hold.
func (r *Row) held(fence string) error {
	if r.holder != fence || fence == "" {
		return fmt.Errorf("store: %w", tghook.ErrClaimLost)
	}
	return nil
}

// Renew lets the lease begin anew.
func (r *Row) Renew(now time.Time, fence string, lease time.Duration) error {
	if err := r.held(fence); err != nil {
		return err
	}
	r.until = now.Add(lease)
	r.keep(now)
	return nil
}

// Succeed is the step of Done.
func (r *Row) Succeed(now time.Time, fence string, reply []byte) error {
	if r.Done && r.doneBy == fence {
		return nil
	}
	if err := r.held(fence); err != nil {
		return err
	}
	r.holder, r.Done, r.doneBy, r.Reply = "", true, fence, slices.Clone(reply)
	r.keep(now)
	return nil
}

// Fail ends a claim that counts.
func (r *Row) Fail(fence string, note []byte) error {
	if err := r.held(fence); err != nil {
		return err
	}
	r.holder, r.note = "", slices.Clone(note)
	r.failed++
	return nil
}

// Release ends a claim that does not count.
func (r *Row) Release(fence string) error {
	if err := r.held(fence); err != nil {
		return err
	}
	r.holder = ""
	return nil
}
