package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tghook/tghook"
)

// The rules that a queue can break on purpose.
const (
	hastyPublish    = "Publish answers before the update is durable"
	lanelessPublish = "Publish forgets the lanes"
	greedyTake      = "Take ignores the leases"
	earlyDone       = "Done comes before the handler"
	lenientDone     = "Done accepts a lease that is lost"
)

// breakages make a queue that breaks a rule, to show that the trial finds it.
var breakages = map[string]func(tghook.Queue) tghook.Queue{
	hastyPublish:    func(q tghook.Queue) tghook.Queue { return hasty{q} },
	lanelessPublish: func(q tghook.Queue) tghook.Queue { return laneless{q} },
	greedyTake:      func(q tghook.Queue) tghook.Queue { return greedy{q} },
	earlyDone:       func(q tghook.Queue) tghook.Queue { return early{q} },
	lenientDone:     func(q tghook.Queue) tghook.Queue { return lenient{q} },
}

func breakageNames() []string { return slices.Sorted(maps.Keys(breakages)) }

// hasty answers Publish before it publishes.
type hasty struct{ tghook.Queue }

func (q hasty) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	go func() {
		time.Sleep(500 * time.Millisecond)
		_ = q.Queue.Publish(context.WithoutCancel(ctx), updates...)
	}()
	return nil
}

// laneless publishes without lanes.
type laneless struct{ tghook.Queue }

func (q laneless) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	for i := range updates {
		updates[i].Lane = ""
	}
	return q.Queue.Publish(ctx, updates...)
}

// greedy has leases that run out at once, and says that they hold.
type greedy struct{ tghook.Queue }

func (q greedy) Take(ctx context.Context, bot int64, limit int, _ time.Duration) ([]tghook.QueuedUpdate, error) {
	return q.Queue.Take(ctx, bot, limit, 60*time.Millisecond) // not less: workers that write all the time let no other one in
}

func (q greedy) Renew(context.Context, []tghook.QueuedUpdate, time.Duration) ([]tghook.Key, error) {
	return nil, nil
}

func (q greedy) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	_ = q.Queue.Done(ctx, u)
	return nil
}

// early removes updates as soon as they are taken.
type early struct{ tghook.Queue }

func (q early) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	updates, err := q.Queue.Take(ctx, bot, limit, lease)
	for _, u := range updates {
		if err := q.Done(ctx, u); err != nil {
			return nil, err
		}
	}
	return updates, err
}

// Renew says that all leases hold.
func (q early) Renew(context.Context, []tghook.QueuedUpdate, time.Duration) ([]tghook.Key, error) {
	return nil, nil
}

// lenient does not say that a lease is lost.
type lenient struct{ tghook.Queue }

func (q lenient) Renew(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	_, err := q.Queue.Renew(ctx, updates, lease)
	return nil, err
}

func (q lenient) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	_ = q.Queue.Done(ctx, u)
	return nil
}
