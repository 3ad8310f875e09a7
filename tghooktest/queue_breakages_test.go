package tghooktest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
)

// publishBreakages are faults of Publish.
var publishBreakages = []queueBreakage{
	{"an update is kept each time", func(q *bentQueue) {
		q.forgets(func(*memqueue.Queue, tghook.Key) bool { return true })
	}, []string{
		"an update that is a dead letter is not kept again",
		"an update that is published again is kept once, as it first was",
		"an update that is twice in a call is kept once",
		"an update that was put back may fail and be buried again",
		"batches that share updates may be published at once, in any order",
	}, true},
	{"the key is forgotten when the update has been handled", func(q *bentQueue) {
		q.forgets(func(q *memqueue.Queue, k tghook.Key) bool {
			return q.Rows.Known[k].Item == nil && q.Rows.Dead[k] == nil
		})
	}, []string{
		"Discard removes a dead letter, and its key stays known",
		"a crowd handles what a crowd publishes: each update once, in the order of its lane",
		"an update that has been handled is not kept again",
		"what is published and handled while the server is killed comes once, in the order of its lane",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"the key is forgotten when the update is a dead letter", func(q *bentQueue) {
		q.forgets(func(q *memqueue.Queue, k tghook.Key) bool { return q.Rows.Dead[k] != nil })
	}, []string{
		"an update that is a dead letter is not kept again",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"keys are looked up before the call alone", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			return q.Publish(ctx, updates...)
		}
		next := q.publish
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			if err := next(ctx, updates); err != nil {
				return err
			}
			for i, u := range updates {
				if slices.ContainsFunc(updates[:i], func(other tghook.QueuedUpdate) bool { return other.Key == u.Key }) {
					q.Set(func(q *memqueue.Queue) { delete(q.Rows.Known, u.Key) })
					_ = next(ctx, []tghook.QueuedUpdate{u})
				}
			}
			return nil
		}
	}, []string{"an update that is twice in a call is kept once"}, false},
	{"keys are looked up, and written a moment later", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			var fresh []tghook.QueuedUpdate
			q.Set(func(q *memqueue.Queue) {
				for _, u := range updates {
					if q.Rows.Known[u.Key] == nil {
						fresh = append(fresh, u)
					}
				}
			})
			time.Sleep(time.Millisecond)
			q.Set(func(q *memqueue.Queue) {
				for _, u := range fresh {
					delete(q.Rows.Known, u.Key)
					q.Rows.Publish(time.Now(), u)
				}
			})
			return q.Publish(ctx)
		}
	}, []string{
		"an update that is published at once by many is kept once",
		"an update that is twice in a call is kept once",
		"batches that share updates may be published at once, in any order",
	}, false},
	{"calls of Publish that meet are refused by an error", func(q *bentQueue) {
		var mu sync.Mutex
		busy := map[tghook.Key]bool{}
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			mu.Lock()
			for _, u := range updates {
				if busy[u.Key] {
					mu.Unlock()
					return errRefused
				}
			}
			for _, u := range updates {
				busy[u.Key] = true
			}
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			clear(busy)
			mu.Unlock()
			return q.Publish(ctx, updates...)
		}
	}, []string{
		"an update that is published at once by many is kept once",
		"batches that share updates may be published at once, in any order",
	}, false},
	{"the bytes that came last are kept", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			q.Set(func(q *memqueue.Queue) {
				for _, u := range updates {
					if known := q.Rows.Known[u.Key]; known != nil && known.Item != nil {
						known.Item.Raw = u.Raw
					}
				}
			})
			return q.Publish(ctx, updates...)
		}
	}, []string{"an update that is published again is kept once, as it first was"}, false},
	{"a known update leaves out its whole call", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			known := false
			q.Set(func(q *memqueue.Queue) {
				known = slices.ContainsFunc(updates, func(u tghook.QueuedUpdate) bool { return q.Rows.Known[u.Key] != nil })
			})
			if known {
				return nil
			}
			return q.Publish(ctx, updates...)
		}
	}, []string{"an update that has been handled is not kept again"}, false},
	{"a known update is an error", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			known := false
			q.Set(func(q *memqueue.Queue) {
				known = slices.ContainsFunc(updates, func(u tghook.QueuedUpdate) bool { return q.Rows.Known[u.Key] != nil })
			})
			return errors.Join(q.Publish(ctx, updates...), map[bool]error{true: errRefused}[known])
		}
	}, []string{
		"Discard removes a dead letter, and its key stays known",
		"a crowd handles what a crowd publishes: each update once, in the order of its lane",
		"an update that has been handled is not kept again",
		"an update that is a dead letter is not kept again",
		"an update that is leased is not kept again",
		"an update that is published again is kept once, as it first was",
		"an update that was put back may fail and be buried again",
		"what is published and handled while the server is killed comes once, in the order of its lane",
		"what the Queue has answered is known after its server was killed",
	}, false},
	{"no updates are an error", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			if len(updates) == 0 {
				return errRefused
			}
			return q.Publish(ctx, updates...)
		}
	}, []string{"no updates may be published"}, false},
	{"JSON is written anew", rewritten(func(u *tghook.QueuedUpdate) {
		var compact bytes.Buffer
		if json.Compact(&compact, u.Raw) == nil {
			u.Raw = compact.Bytes()
		}
	}), []string{"bytes of JSON are kept as they are"}, false},
	{"bytes are text", rewritten(func(u *tghook.QueuedUpdate) {
		u.Raw = []byte(strings.ToValidUTF8(string(u.Raw), "\ufffd"))
	}), []string{"bytes that are not text are kept as they are"}, false},
	{"bytes are cut at 64 KiB", rewritten(func(u *tghook.QueuedUpdate) { u.Raw = u.Raw[:min(len(u.Raw), 1<<16)] }), []string{"an update of 512 KiB is kept"}, false},
	{"a call keeps 500 updates at most", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			return q.Publish(ctx, updates[:min(len(updates), 500)]...)
		}
	}, []string{"a batch of 1000 updates is kept whole and in order"}, false},
	{"updates are known by their ids without the bot", collides(func(k tghook.Key) string { return strconv.FormatInt(k.ID, 10) }), []string{"updates of many bots with the same id do not meet"}, false},
	{"ids have 32 bits", collides(func(k tghook.Key) string { return fmt.Sprint(k.Bot, " ", int32(k.ID)) }), []string{"ids that differ by little or by much are different"}, false},
	{"ids are floating-point numbers", collides(func(k tghook.Key) string { return fmt.Sprint(k.Bot, " ", int64(float64(k.ID))) }), []string{"ids that differ by little or by much are different"}, false},
	{"keys are written together", collides(func(k tghook.Key) string { return fmt.Sprintf("%d%d", k.Bot, k.ID) }), []string{"ids that are equal when written together are different"}, false},
	{"a call whose context has ended says that it has kept the updates", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			if ctx.Err() != nil {
				return nil
			}
			return q.Publish(ctx, updates...)
		}
	}, []string{"a call whose context has ended returns, and says nothing that is not so"}, false},
	{"a call whose context ends on the way says that it has kept the updates", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			select {
			case <-time.After(time.Millisecond):
				return q.Publish(ctx, updates...)
			case <-ctx.Done():
				return nil
			}
		}
	}, []string{
		"a call whose context ends on the way may be repeated",
		"a call whose context has ended returns, and says nothing that is not so",
	}, false},
}

// forgets has Publish forget keys before it looks them up.
func (q *bentQueue) forgets(which func(q *memqueue.Queue, k tghook.Key) bool) {
	q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
		for _, u := range updates {
			q.Set(func(q *memqueue.Queue) {
				if q.Rows.Known[u.Key] != nil && which(q, u.Key) {
					delete(q.Rows.Known, u.Key)
				}
			})
			if err := q.Publish(ctx, u); err != nil {
				return err
			}
		}
		return nil
	}
}

// rewritten changes updates when they are published.
func rewritten(f func(u *tghook.QueuedUpdate)) func(*bentQueue) {
	return func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			updates = slices.Clone(updates)
			for i := range updates {
				f(&updates[i])
			}
			return q.Publish(ctx, updates...)
		}
	}
}

// collides treats updates with the same name as the same update.
func collides(name func(tghook.Key) string) func(*bentQueue) {
	return func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			var fresh []tghook.QueuedUpdate
			q.Set(func(q *memqueue.Queue) {
				names := map[string]tghook.Key{}
				for k := range q.Rows.Known {
					names[name(k)] = k
				}
				for _, u := range updates {
					if _, known := names[name(u.Key)]; !known {
						fresh = append(fresh, u)
					}
					names[name(u.Key)] = u.Key
				}
			})
			return q.Publish(ctx, fresh...)
		}
	}
}

// orderBreakages are faults of lanes.
var orderBreakages = []queueBreakage{
	{"lanes are not kept", inOtherLanes(func(u tghook.QueuedUpdate) string { return "" }), []string{
		"a repeated Bury succeeds and changes nothing",
		"an update of a process that has died is handled by another one, before the next of its chat",
		"lanes do not wait for each other",
		"no update of a lane is taken while another one is leased",
		"no update of a lane is taken while several are leased",
	}, true},
	{"there is one lane for all", inOtherLanes(func(u tghook.QueuedUpdate) string { return "one" }), []string{
		"Takes that wait at once share what comes",
		"a repeated Bury succeeds and changes nothing",
		"an update that was put back may fail and be buried again",
		"lanes do not wait for each other",
		"updates without a lane do not wait for each other",
	}, true},
	{"updates without a lane are one lane", inOtherLanes(func(u tghook.QueuedUpdate) string { return cmp.Or(u.Lane, "none") }), []string{
		"State counts what waits, what is leased and what is dead",
		"Takes that wait at once share what comes",
		"of many processes that take over updates at once, exactly one gets each",
		"updates without a lane do not wait for each other",
	}, false},
	{"names of lanes are compared without regard to case", inOtherLanes(func(u tghook.QueuedUpdate) string { return strings.ToLower(u.Lane) }), []string{
		"names of lanes may have any bytes",
		"names of lanes that look alike are different",
	}, false},
	{"names of lanes lose spaces at their ends", inOtherLanes(func(u tghook.QueuedUpdate) string { return strings.TrimSpace(u.Lane) }), []string{
		"names of lanes may have any bytes",
		"names of lanes that look alike are different",
	}, false},
	{"names of lanes are cut at 255 bytes", inOtherLanes(func(u tghook.QueuedUpdate) string { return u.Lane[:min(len(u.Lane), 255)] }), []string{"names of lanes that look alike are different"}, false},
	{"names of lanes end at a zero byte", inOtherLanes(func(u tghook.QueuedUpdate) string { name, _, _ := strings.Cut(u.Lane, "\x00"); return name }), []string{"names of lanes may have any bytes"}, false},
	{"names of lanes are text", inOtherLanes(func(u tghook.QueuedUpdate) string { return strings.ToValidUTF8(u.Lane, "\ufffd") }), []string{"names of lanes may have any bytes"}, false},
	{"the lanes of all bots are one", func(q *bentQueue) {
		q.Rows.Free = func(now time.Time, l []*memqueue.Item) bool {
			for _, other := range q.Rows.Lanes {
				if l[0].Lane != "" && other[0].Lane == l[0].Lane && leasedIn(now, other) {
					return false
				}
			}
			return !leasedIn(now, l)
		}
	}, []string{"lanes of two bots with the same name are different"}, false},
	{"the oldest update alone holds its lane", func(q *bentQueue) {
		q.Rows.Free = func(now time.Time, l []*memqueue.Item) bool { return !l[0].Runs(now) }
	}, []string{"no update of a lane is taken while the lease of one behind it runs"}, false},
	{"the newest update comes first", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			err := q.Publish(ctx, updates...)
			q.Set(func(q *memqueue.Queue) {
				for _, l := range q.Rows.Lanes {
					slices.SortFunc(l, func(a, b *memqueue.Item) int { return cmp.Compare(b.Place, a.Place) })
				}
			})
			return err
		}
	}, []string{
		"Bury frees the lane, and its update is not taken again",
		"a batch of 1000 updates is kept whole and in order",
		"a call whose context ends on the way may be repeated",
		"a reply is sent before the next update of its chat is handled",
		"the updates of a lane are taken in the order in which they were published",
	}, true},
	{"the lowest id comes first", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			err := q.Publish(ctx, updates...)
			q.Set(func(q *memqueue.Queue) {
				for _, l := range q.Rows.Lanes {
					slices.SortFunc(l, func(a, b *memqueue.Item) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
				}
			})
			return err
		}
	}, []string{"the order of a lane is not that of its ids"}, false},
	{"the updates of a call come in any order", func(q *bentQueue) {
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			updates = slices.Clone(updates)
			slices.Reverse(updates)
			return q.Publish(ctx, updates...)
		}
	}, []string{
		"Bury frees the lane, and its update is not taken again",
		"a Take that waits gets the next update of a lane after Done",
		"a batch of 1000 updates is kept whole and in order",
		"a repeated Done succeeds and changes nothing",
		"an update that has failed may still be handled",
	}, true},
	{"lanes come by name", func(q *bentQueue) {
		q.Rows.Order = func(a, b []*memqueue.Item) int { return cmp.Compare(a[0].Lane, b[0].Lane) }
	}, []string{
		"State counts what waits, what is leased and what is dead",
		"State has the 100 lanes whose oldest updates wait longest",
		"the lanes whose oldest updates wait longest come first",
	}, false},
	{"the lanes that have waited shortest come first", func(q *bentQueue) {
		q.Rows.Order = func(a, b []*memqueue.Item) int { return cmp.Compare(b[0].Place, a[0].Place) }
	}, []string{
		"State counts what waits, what is leased and what is dead",
		"State has the 100 lanes whose oldest updates wait longest",
		"the lanes whose oldest updates wait longest come first",
	}, false},
	{"Take may return one update more", func(q *bentQueue) {
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			return q.Take(ctx, bot, limit+1, lease)
		}
	}, []string{
		"Take returns at most as many updates as it may",
		"a Take that waits gets the next update of a lane after Bury",
		"a Take that waits gets the next update of a lane after Done",
		"the order of a lane is not that of its ids",
		"the updates of a lane are taken in the order in which they were published",
	}, true},
}

func leasedIn(now time.Time, l []*memqueue.Item) bool {
	return slices.ContainsFunc(l, func(it *memqueue.Item) bool { return it.Runs(now) })
}

// inOtherLanes keeps updates in other lanes. Take still returns the published lanes.
func inOtherLanes(f func(tghook.QueuedUpdate) string) func(*bentQueue) {
	return func(q *bentQueue) {
		var mu sync.Mutex
		lanes := map[tghook.Key]string{}
		q.publish = func(ctx context.Context, updates []tghook.QueuedUpdate) error {
			updates = slices.Clone(updates)
			mu.Lock()
			for i, u := range updates {
				if _, known := lanes[u.Key]; !known {
					lanes[u.Key] = u.Lane
				}
				updates[i].Lane = f(u)
			}
			mu.Unlock()
			return q.Publish(ctx, updates...)
		}
		q.take = func(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
			taken, err := q.Take(ctx, bot, limit, lease)
			mu.Lock()
			defer mu.Unlock()
			for i, u := range taken {
				taken[i].Lane = lanes[u.Key]
			}
			return taken, err
		}
	}
}
