package tghooktest

import (
	"context"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
)

// takeBreakages are faults of a Take that waits.
var takeBreakages = []queueBreakage{
	{"Published is the time of Take, in a wrong unit", func(q *bentQueue) {
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			taken, err := q.Take(ctx, bot, limit, lease)
			for i := range taken {
				taken[i].Published = time.Unix(time.Now().UnixMilli(), 0)
			}
			return taken, err
		}
	}, []string{"an update that was published is taken, as a new one"}, false},
	{"Take does not wait", func(q *bentQueue) {
		q.take = q.glance
	}, []string{
		"Done succeeds after the lease has run out, while nobody has taken the update",
		"a Take that waits gets what another process publishes",
		"a Take that waits gets what its own process publishes",
		"a handler that takes longer than the lease is run once",
		"two processes consume what a publisher publishes, each chat in its order",
	}, true},
	{"Take notices its own process alone", func(q *bentQueue) {
		q.wokenBy(func(sleeper, waker int) bool { return sleeper == waker }, true)
	}, []string{
		"a Take that waits gets the next update of a lane after Bury",
		"a Take that waits gets the next update of a lane after Done",
		"a Take that waits gets what PutBack publishes",
		"a Take that waits gets what Return gives back",
		"a Take that waits gets what another process publishes",
		"a Take that waits while the server is killed works again by itself",
	}, false},
	{"Take notices other processes alone", func(q *bentQueue) {
		q.wokenBy(func(sleeper, waker int) bool { return sleeper != waker }, true)
	}, []string{
		"a Take that waits gets what its own process publishes",
		"an update that is given up is a dead letter, and comes again when it is put back",
	}, false},
	{"Take does not notice the end of a lease", func(q *bentQueue) {
		q.wokenBy(func(int, int) bool { return true }, false)
	}, []string{
		"Renew may make a lease shorter",
		"a Take that waits gets an update whose lease has run out",
		"an update of a process that has died is handled by another one, before the next of its chat",
		"an update whose lease has run out is taken again",
	}, false},
	{"Take ends a minute after its context", func(q *bentQueue) {
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			taken, err := q.Take(ctx, bot, limit, lease)
			if len(taken) == 0 {
				time.Sleep(time.Minute)
			}
			return taken, err
		}
	}, []string{
		"a Take of one bot does not get what another bot has, nor hold it up",
		"a process that stops ends what runs, and gives the rest back",
		"a reply is sent before the next update of its chat is handled",
		"lanes of two bots with the same name are different",
		"no updates may be published",
	}, true},
	{"a Take whose context has ended takes what comes later", func(q *bentQueue) {
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			taken, err := q.Take(ctx, bot, limit, lease)
			if len(taken) == 0 && err == nil {
				go func() {
					ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
					defer cancel()
					_, _ = q.Take(ctx, bot, limit, lease)
				}()
			}
			return taken, err
		}
	}, []string{
		"Commit does nothing if the handler has begun no transaction",
		"a Take ends with its context, and leaves what comes later",
		"no update of a lane is taken while another one is leased",
		"no update of a lane is taken while several are leased",
	}, true},
	{"a Take whose context has ended before it takes unseen", func(q *bentQueue) {
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			if ctx.Err() != nil {
				_, _ = q.glance(context.WithoutCancel(ctx), bot, limit, lease)
			}
			return q.Take(ctx, bot, limit, lease)
		}
	}, []string{"a Take whose context has ended returns, and takes nothing unseen"}, false},
	{"Take returns the updates of all bots", func(q *bentQueue) {
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			for ctx.Err() == nil {
				bots := []int64{bot}
				q.items(func(it *memqueue.Item, _ bool) { bots = append(bots, it.Key.Bot) })
				for _, bot := range bots {
					if taken, err := q.glance(ctx, bot, limit, lease); len(taken) > 0 || err != nil {
						return taken, err
					}
				}
				time.Sleep(10 * time.Millisecond)
			}
			return nil, nil
		}
	}, []string{"a Take of one bot does not get what another bot has, nor hold it up"}, false},
	{"Takes that meet get the same", func(q *bentQueue) {
		var mu sync.Mutex
		recent := map[int64][]tghook.QueuedUpdate{}
		var at time.Time
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			mu.Lock()
			again := recent[bot]
			over := time.Since(at) > 2*time.Millisecond
			mu.Unlock()
			if len(again) > 0 && len(again) <= limit && !over {
				time.Sleep(time.Millisecond)
				return again, nil
			}
			taken, err := q.Take(ctx, bot, limit, lease)
			mu.Lock()
			defer mu.Unlock()
			recent[bot], at = taken, time.Now()
			return taken, err
		}
	}, []string{
		"an update that is leased is not kept again",
	}, true},
}

// glance takes what can be taken at once.
func (q *bentQueue) glance(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
	defer cancel()
	return q.Take(ctx, bot, limit, lease)
}

// wokenBy lets a waiting Take look again only when wakes is true for its process and the process
// of the change, and, if runOut is true, when a lease has run out.
func (q *bentQueue) wokenBy(wakes func(sleeper, waker int) bool, runOut bool) {
	var mu sync.Mutex
	var sleepers [2]chan struct{}
	for i := range sleepers {
		sleepers[i] = make(chan struct{})
	}
	changed := func(ctx context.Context) {
		mu.Lock()
		defer mu.Unlock()
		for i, asleep := range sleepers {
			if wakes(i, processOf(ctx)) {
				close(asleep)
				sleepers[i] = make(chan struct{})
			}
		}
	}
	q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
		for {
			mu.Lock()
			asleep := sleepers[processOf(ctx)]
			mu.Unlock()
			if taken, err := q.glance(ctx, bot, limit, lease); len(taken) > 0 || err != nil {
				return taken, err
			}
			next := 24 * time.Hour
			q.items(func(it *memqueue.Item, _ bool) {
				if it.Runs(time.Now()) && runOut {
					next = min(next, time.Until(it.Until))
				}
			})
			select {
			case <-asleep:
			case <-time.After(next):
			case <-ctx.Done():
				return nil, nil
			}
		}
	}
	after := func(next publishFunc) publishFunc {
		return func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			defer changed(ctx)
			return next(ctx, updates)
		}
	}
	leave := func(next leaveFunc) leaveFunc {
		return func(ctx context.Context, u tghook.QueuedUpdate, text string) error {
			defer changed(ctx)
			return next(ctx, u, text)
		}
	}
	q.publish, q.back, q.done, q.bury = after(q.publish), after(q.back), leave(q.done), leave(q.bury)
	putBack := q.putBack
	q.putBack = func(ctx context.Context, k tghook.Key) error {
		defer changed(ctx)
		return putBack(ctx, k)
	}
}
