package tghooktest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
)

// queueLeaseBreakages are faults of leases, attempts and late holders.
var queueLeaseBreakages = []queueBreakage{
	{"the lease never ends", relet(func(time.Duration) time.Duration { return 24 * time.Hour }), []string{
		"a Take that waits gets an update whose lease has run out",
		"an update of a process that has died is handled by another one, before the next of its chat",
		"an update that is cut off again and again counts each time",
		"an update whose lease has run out is taken again",
		"leases of a lane that have run out are taken again from the oldest on, which alone counts",
	}, true},
	{"the lease is ignored", relet(func(time.Duration) time.Duration { return 0 }), []string{
		"Renew lets a lease begin anew",
		"a lease runs for its whole time, whoever asks",
		"an update that is leased is not kept again",
		"no update of a lane is taken while another one is leased",
	}, true},
	{"the lease has a wrong unit", relet(func(lease time.Duration) time.Duration { return lease / 1000 }), []string{
		"Renew lets a lease begin anew",
		"Renew succeeds after the lease has run out, while nobody has taken the update",
		"a handler that takes longer than the lease is run once",
		"a lease runs for its whole time, whoever asks",
		"a repeated Done succeeds and changes nothing",
	}, true},
	{"Renew does nothing", func(q *bentQueue) {
		q.renew = func(context.Context, []tghook.QueuedUpdate, time.Duration) ([]tghook.Key, error) { return nil, nil }
	}, []string{
		"Renew lets a lease begin anew",
		"Renew may make a lease shorter",
		"Renew succeeds after the lease has run out, while nobody has taken the update",
		"a handler that takes longer than the lease is run once",
		"no update of a lane is taken while the lease of one behind it runs",
	}, true},
	{"Renew never makes the lease shorter", func(q *bentQueue) {
		q.renew = func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
			return q.Renew(ctx, updates, max(lease, longLease))
		}
	}, []string{
		"Renew may make a lease shorter",
		"no update of a lane is taken while the lease of one behind it runs",
		"of leases that run out behind an update that was handled, the oldest counts",
		"of many processes that take over updates at once, exactly one gets each",
	}, false},
	{"Renew renews the first update alone", func(q *bentQueue) {
		q.renew = func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
			return q.Renew(ctx, updates[:1], lease)
		}
	}, []string{
		"Renew returns the keys of exactly those that do not hold",
		"of leases that run out behind an update that was handled, the oldest counts",
		"of many processes that take over updates at once, exactly one gets each",
	}, false},
	{"Renew says of no lease that it is lost", func(q *bentQueue) {
		q.renew = func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
			_, err := q.Renew(ctx, updates, lease)
			return nil, err
		}
	}, []string{
		"Renew returns the keys of exactly those that do not hold",
		"a late Renew of an old holder is refused and changes nothing",
		"a lease that Bury has ended is refused",
		"a lease that Done has ended is refused",
		"a lease that Return has ended is refused",
		"a lease that is unknown is refused and leaves nothing",
		"an old holder is refused after the next one has ended the update",
	}, false},
	{"Renew says of all leases that they are lost if one is", func(q *bentQueue) {
		q.renew = func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
			lost, err := q.Renew(ctx, updates, lease)
			if len(lost) > 0 {
				lost = nil
				for _, u := range updates {
					lost = append(lost, u.Key)
				}
			}
			return lost, err
		}
	}, []string{"Renew returns the keys of exactly those that do not hold"}, false},
	{"Renew refuses by an error", func(q *bentQueue) {
		q.renew = func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
			lost, err := q.Renew(ctx, updates, lease)
			if len(lost) > 0 {
				return nil, tghook.ErrClaimLost
			}
			return nil, err
		}
	}, []string{
		"Renew returns the keys of exactly those that do not hold",
		"a late Renew of an old holder is refused and changes nothing",
		"a lease that Bury has ended is refused",
		"a lease that Done has ended is refused",
		"a lease that Return has ended is refused",
		"a lease that is unknown is refused and leaves nothing",
		"an old holder is refused after the next one has ended the update",
	}, false},
	{"a lease that has run out is lost", func(q *bentQueue) {
		renew := q.renew
		q.renew = func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) (lost []tghook.Key, err error) {
			for _, u := range updates {
				if q.over(u) {
					lost = append(lost, u.Key)
				} else if more, err := renew(ctx, []tghook.QueuedUpdate{u}, lease); err == nil {
					lost = append(lost, more...)
				}
			}
			return lost, nil
		}
		refuse := func(next leaveFunc) leaveFunc {
			return func(ctx context.Context, u tghook.QueuedUpdate, text string) error {
				if q.over(u) {
					return tghook.ErrClaimLost
				}
				return next(ctx, u, text)
			}
		}
		q.done, q.fail, q.bury = refuse(q.done), refuse(q.fail), refuse(q.bury)
	}, []string{
		"Bury succeeds after the lease has run out, while nobody has taken the update",
		"Done succeeds after the lease has run out, while nobody has taken the update",
		"Fail after the lease has run out counts, while nobody has taken the update",
		"Renew succeeds after the lease has run out, while nobody has taken the update",
		"a Queue whose server is away returns an error soon, and works again by itself",
	}, false},
	{"Return passes over a lease that has run out", func(q *bentQueue) {
		q.back = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			return q.Return(ctx, slices.DeleteFunc(slices.Clone(updates), q.over))
		}
	}, []string{"Return after the lease has run out does not count"}, false},
	{"Renew acts for whoever has the update", func(q *bentQueue) {
		q.renew = func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
			return q.Renew(ctx, q.owned(updates), lease)
		}
	}, []string{
		"Renew returns the keys of exactly those that do not hold",
		"a late Renew of an old holder is refused and changes nothing",
	}, false},
	{"Done acts for whoever has the update", func(q *bentQueue) { q.done = q.forOwner(q.done) }, []string{
		"a late Done of an old holder is refused and changes nothing",
		"a lease runs out while the server is away, and counts",
	}, false},
	{"Fail acts for whoever has the update", func(q *bentQueue) { q.fail = q.forOwner(q.fail) }, []string{"a late Fail of an old holder is refused and changes nothing"}, false},
	{"Bury acts for whoever has the update", func(q *bentQueue) { q.bury = q.forOwner(q.bury) }, []string{"a late Bury of an old holder is refused and changes nothing"}, false},
	{"Return acts for whoever has the update", func(q *bentQueue) {
		q.back = func(ctx context.Context, updates []tghook.QueuedUpdate) error { return q.Return(ctx, q.owned(updates)) }
	}, []string{
		"a late Return of an old holder is passed over, and what it has is given back",
		"a repeated Return changes nothing for the next holder",
	}, false},
	{"Return fails if a lease is lost", func(q *bentQueue) {
		q.back = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			owned := q.owned(updates)
			for i, u := range updates {
				if u.Receipt != owned[i].Receipt || u.Receipt == nil {
					return tghook.ErrClaimLost
				}
			}
			return q.Return(ctx, updates)
		}
	}, []string{
		"a late Return of an old holder is passed over, and what it has is given back",
		"a lease that Return has ended is refused",
		"a repeated Return changes nothing for the next holder",
	}, false},
	{"a lease that runs out does not count", func(q *bentQueue) {
		q.beforeTake(func(it *memqueue.Item, _ bool) { it.Behind = true })
	}, []string{
		"a Take that waits gets an update whose lease has run out",
		"an update that is cut off again and again counts each time",
		"an update whose lease has run out is taken again",
		"leases of a lane that have run out are taken again from the oldest on, which alone counts",
		"leases of a lane that have run out are taken again together",
	}, true},
	{"every lease that runs out counts", func(q *bentQueue) {
		q.beforeTake(func(it *memqueue.Item, first bool) {
			if !first && !it.Behind {
				it.Attempts++
				it.Behind = true
			}
		})
	}, []string{
		"leases of a lane that have run out are taken again from the oldest on, which alone counts",
		"leases of a lane that have run out are taken again together",
		"of leases that run out behind an update that was handled, the oldest counts",
	}, false},
	{"the first cut is the only one that counts", func(q *bentQueue) {
		q.beforeTake(func(it *memqueue.Item, _ bool) { it.Behind = it.Behind || it.Attempts > 0 })
	}, []string{"an update that is cut off again and again counts each time"}, false},
	{"Done is not atomic", func(q *bentQueue) { q.done = q.slowly(q.done) }, []string{"Done and a takeover at once: the update is handled or is taken over"}, true},
	{"Bury is not atomic", func(q *bentQueue) { q.bury = q.slowly(q.bury) }, []string{"Bury and a takeover at once: the update is a dead letter or is taken over"}, true},
	{"an update that is taken over may be taken twice", func(q *bentQueue) {
		var mu sync.Mutex
		twice := map[string]bool{}
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			taken, err := q.Take(ctx, bot, limit, lease)
			mu.Lock()
			defer mu.Unlock()
			for _, u := range taken {
				if name := fmt.Sprint(u.Key, u.Receipt); u.Attempts > 0 && !twice[fmt.Sprint(u.Key)] {
					twice[fmt.Sprint(u.Key)] = name != ""
					q.items(func(it *memqueue.Item, _ bool) {
						if it.Key == u.Key {
							it.Until = time.Now()
						}
					})
				}
			}
			return taken, err
		}
	}, []string{
		"Renew returns the keys of exactly those that do not hold",
		"a late Bury of an old holder is refused and changes nothing",
		"a late Done of an old holder is refused and changes nothing",
		"a late Fail of an old holder is refused and changes nothing",
		"a late Renew of an old holder is refused and changes nothing",
		"a late Return of an old holder is passed over, and what it has is given back",
		"of many processes that take over updates at once, exactly one gets each",
		"what the Queue has answered is known after its server was killed",
	}, false},
}

// relet changes the times of leases.
func relet(f func(time.Duration) time.Duration) func(*bentQueue) {
	return func(q *bentQueue) {
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			return q.Take(ctx, bot, limit, f(lease))
		}
		q.renew = func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
			return q.Renew(ctx, updates, f(lease))
		}
	}
}

// over reports whether the last lease of an update has run out.
func (q *bentQueue) over(u tghook.QueuedUpdate) (over bool) {
	q.items(func(it *memqueue.Item, _ bool) { over = over || it.Key == u.Key && !it.Runs(time.Now()) })
	return over
}

// owned returns updates with the receipts of their present leases.
func (q *bentQueue) owned(updates []tghook.QueuedUpdate) []tghook.QueuedUpdate {
	updates = slices.Clone(updates)
	q.items(func(it *memqueue.Item, _ bool) {
		for i := range updates {
			if updates[i].Key == it.Key {
				updates[i].Receipt = it.Receipt
			}
		}
	})
	return updates
}

func (q *bentQueue) forOwner(next leaveFunc) leaveFunc {
	return func(ctx context.Context, u tghook.QueuedUpdate, text string) error {
		return next(ctx, q.owned([]tghook.QueuedUpdate{u})[0], text)
	}
}

// slowly checks a lease, and acts a moment later on the lease that the update has then.
func (q *bentQueue) slowly(next leaveFunc) leaveFunc {
	return func(ctx context.Context, u tghook.QueuedUpdate, text string) error {
		if u.Receipt != q.owned([]tghook.QueuedUpdate{u})[0].Receipt {
			return next(ctx, u, text)
		}
		time.Sleep(time.Millisecond)
		return q.forOwner(next)(ctx, u, text)
	}
}

// beforeTake changes each update whose lease has run out, before Take looks.
func (q *bentQueue) beforeTake(f func(it *memqueue.Item, first bool)) {
	q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
		for ctx.Err() == nil {
			q.items(func(it *memqueue.Item, first bool) {
				if it.Receipt != nil && !it.Runs(time.Now()) {
					f(it, first)
				}
			})
			if taken, err := q.glance(ctx, bot, limit, lease); len(taken) > 0 || err != nil {
				return taken, err
			}
			time.Sleep(5 * time.Millisecond)
		}
		return nil, nil
	}
}
