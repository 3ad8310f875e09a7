package tghooktest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
)

// queueEndBreakages are faults of Done, Fail, Bury and Return.
var queueEndBreakages = []queueBreakage{
	{"Done gives the update back", func(q *bentQueue) {
		q.done = func(ctx context.Context, u tghook.QueuedUpdate, _ string) error {
			return q.Return(ctx, []tghook.QueuedUpdate{u})
		}
	}, []string{
		"Done succeeds after the lease has run out, while nobody has taken the update",
		"a Take ends with its context, and leaves what comes later",
		"a Take that waits gets what another process publishes",
		"a process that stops ends what runs, and gives the rest back",
		"two processes consume what a publisher publishes, each chat in its order",
	}, true},
	{"a repeated Done is refused", func(q *bentQueue) { q.done = q.onceOnly(q.done) }, []string{
		"a repeated Done succeeds and changes nothing",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"a repeated Bury is refused", func(q *bentQueue) { q.bury = q.onceOnly(q.bury) }, []string{"a repeated Bury succeeds and changes nothing"}, false},
	{"a lease that was ended succeeds for ever", func(q *bentQueue) {
		q.fail, q.bury = ignoring(q.fail), ignoring(q.bury)
	}, []string{
		"a late Bury of an old holder is refused and changes nothing",
		"a late Fail of an old holder is refused and changes nothing",
		"a lease that Bury has ended is refused",
		"a lease that Done has ended is refused",
		"a lease that Return has ended is refused",
		"a lease that is unknown is refused and leaves nothing",
		"an old holder is refused after the next one has ended the update",
	}, false},
	{"a lease that was ended is renewed for ever", func(q *bentQueue) {
		q.renew = func(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) (lost []tghook.Key, err error) {
			all, err := q.Renew(ctx, updates, lease)
			q.Set(func(q *memqueue.Queue) {
				for _, k := range all {
					if q.Rows.Known[k] == nil || q.Rows.Known[k].Item != nil {
						lost = append(lost, k)
					}
				}
			})
			return lost, err
		}
	}, []string{
		"Renew returns the keys of exactly those that do not hold",
		"a lease that Bury has ended is refused",
		"a lease that Done has ended is refused",
		"an old holder is refused after the next one has ended the update",
	}, false},
	{"Fail ends the lease", func(q *bentQueue) {
		q.fail = func(ctx context.Context, u tghook.QueuedUpdate, note string) error {
			return errors.Join(q.Fail(ctx, u, []byte(note)), q.Return(ctx, []tghook.QueuedUpdate{u}))
		}
	}, []string{
		"Fail after the lease has run out counts, while nobody has taken the update",
		"Fail counts, keeps the note, and the lease goes on",
		"PutBack publishes a dead letter as a new update, at the end of its lane",
		"a dead letter is the update with the reason",
		"an update that has failed may still be handled",
		"what the Queue has answered is known after its server was killed",
	}, true},
	{"Fail does not count", func(q *bentQueue) { q.failed(func(it *memqueue.Item, note string) { it.Attempts-- }) }, []string{
		"Fail after the lease has run out counts, while nobody has taken the update",
		"Fail counts, keeps the note, and the lease goes on",
		"Return keeps the attempts and the note, and does not count",
		"a dead letter is the update with the reason",
		"a note is kept byte for byte",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"Fail counts once for each lease", func(q *bentQueue) {
		var mu sync.Mutex
		last := map[tghook.Key]any{}
		q.failed(func(it *memqueue.Item, note string) {
			mu.Lock()
			defer mu.Unlock()
			if last[it.Key] == it.Receipt {
				it.Attempts--
			}
			last[it.Key] = it.Receipt
		})
	}, []string{"Fail counts, keeps the note, and the lease goes on"}, false},
	{"Fail does not keep the note", func(q *bentQueue) { q.failed(func(it *memqueue.Item, note string) { it.Note = nil }) }, []string{
		"Fail after the lease has run out counts, while nobody has taken the update",
		"Fail counts, keeps the note, and the lease goes on",
		"Return keeps the attempts and the note, and does not count",
		"a dead letter is the update with the reason",
		"a note is kept byte for byte",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"an empty note does not replace", func(q *bentQueue) {
		q.fail = func(ctx context.Context, u tghook.QueuedUpdate, note string) error {
			old := u.Note
			err := q.Fail(ctx, u, []byte(note))
			q.items(func(it *memqueue.Item, _ bool) {
				if it.Key == u.Key && note == "" {
					it.Note = old
				}
			})
			return err
		}
	}, []string{"Fail counts, keeps the note, and the lease goes on"}, false},
	{"a note is text", func(q *bentQueue) {
		q.failed(func(it *memqueue.Item, note string) { it.Note = []byte(strings.ToValidUTF8(note, "\ufffd")) })
	}, []string{"a note is kept byte for byte"}, false},
	{"Return counts", func(q *bentQueue) { q.returned(func(it *memqueue.Item) { it.Attempts++ }) }, []string{
		"Commit does nothing if the handler has begun no transaction",
		"Return after the lease has run out does not count",
		"Rollback does nothing if the handler has begun no transaction",
		"a Take that waits gets what Return gives back",
		"updates that Return gives back keep their places",
	}, true},
	{"Return forgets attempts and note", func(q *bentQueue) { q.returned(func(it *memqueue.Item) { it.Attempts, it.Note = 0, nil }) }, []string{
		"Return keeps the attempts and the note, and does not count",
		"a late Bury of an old holder is refused and changes nothing",
		"a late Done of an old holder is refused and changes nothing",
		"a late Fail of an old holder is refused and changes nothing",
		"a note is kept byte for byte",
	}, true},
	{"Return puts the updates at the end of their lanes", func(q *bentQueue) {
		q.back = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			err := q.Return(ctx, updates)
			q.Set(func(q *memqueue.Queue) {
				for _, u := range updates {
					for name, l := range q.Rows.Lanes {
						for i, it := range l {
							if it.Key == u.Key && it.Receipt == nil && u.Lane != "" {
								q.Rows.Lanes[name] = append(append(append([]*memqueue.Item{}, l[:i]...), l[i+1:]...), it)
								break
							}
						}
					}
				}
			})
			return err
		}
	}, []string{
		"a crowd handles what a crowd publishes: each update once, in the order of its lane",
		"updates that Return gives back keep their places",
	}, false},
	{"Return waits for the end of the lease", func(q *bentQueue) {
		q.back = func(context.Context, []tghook.QueuedUpdate) error { return nil }
	}, []string{
		"Commit does nothing if the handler has begun no transaction",
		"Return after the lease has run out does not count",
		"Rollback does nothing if the handler has begun no transaction",
		"a Take that waits gets what Return gives back",
		"updates that Return gives back wait for the one before them that is leased",
	}, true},
	{"Return gives back the first update alone", func(q *bentQueue) {
		q.back = func(ctx context.Context, updates []tghook.QueuedUpdate) error { return q.Return(ctx, updates[:1]) }
	}, []string{
		"a crowd handles what a crowd publishes: each update once, in the order of its lane",
		"a late Return of an old holder is passed over, and what it has is given back",
		"updates that Return gives back keep their places",
		"updates that Return gives back wait for the one before them that is leased",
	}, false},
	{"Return gives back the whole lane", func(q *bentQueue) {
		q.back = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			q.items(func(it *memqueue.Item, _ bool) {
				for _, u := range updates {
					if it.Lane == u.Lane && it.Lane != "" {
						it.Receipt = nil
					}
				}
			})
			return q.Return(ctx, updates)
		}
	}, []string{
		"a late Return of an old holder is passed over, and what it has is given back",
		"a repeated Return changes nothing for the next holder",
		"updates that Return gives back wait for the one before them that is leased",
	}, false},
	{"Bury does nothing", func(q *bentQueue) {
		q.bury = func(context.Context, tghook.QueuedUpdate, string) error { return nil }
	}, []string{
		"Bury succeeds after the lease has run out, while nobody has taken the update",
		"a Take that waits gets the next update of a lane after Bury",
		"a Take that waits gets what PutBack publishes",
		"a lease that is unknown is refused and leaves nothing",
		"a reason may be empty, of 4 KiB, and of any bytes",
	}, true},
	{"Bury gives the update back", func(q *bentQueue) {
		q.bury = func(ctx context.Context, u tghook.QueuedUpdate, _ string) error {
			return q.Return(ctx, []tghook.QueuedUpdate{u})
		}
	}, []string{
		"Bury frees the lane, and its update is not taken again",
		"Bury succeeds after the lease has run out, while nobody has taken the update",
		"a Take that waits gets the next update of a lane after Bury",
		"a Take that waits gets what PutBack publishes",
		"a reason may be empty, of 4 KiB, and of any bytes",
	}, true},
	{"a reason with a zero byte is refused", func(q *bentQueue) {
		q.bury = func(ctx context.Context, u tghook.QueuedUpdate, why string) error {
			if strings.Contains(why, "\x00") {
				return errRefused
			}
			return q.Bury(ctx, u, why)
		}
	}, []string{"a reason may be empty, of 4 KiB, and of any bytes"}, false},
	{"Commit ends the update without a transaction", func(q *bentQueue) { q.commit = q.done }, []string{"Commit does nothing if the handler has begun no transaction"}, false},
	{"Rollback gives the update back", func(q *bentQueue) {
		q.rollback = func(ctx context.Context, u tghook.QueuedUpdate, _ string) error {
			return q.Return(ctx, []tghook.QueuedUpdate{u})
		}
	}, []string{
		"Rollback does nothing if the handler has begun no transaction",
		"an update that is given up is a dead letter, and comes again when it is put back",
	}, true},
}

// onceOnly refuses a call that has succeeded before.
func (q *bentQueue) onceOnly(next leaveFunc) leaveFunc {
	return func(ctx context.Context, u tghook.QueuedUpdate, text string) error {
		held := u.Receipt == q.owned([]tghook.QueuedUpdate{u})[0].Receipt
		gone := false
		q.Set(func(q *memqueue.Queue) { gone = q.Rows.Known[u.Key] == nil || q.Rows.Known[u.Key].Item == nil })
		if gone || !held {
			return tghook.ErrClaimLost
		}
		return next(ctx, u, text)
	}
}

// ignoring reports success though the lease is lost.
func ignoring(next leaveFunc) leaveFunc {
	return func(ctx context.Context, u tghook.QueuedUpdate, text string) error {
		if err := next(ctx, u, text); !lost(err) {
			return err
		}
		return nil
	}
}

// failed changes an update when Fail has succeeded.
func (q *bentQueue) failed(f func(it *memqueue.Item, note string)) {
	q.fail = func(ctx context.Context, u tghook.QueuedUpdate, note string) error {
		if err := q.Fail(ctx, u, []byte(note)); err != nil {
			return err
		}
		q.items(func(it *memqueue.Item, _ bool) {
			if it.Key == u.Key {
				f(it, note)
			}
		})
		return nil
	}
}

// returned changes an update after Return.
func (q *bentQueue) returned(f func(it *memqueue.Item)) {
	q.back = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
		for _, u := range updates {
			held := u.Receipt != nil && u.Receipt == q.owned([]tghook.QueuedUpdate{u})[0].Receipt
			q.items(func(it *memqueue.Item, _ bool) {
				if it.Key == u.Key && held {
					f(it)
				}
			})
		}
		return q.Return(ctx, updates)
	}
}
