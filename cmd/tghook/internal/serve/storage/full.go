package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

const (
	lookPause = 2 * time.Second // between two looks at the size of the queue
	lookTime  = 5 * time.Second // how long a look may take
)

// boundedQueue is a Queue that takes no more updates when it is full. Updates that are in it can
// still be handled.
type boundedQueue struct {
	Queue

	engine engine

	mu      sync.Mutex
	full    error
	looked  time.Time
	looking bool
}

// Publish implements [tghook.Queue].
func (q *boundedQueue) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	q.lookSometimes()
	if err := q.isFull(); err != nil {
		return err
	}
	return q.Queue.Publish(ctx, updates...)
}

func (q *boundedQueue) isFull() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.full
}

// lookSometimes starts a look in the background, if the last one was some time ago.
func (q *boundedQueue) lookSometimes() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.looking || time.Since(q.looked) < lookPause {
		return
	}
	q.looking, q.looked = true, time.Now()
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		defer cancel()
		_ = q.look(ctx) // Publish itself meets what is wrong
		q.mu.Lock()
		defer q.mu.Unlock()
		q.looking = false
	}()
}

// look finds out whether the queue is full.
func (q *boundedQueue) look(ctx context.Context) error {
	full, err := q.engine.full(ctx, q.isFull() != nil)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.full, q.looked = full, time.Now()
	return nil
}

// ErrFull says that the queue takes no more updates.
var ErrFull = errors.New("the storage is full")

func errFull(used, bound int64) error {
	return fmt.Errorf("%w: waiting updates, dead letters and the ids of handled updates take %d bytes, and storage.max_size is %d; raise it, discard dead letters, or wait until bots have taken their updates and old ids are forgotten", ErrFull, used, bound)
}

// forgetTime is how long an engine that is full may take to forget handled updates.
const forgetTime = 700 * time.Millisecond

// forget calls prune, which removes the ids of updates that were handled long ago. An engine does
// that in passing, when it writes. But when it is full, perhaps nothing is written any more.
func forget(ctx context.Context, prune func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, forgetTime)
	defer cancel()
	if err := prune(ctx); err != nil && ctx.Err() == nil { // the next look goes on
		return fmt.Errorf("old ids cannot be forgotten: %w", err)
	}
	return nil
}
