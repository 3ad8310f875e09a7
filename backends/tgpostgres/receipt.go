package tgpostgres

import (
	"context"
	"sync"

	"github.com/tghook/tghook"
)

// receipt is the lease of an update, and the transaction of its handler.
type receipt struct {
	queue          *Queue
	key            tghook.Key
	fence, laneKey int64

	mu     sync.Mutex
	tx     *transaction // of the attempt that runs; nil if it has begun none
	over   int          // the last attempt that has ended
	undone int          // the last attempt whose transaction was rolled back
	ended  bool         // by Commit
}

func (r *receipt) hasEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// transaction returns the transaction of an attempt. If it is new, the caller begins it.
func (r *receipt) transaction(attempt int) (tx *transaction, isNew bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || attempt <= r.over {
		return nil, false, errReturned
	}
	if r.tx == nil {
		r.tx, isNew = newTransaction(r, attempt), true
	}
	return r.tx, isNew, nil
}

// detach ends the attempt, and returns its transaction, or nil if it has begun none. If that was
// rolled back before, it returns an error. undo says that the caller rolls it back.
func (r *receipt) detach(ctx context.Context, undo bool) (*transaction, error) {
	attempt, _ := tghook.AttemptFromContext(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	tx := r.tx
	r.tx = nil
	r.over = max(r.over, attempt.Number)
	if tx != nil {
		r.over = max(r.over, tx.attempt)
		if undo {
			r.undone = tx.attempt
		}
	}
	if tx == nil && attempt.Number > 0 && attempt.Number == r.undone {
		return nil, errUndone
	}
	return tx, nil
}

// end notes that Commit has ended the update.
func (r *receipt) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}
