package tghook

import (
	"context"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
)

// Key identifies an update among all bots that share a [Store].
type Key struct {
	Bot int64 // DispatchConfig.Bot
	ID  int64 // update_id
}

// Claim is one attempt of one process to handle one update. The Dispatcher makes it.
type Claim struct {
	Key Key
	// Fence tells the claim from every other one, of all processes and for ever: 26
	// letters and digits at random. They have no order. A Store only compares them for
	// equality.
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
	// Attempt is set with ClaimGranted. It counts from 1: it is one more than the number
	// of earlier claims of the update that Fail has ended, or whose lease had run out when
	// the next one was granted. A released claim does not count.
	Attempt int
	// Note is set with ClaimGranted. It is what Fail was last given for the update, and
	// empty before the first Fail.
	Note []byte
	// Reply is set with ClaimDone. It is what Done was given. Nil and empty mean the same.
	Reply []byte
	// RetryIn is set with ClaimElsewhere. It is how long the other claim's lease still
	// runs. 0 is unknown.
	RetryIn time.Duration
}

// Store is what replicas share so that an update runs once among them. Lanes and
// joins stay within each process.
//
// # Calls
//
// The Dispatcher claims an update when its turn has come and its handler is about to
// start. An update whose handler is quick costs two calls: Claim, then Done or Fail.
// The lease is 30 seconds. A slow handler's claim is renewed each 10 seconds. The ttl is
// as long as Telegram may deliver the update, which is up to 24 hours, and
// HandlerTimeout, and 3 minutes more. So it is longer than a handler may run.
//
// Every method may be called concurrently, by many processes. Each call must be atomic:
// nothing may come between what it reads and what it writes. Its ctx ends after 5
// seconds. If it has not returned 10 seconds later, it has failed. An error that does not
// wrap [ErrClaimLost] says that the outcome is unknown: the call may have had its effect
// or not. Lease and ttl are durations. Measure them by the Store's own clock, so that
// the clocks of the processes need not agree.
//
// # When a claim holds
//
// At most one claim of an update holds at a time. A claim holds from when it is granted
// until one of these:
//
//   - Done, Fail or Release ends it;
//   - another claim of the update is granted, which is allowed only when the lease has
//     run out.
//
// So a claim whose lease has run out still holds while no other has been granted: Renew,
// Done, Fail and Release succeed. For a claim that does not hold, or that the Store has
// never heard of, they change nothing and return an error that wraps ErrClaimLost.
//
// # When an update may be forgotten
//
// A Store must keep an update, with its count of attempts, its note and its reply, while
// a lease of it runs, and until ttl has passed since the last of these: a granted Claim, a
// Renew, Done. The ttl is that of the last granted Claim. Then it may forget all of it. It
// need not.
type Store interface {
	// Claim asks for an update. The answer is ClaimDone if Done has ended a claim of it,
	// ClaimElsewhere if another claim holds it and its lease has not run out, else
	// ClaimGranted. lease counts from when the Store grants it.
	//
	// The same claim, with the same fence, may be asked for again, because its answer was
	// lost. If it still holds it is granted again, with the same Attempt, and its lease
	// counts anew. Another fence is another claim, also from the same process.
	Claim(ctx context.Context, c Claim, lease, ttl time.Duration) (ClaimResult, error)
	// Renew has the lease count anew from now, also one that has run out.
	Renew(ctx context.Context, c Claim, lease time.Duration) error
	// Done ends the claim: the update has succeeded, and is not granted again. The Store
	// keeps reply, which is opaque, for ClaimResult.Reply. A reply has at most 50 MB. It may
	// be nil or empty, which mean the same: there is none.
	//
	// Done may be repeated for the claim that has called it, because its answer was lost.
	// It returns nil then, and changes nothing. So keep the fence.
	Done(ctx context.Context, c Claim, reply []byte) error
	// Fail ends the claim: its attempt counts. The Store keeps note, which is opaque, in
	// place of the note before it. A note has less than 200 bytes. Fail is not repeated.
	Fail(ctx context.Context, c Claim, note []byte) error
	// Release ends the claim: its attempt does not count, and the note stays. It may be
	// called for a claim whose answer was lost, and that the Store has never granted. It
	// may also overtake its Claim. The Store need not remember it for that: the claim is
	// granted then, and its lease runs out.
	Release(ctx context.Context, c Claim) error
}

const (
	storeTimeout = 5 * time.Second
	// maxClaimTime bounds DispatchConfig.HandlerTimeout where there is a Store, so that
	// every update is remembered for longer than its handler may run.
	maxClaimTime = 24 * time.Hour
)

// claims is a Store as the engine knows it. A method of the Store may do what it likes.
type claims struct {
	store Store
	bot   int64
}

func (s claims) key(c dispatch.Claim) Claim { return Claim{Key{s.bot, c.ID}, c.Fence} }

// call calls one method of the Store. Its error says ErrClaimLost itself, if it wraps that.
func (s claims) call(values context.Context, method string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(values, storeTimeout)
	defer cancel()
	err := guard.Within(storeTimeout+dispatch.ReturnTime, func() error { return f(ctx) })
	if err == nil {
		return nil
	}
	found := inspect(err)
	if found.claimLost && method != "Claim" {
		return ErrClaimLost
	}
	return found.wrap("tghook: Store." + method)
}

// Claim implements [dispatch.Store].
func (s claims) Claim(values context.Context, c dispatch.Claim, ttl time.Duration) (dispatch.Answer, error) {
	answer := make(chan ClaimResult, 1)
	err := s.call(values, "Claim", func(ctx context.Context) error {
		res, err := s.store.Claim(ctx, s.key(c), dispatch.Lease, ttl)
		answer <- res
		return err
	})
	if err != nil {
		return dispatch.Answer{}, err
	}
	res := <-answer // the states have the numbers of the engine's
	return dispatch.Answer{State: dispatch.ClaimState(res.State), Attempt: res.Attempt, Note: res.Note, Reply: res.Reply, RetryIn: res.RetryIn}, nil
}

// Renew implements [dispatch.Store].
func (s claims) Renew(values context.Context, c dispatch.Claim) error {
	return s.call(values, "Renew", func(ctx context.Context) error { return s.store.Renew(ctx, s.key(c), dispatch.Lease) })
}

// Done implements [dispatch.Store].
func (s claims) Done(values context.Context, c dispatch.Claim, reply []byte) error {
	return s.call(values, "Done", func(ctx context.Context) error { return s.store.Done(ctx, s.key(c), reply) })
}

// Fail implements [dispatch.Store].
func (s claims) Fail(values context.Context, c dispatch.Claim, note []byte) error {
	return s.call(values, "Fail", func(ctx context.Context) error { return s.store.Fail(ctx, s.key(c), note) })
}

// Release implements [dispatch.Store].
func (s claims) Release(values context.Context, c dispatch.Claim) {
	_ = s.call(values, "Release", func(ctx context.Context) error { return s.store.Release(ctx, s.key(c)) })
}
