package tghooktest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// A storeTrial is one case run on one Backend.
type storeTrial struct {
	judge
	Backend

	bot     int64 // the case's own
	large   int   // bytes of a large reply
	crowd   int   // updates that are claimed at once
	shaky   bool  // the server has been away, and a client may still have connections to it
	updates int64 // that the case has used
	claims  int
}

const (
	longLease  = time.Minute           // runs until a case is over
	shortLease = 20 * time.Millisecond // a case waits for its end
	longTTL    = time.Hour
	shortTTL   = 20 * time.Millisecond
	aWhile     = 300 * time.Millisecond // longer than a short lease or ttl
	pollStore  = 20 * time.Millisecond
	returnTime = 10 * time.Second // after the end of its context a call may take so long
)

// A replica is a process that makes one claim.
type replica struct {
	*storeTrial

	store tghook.Store
	claim tghook.Claim
	name  string
}

// update returns the key of an update that the Store does not know.
func (c *storeTrial) update() tghook.Key {
	c.updates++
	return tghook.Key{Bot: c.bot, ID: c.updates}
}

// replica returns a process with a claim of its own. Every other one has the other Store.
func (c *storeTrial) replica(k tghook.Key) *replica {
	c.claims++
	store := c.Store
	if c.claims%2 == 0 {
		store = c.Other
	}
	return &replica{c, store, tghook.Claim{Key: k, Fence: rand.Text()}, fmt.Sprintf("claim %d, of update %d", c.claims, k.ID)}
}

// two returns two processes that ask for one update, which the Store does not know.
func (c *storeTrial) two() (a, b *replica) {
	k := c.update()
	return c.replica(k), c.replica(k)
}

// rival returns another process that asks for the same update.
func (r *replica) rival() *replica { return r.replica(r.claim.Key) }

// errHung is the error of a call that has not returned in time.
var errHung = fmt.Errorf("the call has not returned %v after the end of its context", returnTime)

// call calls a method of the Store, with a context that ends after a limit. It returns errHung
// if the method does not return in time.
func call[T any](ctx context.Context, limit time.Duration, method func(ctx context.Context) (T, error)) (v T, err error) {
	type answer struct {
		v   T
		err error
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		v, err := method(ctx)
		answers <- answer{v, err}
	}()
	timer := time.NewTimer(limit + returnTime)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.v, a.err
	case <-timer.C:
		return v, errHung
	}
}

// do calls a method that returns only an error.
func do(ctx context.Context, limit time.Duration, method func(ctx context.Context) error) error {
	_, err := call(ctx, limit, func(ctx context.Context) (struct{}, error) { return struct{}{}, method(ctx) })
	return err
}

// ask calls a method of the Store, and again if its outcome is unknown and the Store is shaky.
func ask[T any](c *storeTrial, method func(ctx context.Context) (T, error)) (T, error) {
	if c.shaky {
		return retry(c.judge, c.patience, method)
	}
	return call(c.Context(), c.patience, method)
}

// tell calls a method that returns only an error.
func (c *storeTrial) tell(method func(ctx context.Context) error) error {
	_, err := ask(c, func(ctx context.Context) (struct{}, error) { return struct{}{}, method(ctx) })
	return err
}

func (r *replica) tryClaim(lease, ttl time.Duration) (tghook.ClaimResult, error) {
	return ask(r.storeTrial, func(ctx context.Context) (tghook.ClaimResult, error) { return r.store.Claim(ctx, r.claim, lease, ttl) })
}

func (r *replica) tryRenew(lease time.Duration) error {
	return r.tell(func(ctx context.Context) error { return r.store.Renew(ctx, r.claim, lease) })
}

func (r *replica) tryDone(reply string) error {
	return r.tell(func(ctx context.Context) error { return r.store.Done(ctx, r.claim, []byte(reply)) })
}

func (r *replica) tryFail(note string) error {
	return r.tell(func(ctx context.Context) error { return r.store.Fail(ctx, r.claim, []byte(note)) })
}

func (r *replica) tryRelease() error {
	return r.tell(func(ctx context.Context) error { return r.store.Release(ctx, r.claim) })
}

// What the methods return, as text.
const (
	success   = "no error"
	claimLost = "ErrClaimLost"
	elsewhere = "elsewhere"
)

func granted(attempt int, note string) string {
	if note == "" {
		return fmt.Sprintf("granted as attempt %d", attempt)
	}
	return fmt.Sprintf("granted as attempt %d with the note %q", attempt, note)
}

func done(reply string) string {
	if reply == "" {
		return "done without a reply"
	}
	return "done with the reply " + reply
}

func outcome(err error) string {
	switch {
	case err == nil:
		return success
	case errors.Is(err, tghook.ErrClaimLost):
		return claimLost
	case errors.Is(err, tghook.ErrAlbumChanged):
		return albumChanged
	default:
		return "the error " + err.Error()
	}
}

func told(res tghook.ClaimResult, err error) string {
	switch {
	case err != nil:
		return outcome(err)
	case res.State == tghook.ClaimGranted:
		return granted(res.Attempt, string(res.Note))
	case res.State == tghook.ClaimElsewhere:
		return elsewhere
	case res.State == tghook.ClaimDone:
		return done(string(res.Reply))
	default:
		return fmt.Sprintf("the state %d", res.State)
	}
}

// claims checks what Claim returns for a lease, with a long ttl.
func (r *replica) claims(lease time.Duration, want string) {
	r.Helper()
	r.claimsFor(lease, longTTL, want)
}

func (r *replica) claimsFor(lease, ttl time.Duration, want string) {
	r.Helper()
	r.same(r.name+": Claim", told(r.tryClaim(lease, ttl)), want)
}

// takesOver claims for a long lease until no other claim holds, and checks what Claim returns
// then.
func (r *replica) takesOver(want string) {
	r.Helper()
	began := time.Now()
	for {
		got := told(r.tryClaim(longLease, longTTL))
		if got == elsewhere && time.Since(began) < r.patience {
			time.Sleep(pollStore)
			continue
		}
		r.same(r.name+": Claim", got, want)
		return
	}
}

func (r *replica) renews(lease time.Duration, want string) {
	r.Helper()
	r.same(r.name+": Renew", outcome(r.tryRenew(lease)), want)
}

func (r *replica) dones(reply, want string) {
	r.Helper()
	r.same(r.name+": Done", outcome(r.tryDone(reply)), want)
}

func (r *replica) fails(note, want string) {
	r.Helper()
	r.same(r.name+": Fail", outcome(r.tryFail(note)), want)
}

func (r *replica) releases(want string) {
	r.Helper()
	r.same(r.name+": Release", outcome(r.tryRelease()), want)
}

// refused checks that each method refuses the claim.
func (r *replica) refused() {
	r.Helper()
	r.renews(longLease, claimLost)
	r.dones("the reply of a claim that does not hold", claimLost)
	r.fails("the note of a claim that does not hold", claimLost)
	r.releases(claimLost)
}

// atOnce calls f in n goroutines, and returns when all have returned.
func atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

// count returns how many of the texts are equal to s.
func count(texts []string, s string) (n int) {
	for _, text := range texts {
		if text == s {
			n++
		}
	}
	return n
}
