package tgsqlite_test

import (
	"context"
	"testing"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

func TestTheContractOfAQueue(t *testing.T) {
	t.Parallel()
	tghooktest.TestQueue(t, func(tb testing.TB) tghooktest.QueueBackend {
		path := newFile(tb)
		one, other := reopen(tb, path), reopen(tb, path)
		return tghooktest.QueueBackend{
			Queue: restartedQueue{one}, Other: restartedQueue{other},
			Stop:  func() { one.stop(tb); other.stop(tb) },
			Start: func() { one.start(tb); other.start(tb) },
		}
	})
}

// A restartedQueue is the Queue of a process that can be restarted.
type restartedQueue struct{ *restarted }

func (r restartedQueue) queue() interface {
	tghook.Queue
	tghook.Letters
} {
	return r.store.Load().Queue()
}

func (r restartedQueue) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	return r.queue().Publish(ctx, updates...)
}

func (r restartedQueue) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	return r.queue().Take(ctx, bot, limit, lease)
}

func (r restartedQueue) Renew(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	return r.queue().Renew(ctx, updates, lease)
}

func (r restartedQueue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	return r.queue().Done(ctx, u)
}

func (r restartedQueue) Fail(ctx context.Context, u tghook.QueuedUpdate, note []byte) error {
	return r.queue().Fail(ctx, u, note)
}

func (r restartedQueue) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	return r.queue().Bury(ctx, u, why)
}

func (r restartedQueue) Return(ctx context.Context, updates []tghook.QueuedUpdate) error {
	return r.queue().Return(ctx, updates)
}

func (r restartedQueue) State(ctx context.Context, bot int64) (tghook.QueueState, error) {
	return r.queue().State(ctx, bot)
}

func (r restartedQueue) DeadLetters(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
	return r.queue().DeadLetters(ctx, bot, after, limit)
}

func (r restartedQueue) PutBack(ctx context.Context, k tghook.Key) error {
	return r.queue().PutBack(ctx, k)
}

func (r restartedQueue) Discard(ctx context.Context, k tghook.Key) error {
	return r.queue().Discard(ctx, k)
}
