package tghooktest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook"
)

// queueCrowdCases have many processes publish and handle updates at once.
var queueCrowdCases = []queueCase{
	{"a crowd handles what a crowd publishes: each update once, in the order of its lane", unless(GapOnce, GapReturn), func(c *queueTrial) {
		const lanes, length = 20, 10
		f := c.newFloor(lanes, length)
		var all sync.WaitGroup
		for i := range c.crowd {
			q := []tghook.Queue{c.Queue, c.Other}[i%2]
			all.Go(func() { f.publishes(q, i) })
			all.Go(func() { f.handles(q, 7, longLease, f.mixed) })
		}
		all.Wait()
		f.check()
		c.nothing()
	}},
}

// A floor holds the updates of a crowd. Each update without a lane counts as a lane.
type floor struct {
	*queueTrial

	lanes [][]tghook.QueuedUpdate
	over  chan struct{} // closed when all have been handled
	clock atomic.Int64

	mu       sync.Mutex
	returned map[int64]bool // by update_id
	handled  map[string][]completion
	moved    time.Time // when an update was last handled, or the server came back
	count    int
	total    int
}

// A completion is an update whose handler has completed at a time of the floor's clock.
type completion struct {
	id, at int64
}

// newFloor returns a floor with lanes of equally many updates, and as many updates without a lane
// as one lane has.
func (c *queueTrial) newFloor(lanes, length int) *floor {
	f := &floor{queueTrial: c, over: make(chan struct{}), returned: map[int64]bool{}, handled: map[string][]completion{}, moved: time.Now(), total: (lanes + 1) * length}
	for i := range lanes {
		f.lanes = append(f.lanes, c.inLane(laneOf(i), length))
	}
	for _, u := range c.inLane("", length) {
		f.lanes = append(f.lanes, []tghook.QueuedUpdate{u})
	}
	return f
}

// publishes has a process publish every crowd-th lane, from the n-th on: the first update of
// each, then two at a time, and each call twice, as after an answer that was lost.
func (f *floor) publishes(q tghook.Queue, n int) {
	for from, size := 0, 1; ; from, size = from+size, 2 {
		var batch []tghook.QueuedUpdate
		for i := n; i < len(f.lanes); i += f.crowd {
			lane := f.lanes[i]
			batch = append(batch, lane[min(from, len(lane)):min(from+size, len(lane))]...)
		}
		if len(batch) == 0 {
			return
		}
		for range 2 {
			err := surely(f.queueTrial, func(ctx context.Context) error { return q.Publish(ctx, batch...) })
			f.same("Publish", outcome(err), success)
		}
	}
}

// handles gives updates to end until all have been handled, or until nothing has moved for a long
// time.
func (f *floor) handles(q tghook.Queue, limit int, lease time.Duration, end func(taken []leased)) {
	for ; time.Since(f.lastMoved()) < f.patience; time.Sleep(time.Millisecond) {
		select {
		case <-f.over:
			return
		default:
			end(f.tryTake(q, moment, limit, lease))
		}
	}
}

// mixed ends most updates with success. Some fail once, and are returned with the updates behind
// them.
func (f *floor) mixed(taken []leased) {
	for i, l := range taken {
		if l.got.Key.ID%5 == 0 && f.firstTime(l.got.Key.ID) {
			l.fails("note", success)
			f.returns(taken[i:]...)
			return
		}
		f.completes(l)
	}
}

func (f *floor) firstTime(id int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.returned[id]
	f.returned[id] = true
	return !before
}

func (f *floor) lastMoved() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moved
}

func (f *floor) moves() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moved = time.Now()
}

// completes ends an update with success. It counts if the lease has held.
func (f *floor) completes(l leased) {
	at := f.clock.Add(1)
	ended := outcome(surely(f.queueTrial, func(ctx context.Context) error { return l.queue.Done(ctx, l.got) }))
	if ended == claimLost {
		return
	}
	f.same("Done", ended, success)
	f.mu.Lock()
	defer f.mu.Unlock()
	name := f.nameOf(l.got)
	f.handled[name] = append(f.handled[name], completion{l.got.Key.ID, at})
	f.moved = time.Now()
	if f.count++; f.count == f.total {
		close(f.over)
	}
}

func (*floor) nameOf(u tghook.QueuedUpdate) string {
	if u.Lane == "" {
		return fmt.Sprint("of update ", u.Key.ID)
	}
	return u.Lane
}

// check checks that each update was handled once, in the order of its lane.
func (f *floor) check() {
	f.Helper()
	for _, lane := range f.lanes {
		want := make([]int64, len(lane))
		for i, u := range lane {
			want[i] = u.Key.ID
		}
		name := f.nameOf(lane[0])
		all := f.handled[name]
		slices.SortFunc(all, func(a, b completion) int { return cmp.Compare(a.at, b.at) })
		ids := make([]int64, len(all))
		for i, done := range all {
			ids[i] = done.id
		}
		f.same("updates handled in the lane "+name, fmt.Sprint(ids), fmt.Sprint(want))
	}
}
