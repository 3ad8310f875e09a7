package tghook

import (
	"context"
	"time"
)

// Key identifies an update among all bots that share a [Store].
type Key struct {
	Bot int64 // DispatchConfig.Bot
	ID  int64 // update_id
}

// Claim is one attempt of one process to handle one update. The Dispatcher makes it.
type Claim struct {
	Key Key
	// Fence tells the claim from every other one: 26 letters and digits at random.
	// A Store compares fences for equality only.
	Fence string
}

// ClaimState is what a [Store] knows of an update that is claimed.
type ClaimState int

// The states of a claim.
const (
	// ClaimGranted: the update is the caller's for the time of the lease.
	ClaimGranted ClaimState = iota + 1
	// ClaimElsewhere: another claim holds the update.
	ClaimElsewhere
	// ClaimDone: the update has succeeded.
	ClaimDone
)

// ClaimResult is the answer of [Store].Claim.
type ClaimResult struct {
	State ClaimState
	// Attempt, of a granted claim, counts from 1. It is one more than the number of
	// earlier claims of the update that have failed, or that were taken over after
	// their lease had run out. A released claim does not count.
	Attempt int
	// Note, of a granted claim, is what Fail was last given for the update. It is
	// empty before the first Fail.
	Note []byte
	// Reply, of a finished update, is what Done was given.
	Reply []byte
	// RetryIn, of an update that another claim holds, is how long its lease still
	// runs. 0 is unknown.
	RetryIn time.Duration
}

// Store is what replicas share so that an update runs once among them. Lanes and
// joins stay within each process.
//
// The Dispatcher claims an update when its turn has come and its handler is about to
// start. An update whose handler is quick costs two calls: Claim, then Done or Fail.
// The lease is 30 seconds. A slow handler's claim is renewed each 10 seconds. Every
// method may be called concurrently. It gets a context that ends after 5 seconds.
// Any error but [ErrClaimLost] says that the outcome is unknown: the method may have
// had its effect or not.
//
// A claim holds from when it is granted until Done, Fail or Release ends it, or until
// another claim takes the update over. Another claim may do so only when the lease
// has run out. A lease that has run out still holds while no other claim has taken
// over: Renew, Done, Fail and Release succeed then. For a claim that does not hold
// they change nothing and return an error that wraps ErrClaimLost.
//
// A Store may forget an update when ttl has passed since its last Claim, Renew or
// Done, and never while a lease runs.
type Store interface {
	// Claim asks for an update. lease counts from when the Store grants it. ttl is
	// how long the Store must remember the update: see above.
	//
	// The same claim may be asked for again, because its answer was lost. If it
	// still holds it is granted again, with the same Attempt, and its lease counts
	// anew.
	Claim(ctx context.Context, c Claim, lease, ttl time.Duration) (ClaimResult, error)
	// Renew has the lease count anew from now.
	Renew(ctx context.Context, c Claim, lease time.Duration) error
	// Done ends the claim: the update has succeeded, and is never granted again.
	// reply is opaque. It may be nil or empty, which mean the same, and has at most
	// 50 MB. Done may be repeated for the same claim, because its answer was lost:
	// it returns nil and changes nothing.
	Done(ctx context.Context, c Claim, reply []byte) error
	// Fail ends the claim: its attempt counts. note is opaque, has less than 200
	// bytes, and replaces the note before it.
	Fail(ctx context.Context, c Claim, note []byte) error
	// Release ends the claim: its attempt does not count. It may be called for a
	// claim whose answer was lost, and that the Store may never have granted.
	Release(ctx context.Context, c Claim) error
}

const (
	claimLease   = 30 * time.Second
	storeTimeout = 5 * time.Second
	// maxClaimTime bounds DispatchConfig.HandlerTimeout where there is a Store, so that
	// every update is remembered for longer than its handler may run.
	maxClaimTime = 24 * time.Hour
)
