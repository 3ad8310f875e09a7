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

// ClaimState is what a [Store] knows of an update that is claimed.
type ClaimState int

// The states of a claim.
const (
	// ClaimGranted: the update is the caller's for the time of the lease.
	ClaimGranted ClaimState = iota + 1
	// ClaimElsewhere: another process holds the update.
	ClaimElsewhere
	// ClaimDone: the update has succeeded somewhere.
	ClaimDone
)

// Claim is what a [Store] answers when asked for an update.
type Claim struct {
	Key   Key
	State ClaimState
	// Attempt, of a granted claim, counts from 1: one more than the claims of
	// this update that failed or whose lease ran out, released ones not counted.
	Attempt int
	// Fence, of a granted claim, tells it from every other claim of the update.
	Fence uint64
	// Reply, of a finished update, is what was given to Done.
	Reply []byte
	// RetryIn, of an update held elsewhere, is when its lease would end; 0 if unknown.
	RetryIn time.Duration
}

// Store is what replicas share so that an update runs once among them. Lanes
// and joins stay within each process. Every method may be called concurrently,
// and gets a ctx that ends after 5 seconds.
//
// A claim that no longer holds (its lease ran out and another process claimed
// the update, so that the fence differs) makes Renew, Done, Fail and Release
// return an error that wraps [ErrClaimLost] and change nothing.
type Store interface {
	// Claim asks for an update, for the time of lease. What it remembers of the
	// update it may forget after ttl.
	Claim(ctx context.Context, k Key, lease, ttl time.Duration) (Claim, error)
	// Renew lets the lease run from now. A claim is renewed three times a lease.
	Renew(ctx context.Context, c Claim, lease time.Duration) error
	// Done ends the claim with success. reply is opaque and may be nil.
	Done(ctx context.Context, c Claim, reply []byte) error
	// Fail ends the claim; its attempt counts.
	Fail(ctx context.Context, c Claim) error
	// Release ends the claim; its attempt does not count.
	Release(ctx context.Context, c Claim) error
}

const (
	claimLease   = 30 * time.Second
	storeTimeout = 5 * time.Second
)
