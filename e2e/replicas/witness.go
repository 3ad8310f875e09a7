package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/tghook/tghook"
)

// witness is a receiver's Store. It reports how claims end, has them hold for as long as the
// settings say, and loses some of the Store's answers.
type witness struct {
	store    tghook.Store
	receiver *receiver

	mu    sync.Mutex
	began map[tghook.Claim]time.Time // when the lease of a claim has last begun, at the earliest
}

func newWitness(s tghook.Store, r *receiver) *witness {
	return &witness{store: s, receiver: r, began: map[tghook.Claim]time.Time{}}
}

var errLost = errors.New("the answer of the Store is lost")

// answer loses the Store's answer if it is the turn of it.
func (w *witness) answer(err error) error {
	if n := w.receiver.Losses; err == nil && n > 0 && rand.IntN(n) == 0 { //nolint:gosec // not a secret
		return errLost
	}
	return err
}

// begin notes that the lease of c began at a time.
func (w *witness) begin(c tghook.Claim, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began[c] = at
}

// end reports what became of c.
func (w *witness) end(c tghook.Claim, what string, err error) {
	w.mu.Lock()
	age := time.Since(w.began[c])
	delete(w.began, c)
	w.mu.Unlock()
	w.receiver.report(what, c.Key.ID, 0, age, err)
}

// Claim claims an update for the lease of the settings.
func (w *witness) Claim(ctx context.Context, c tghook.Claim, _, ttl time.Duration) (tghook.ClaimResult, error) {
	asked := time.Now()
	res, err := w.store.Claim(ctx, c, w.receiver.Lease, ttl)
	if err = w.answer(err); err == nil && res.State == tghook.ClaimGranted {
		w.begin(c, asked)
	}
	return res, err
}

// Renew lets the lease of the settings begin anew.
func (w *witness) Renew(ctx context.Context, c tghook.Claim, _ time.Duration) error {
	asked := time.Now()
	err := w.answer(w.store.Renew(ctx, c, w.receiver.Lease))
	switch {
	case err == nil:
		w.begin(c, asked)
	case errors.Is(err, tghook.ErrClaimLost):
		w.end(c, loses, err)
	}
	return err
}

// Done ends a claim with success.
func (w *witness) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	if w.receiver.Dies {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	err := w.answer(w.store.Done(ctx, c, reply))
	switch {
	case err == nil:
		w.end(c, keeps, err)
	case errors.Is(err, tghook.ErrClaimLost):
		w.end(c, loses, err)
	case errors.Is(err, errLost):
		w.end(c, misses, err)
	default:
		w.end(c, breaks, err)
	}
	return err
}

// Fail ends a claim with a failure that counts as an attempt.
func (w *witness) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	err := w.answer(w.store.Fail(ctx, c, note))
	if errors.Is(err, tghook.ErrClaimLost) {
		w.end(c, loses, err)
	}
	return err
}

// Release ends a claim without a counted attempt.
func (w *witness) Release(ctx context.Context, c tghook.Claim) error {
	return w.answer(w.store.Release(ctx, c))
}
