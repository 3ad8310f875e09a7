package tghook

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
)

// Key identifies an update among all bots that share a [Store].
type Key struct {
	Bot int64 // DispatchConfig.Bot
	ID  int64 // update_id
}

// Claim is the claim of one process to one attempt at one update. The Dispatcher makes it.
type Claim struct {
	Key Key
	// Fence identifies the claim: no other claim of any process ever has the same fence. It
	// is 26 random letters and digits. Fences have no order. A Store only compares them for
	// equality.
	Fence string
}

// ClaimState says what a [Store] knows about an update that a claim asks for.
type ClaimState int

// The states of a claim.
const (
	// ClaimGranted: the caller has the update for the time of the lease.
	ClaimGranted ClaimState = iota + 1
	// ClaimElsewhere: another claim holds the update.
	ClaimElsewhere
	// ClaimDone: the update has succeeded.
	ClaimDone
)

// ClaimResult is the answer of [Store].Claim.
type ClaimResult struct {
	State ClaimState
	// Attempt is the number of the attempt, from 1. It is set with ClaimGranted. It is one
	// more than the number of earlier claims of the update that Fail has ended, or whose
	// lease had run out when the next one was granted. A released claim does not count.
	Attempt int
	// Note is the note that Fail last got for the update, and empty before the first Fail.
	// It is set with ClaimGranted.
	Note []byte
	// Reply is the reply that Done got. It is set with ClaimDone. Nil and empty mean the
	// same.
	Reply []byte
	// RetryIn is how long the lease of the other claim still runs. It is set with
	// ClaimElsewhere. If zero, that is unknown.
	RetryIn time.Duration
}

// Store is shared by replicas, so that an update runs in only one of them. Each process
// still keeps its own lanes, and a redelivery joins a run only in the same process.
//
// # Calls
//
// The Dispatcher claims an update when its turn has come and its handler is about to
// start. An update whose handler is quick costs two calls: Claim, then Done or Fail.
// The lease is 30 seconds. While a handler runs, its claim is renewed every 10 seconds. The
// ttl is the sum of the time for which Telegram may deliver the update (up to 24 hours), of
// HandlerTimeout, and of 3 minutes. So it is longer than a handler may run.
//
// Every method may be called concurrently, by many processes. Each call must be atomic: no
// other call may change the update between its reading and its writing. The context of a
// call ends after 5 seconds. A call that has not returned 10 seconds later has failed. An
// error that does not wrap [ErrClaimLost] says that the outcome is unknown: the call may
// have had its effect or not. Measure lease and ttl by the Store's own clock, so that the
// clocks of the processes need not agree.
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
// Done, Fail and Release succeed. For a claim that does not hold, or that the Store does
// not know, they change nothing and return an error that wraps ErrClaimLost.
//
// # When an update may be forgotten
//
// A Store must keep an update, with its count of attempts, its note and its reply, while
// a lease of it runs. It must also keep it until ttl has passed since the last granted
// Claim, Renew or Done. The ttl of the last granted Claim applies. After that the Store may
// forget the update, and need not.
type Store interface {
	// Claim asks for an update. It returns ClaimDone if Done has ended a claim of the
	// update, and ClaimElsewhere if another claim holds and its lease has not run out.
	// Otherwise it returns ClaimGranted. The lease begins when the Store grants the claim.
	//
	// Claim may be called again with the same fence, because its answer was lost. If the
	// claim still holds, it is granted again with the same Attempt, and its lease begins
	// anew. Another fence is another claim, also from the same process.
	Claim(ctx context.Context, c Claim, lease, ttl time.Duration) (ClaimResult, error)
	// Renew lets the lease begin anew. It does so even if the lease has run out and the
	// claim still holds.
	Renew(ctx context.Context, c Claim, lease time.Duration) error
	// Done ends the claim: the update has succeeded, and is not granted again. The Store
	// keeps reply for ClaimResult.Reply, and does not look into it. A reply has at most
	// 50 MB. If there is no reply, it is nil or empty.
	//
	// Done may be called again for the same claim, because its answer was lost. Then it
	// changes nothing and returns nil. So the Store must keep the fence.
	Done(ctx context.Context, c Claim, reply []byte) error
	// Fail ends the claim: its attempt counts. The Store keeps note in place of the previous
	// note, and does not look into it. A note has less than 200 bytes. Fail is called once.
	Fail(ctx context.Context, c Claim, note []byte) error
	// Release ends the claim: its attempt does not count, and the note stays.
	//
	// Release may be called for a claim that the Store has never granted, because the answer
	// of Claim was lost. It may also arrive before its Claim. The Store need not remember
	// that: it grants the claim, and the lease runs out.
	Release(ctx context.Context, c Claim) error
}

// AlbumKey identifies a lane of a bot among all bots that share an [AlbumStore].
type AlbumKey struct {
	Bot  int64  // DispatchConfig.Bot
	Lane string // the name of a lane, such as chat:7, or name: and what DispatchConfig.Lane returns
}

// AlbumStore is what [Album] needs of a [Store] beside its methods, so that a crash does not
// lose items of an album that Telegram has been answered for. The Stores of backends/ have
// it. It keeps one value for each lane, and does not look into it. A value has at most 1 MiB.
//
// Every method may be called concurrently, by many processes. Each call must be atomic. An
// error says that the outcome is unknown, except for [ErrAlbumChanged].
type AlbumStore interface {
	// LoadAlbums returns the value of a lane, and the version that SaveAlbums got with it. If
	// the lane has no value, both are empty.
	LoadAlbums(ctx context.Context, k AlbumKey) (value []byte, version string, err error)
	// SaveAlbums replaces the value of a lane, if its version is still old. If the lane has a
	// value of another version or, with an old version, none, it changes nothing and returns
	// an error that wraps ErrAlbumChanged. An empty old says that the lane has no value. An
	// empty value removes the lane's. The Store may forget the value after ttl, and need not.
	// Version is the new one. It is 26 random letters and digits, and differs in every call.
	SaveAlbums(ctx context.Context, k AlbumKey, value []byte, old, version string, ttl time.Duration) error
	// AlbumLanes returns the lanes of a bot that have a value, in any order.
	AlbumLanes(ctx context.Context, bot int64) ([]string, error)
}

const (
	storeTimeout = 5 * time.Second
	// maxClaimTime bounds DispatchConfig.HandlerTimeout if there is a Store, so that the
	// Store remembers every update for longer than its handler may run.
	maxClaimTime = 24 * time.Hour
)

// claims is a Store in the form that the engine calls. A method of the Store is the user's
// code: it may panic, or not return.
type claims struct {
	store Store
	bot   int64
}

func (s claims) key(c dispatch.Claim) Claim { return Claim{Key{s.bot, c.ID}, c.Fence} }

// call calls one method of the Store. If the error of the method wraps ErrClaimLost, call
// returns ErrClaimLost itself, except for Claim.
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
	res := <-answer // the states have the same numbers in the engine
	return dispatch.Answer{State: dispatch.ClaimState(res.State), Attempt: res.Attempt, Note: readNote(res.Note), Reply: res.Reply, RetryIn: res.RetryIn}, nil
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
func (s claims) Fail(values context.Context, c dispatch.Claim, n dispatch.Note) error {
	text, err := json.Marshal(note(n))
	if err != nil {
		return err
	}
	return s.call(values, "Fail", func(ctx context.Context) error { return s.store.Fail(ctx, s.key(c), text) })
}

// Release implements [dispatch.Store].
func (s claims) Release(values context.Context, c dispatch.Claim) {
	_ = s.call(values, "Release", func(ctx context.Context) error { return s.store.Release(ctx, s.key(c)) })
}

// note is what a Store keeps of the failures of an update.
type note struct {
	Failed   int   `json:"n"`
	Counted  int   `json:"c"`
	Hopeless int   `json:"h"`
	First    int64 `json:"f"` // Unix time in milliseconds
	Last     int64 `json:"l"`
}

// readNote reads a note. A text that is not a note says nothing of failures.
func readNote(text []byte) dispatch.Note {
	var n note
	if json.Unmarshal(text, &n) != nil {
		return dispatch.Note{}
	}
	return dispatch.Note(n)
}
