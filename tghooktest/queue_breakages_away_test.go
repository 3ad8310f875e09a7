package tghooktest

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
)

// queueAwayBreakages are faults that show when the server was away.
var queueAwayBreakages = []queueBreakage{
	{"Publish answers before the update is kept", func(q *bentQueue) {
		q.stop = func() {
			q.Set(func(q *memqueue.Queue) {
				for name, l := range q.Rows.Lanes {
					for _, it := range l {
						if it.Receipt == nil {
							delete(q.Rows.Known, it.Key)
							delete(q.Rows.Lanes, name)
						}
					}
				}
			})
		}
	}, []string{
		"dead letters are known after the server was killed",
		"what is published and handled while the server is killed comes once, in the order of its lane",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"the server forgets leases when it ends", func(q *bentQueue) {
		q.stop = func() { q.items(func(it *memqueue.Item, _ bool) { it.Receipt = nil }) }
	}, []string{
		"a Queue whose server is away returns an error soon, and works again by itself",
		"a lease runs out while the server is away, and counts",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"the server forgets failures when it ends", func(q *bentQueue) {
		q.stop = func() { q.items(func(it *memqueue.Item, _ bool) { it.Attempts, it.Note = 0, nil }) }
	}, []string{"what the Queue has answered is known after its server was killed"}, false},
	{"the server forgets keys when it ends", func(q *bentQueue) {
		q.stop = func() {
			q.Set(func(q *memqueue.Queue) {
				maps.DeleteFunc(q.Rows.Known, func(_ tghook.Key, known *memqueue.Known) bool { return known.Item == nil })
			})
		}
	}, []string{"what the Queue has answered is known after its server was killed"}, false},
	{"the server forgets dead letters when it ends", func(q *bentQueue) {
		q.stop = func() { q.Set(func(q *memqueue.Queue) { clear(q.Rows.Dead) }) }
	}, []string{"dead letters are known after the server was killed"}, false},
	{"Done answers before the update is removed", func(q *bentQueue) {
		var mu sync.Mutex
		ended := map[tghook.Key]tghook.QueuedUpdate{}
		q.done = func(ctx context.Context, u tghook.QueuedUpdate, _ string) error {
			err := q.Done(ctx, u)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ended[u.Key] = u
			}
			return err
		}
		q.stop = func() {
			mu.Lock()
			again := maps.Clone(ended)
			clear(ended)
			mu.Unlock()
			for k, u := range again {
				q.Set(func(q *memqueue.Queue) { delete(q.Rows.Known, k) })
				_ = q.Publish(context.Background(), u)
			}
		}
	}, []string{
		"what is published and handled while the server is killed comes once, in the order of its lane",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"a lease stands still while the server is away", func(q *bentQueue) {
		q.start = func() { q.items(func(it *memqueue.Item, _ bool) { it.Until = it.Until.Add(time.Hour) }) }
	}, []string{"a lease runs out while the server is away, and counts"}, false},
	{"the client does not come back", func(q *bentQueue) {
		var gone atomic.Bool
		q.stop = func() { gone.Store(true) }
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			if gone.Load() {
				return errRefused
			}
			return q.Publish(ctx, updates...)
		}
	}, []string{
		"a Queue whose server is away returns an error soon, and works again by itself",
		"a Take that waits while the server is killed works again by itself",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"a Take that waited does not come back", func(q *bentQueue) {
		var stops atomic.Int64
		q.stop = func() { stops.Add(1) }
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			before := stops.Load()
			taken, err := q.Take(ctx, bot, limit, lease)
			if err != nil && stops.Load() > before {
				<-ctx.Done()
				return nil, nil
			}
			return taken, err
		}
	}, []string{"a Take that waits while the server is killed works again by itself"}, false},
	{"a call that cannot reach the server hangs", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			err := q.Publish(ctx, updates...)
			if err != nil {
				time.Sleep(time.Minute)
			}
			return err
		}
	}, []string{
		"a Queue whose server is away returns an error soon, and works again by itself",
		"a call whose context ends on the way may be repeated",
		"a call whose context has ended returns, and says nothing that is not so",
	}, false},
	{"the lease is lost when the server cannot be reached", func(q *bentQueue) {
		q.done = func(ctx context.Context, u tghook.QueuedUpdate, _ string) error {
			if err := q.Done(ctx, u); err != nil {
				return tghook.ErrClaimLost
			}
			return nil
		}
	}, []string{
		"a Queue whose server is away returns an error soon, and works again by itself",
		"a call whose context has ended returns, and says nothing that is not so",
	}, false},
}
