package tghooktest

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook"
)

// queueLeaseCases are about the times of leases.
var queueLeaseCases = []queueCase{
	{"an update whose lease has run out is taken again", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		c.takes(shortLease, u)
		c.takes(longLease, failed(u, 1, "")).dones(success)
		c.nothing()
	}},
	{"a lease runs for its whole time, whoever asks", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		time.Sleep(3 * aWhile)
		for range 2 {
			c.nothing()
		}
		l.dones(success)
	}},
	{"Renew lets a lease begin anew", anyQueue, func(c *queueTrial) {
		for lease := time.Second; ; lease *= 2 {
			u := c.update("chat:7")
			c.publishes(u)
			began := time.Now()
			l := c.takes(lease, u)
			lost, err := l.tryRenew(longLease)
			if outcome(err) == success && len(lost) > 0 && time.Since(began) >= lease && lease < soon {
				c.takes(longLease, failed(u, 1, "")).dones(success)
				continue // the machine is slow, and the lease had run out
			}
			c.same("Renew", outcome(err)+", lost: "+fmt.Sprint(lost), success+", lost: []")
			time.Sleep(lease + aWhile)
			c.nothing()
			l.dones(success)
			return
		}
	}},
	{"Renew may make a lease shorter", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		c.takes(longLease, u).renews(shortLease, success)
		c.takes(longLease, failed(u, 1, ""))
	}},
	{"Renew succeeds after the lease has run out, while nobody has taken the update", unless(GapLeaseOver), func(c *queueTrial) {
		l := c.ranOut()
		l.renews(longLease, success)
		c.nothing()
		l.dones(success)
	}},
	{"Done succeeds after the lease has run out, while nobody has taken the update", unless(GapLeaseOver), func(c *queueTrial) {
		c.ranOut().dones(success)
		c.nothing()
	}},
	{"Fail after the lease has run out counts, while nobody has taken the update", unless(GapLeaseOver), func(c *queueTrial) {
		l := c.ranOut()
		l.fails("note", success)
		l.renews(longLease, success)
		l.gone(failed(l.got, 1, "note"))
	}},
	{"Bury succeeds after the lease has run out, while nobody has taken the update", unless(GapLeaseOver), func(c *queueTrial) {
		l := c.ranOut()
		next := c.update("chat:7")
		c.publishes(next)
		l.buries("a reason", success)
		c.handles(next)
		c.nothing()
	}},
	{"Return after the lease has run out does not count", unless(GapLeaseOver, GapReturn), func(c *queueTrial) {
		l := c.ranOut()
		c.returns(l)
		c.takes(longLease, l.got)
	}},
	{"leases of a lane that have run out are taken again from the oldest on, which alone counts", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 3)
		c.publishes(updates...)
		c.takesSome(shortLease, updates...)
		time.Sleep(aWhile)
		c.takes(longLease, failed(updates[0], 1, "")).dones(success)
		c.handles(updates[1:]...)
		c.nothing()
	}},
	{"leases of a lane that have run out are taken again together", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 3)
		c.publishes(updates...)
		c.takesSome(shortLease, updates...)
		time.Sleep(aWhile)
		updates[0].Attempts = 1
		taken := c.takesSome(longLease, updates...)
		for _, l := range taken {
			l.dones(success)
		}
		c.handles(updates[len(taken):]...)
	}},
	{"of leases that run out behind an update that was handled, the oldest counts", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 3)
		c.publishes(updates...)
		taken := c.takesSome(longLease, updates...)
		taken[0].dones(success)
		if len(taken) == 1 { // the engine hands out one update of a lane at a time
			c.takes(shortLease, updates[1])
		} else {
			c.renewsAll(shortLease, nil, taken[1:]...)
		}
		time.Sleep(aWhile)
		c.takes(longLease, failed(updates[1], 1, "")).dones(success)
		c.handles(updates[2])
	}},
	{"no update of a lane is taken while the lease of one behind it runs", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 3)
		c.publishes(updates...)
		taken := c.takesSome(longLease, updates...)
		if len(taken) > 1 {
			c.renewsAll(shortLease, nil, taken[0])
			time.Sleep(aWhile)
			c.nothing()
			for _, l := range taken[1:] {
				l.dones(success)
			}
			updates = append(updates[:1], updates[len(taken):]...)
			updates[0].Attempts = 1
		} else {
			taken[0].dones(success)
			updates = updates[1:]
		}
		c.handles(updates...)
	}},
	{"an update that is cut off again and again counts each time", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		for i := range 3 {
			c.takes(shortLease, failed(u, i, ""))
			time.Sleep(aWhile)
		}
		c.takes(longLease, failed(u, 3, ""))
	}},
}

// ranOut returns an update whose lease has run out. Nobody else has taken it.
func (c *queueTrial) ranOut() leased {
	c.Helper()
	u := c.update("chat:7")
	c.publishes(u)
	l := c.takes(shortLease, u)
	time.Sleep(aWhile)
	return l
}

// gone returns an update to the Queue, and checks how it is taken again.
func (l leased) gone(want tghook.QueuedUpdate) leased {
	l.Helper()
	l.returns(l)
	return l.takes(longLease, want)
}

// superseded returns an update under a lease that has run out, and under its present lease.
func (c *queueTrial) superseded() (old, holder leased) {
	c.Helper()
	u := c.update("chat:7")
	c.publishes(u)
	old = c.takes(shortLease, u)
	time.Sleep(aWhile)
	return old, c.takes(longLease, failed(u, 1, ""))
}

// stillHeld checks that a lease holds and that its update is unchanged.
func (l leased) stillHeld() {
	l.Helper()
	l.nothing()
	if unless(GapReturn)(l.QueueBackend) {
		l = l.gone(l.got)
	}
	l.renews(longLease, success)
	l.dones(success)
	l.nothing()
}

// queueLateCases are about calls for lost leases.
var queueLateCases = []queueCase{
	{"a late Renew of an old holder is refused and changes nothing", unless(GapLost), func(c *queueTrial) {
		old, holder := c.superseded()
		old.renews(shortLease, claimLost)
		time.Sleep(aWhile)
		holder.stillHeld()
	}},
	{"a late Done of an old holder is refused and changes nothing", anyQueue, func(c *queueTrial) {
		old, holder := c.superseded()
		old.dones(claimLost)
		holder.stillHeld()
	}},
	{"a late Fail of an old holder is refused and changes nothing", anyQueue, func(c *queueTrial) {
		old, holder := c.superseded()
		old.fails("late", claimLost)
		holder.stillHeld()
	}},
	{"a late Bury of an old holder is refused and changes nothing", anyQueue, func(c *queueTrial) {
		old, holder := c.superseded()
		old.buries("late", claimLost)
		holder.stillHeld()
		if letters, ok := c.Queue.(tghook.Letters); ok {
			c.dead(letters)
		}
	}},
	{"a late Return of an old holder is passed over, and what it has is given back", unless(GapReturn), func(c *queueTrial) {
		old, holder := c.superseded()
		other := c.update("chat:8")
		c.publishes(other)
		l := c.takesBy(old.queue, longLease, other)
		c.returns(old, l)
		c.takes(longLease, other)
		holder.stillHeld()
	}},
	{"an old holder is refused after the next one has ended the update", anyQueue, func(c *queueTrial) {
		for _, end := range []func(l leased){
			func(l leased) { l.dones(success) },
			func(l leased) { l.buries("a reason", success) },
		} {
			old, holder := c.superseded()
			end(holder)
			old.refused()
			c.nothing()
		}
	}},
	{"Renew returns the keys of exactly those that do not hold", unless(GapLost), func(c *queueTrial) {
		old, holder := c.superseded()
		updates := []tghook.QueuedUpdate{c.update("chat:8"), c.update("chat:9"), c.update(""), c.update("")}
		c.publishes(updates...)
		taken := c.takesAllBy(old.queue, updates...)
		handled, given, held, free := taken[0], taken[1], taken[2], taken[3]
		handled.dones(success)
		given.buries("a reason", success)
		c.renewsAll(longLease, []tghook.Key{old.got.Key, handled.got.Key, given.got.Key}, handled, held, old, given, free)
		c.renewsAll(longLease, nil, held, free)
		held.dones(success)
		free.dones(success)
		holder.stillHeld()
	}},
	{"Done and a takeover at once: the update is handled or is taken over", anyQueue, func(c *queueTrial) {
		c.againstTakeover("Done", leased.tryDone)
	}},
	{"Bury and a takeover at once: the update is a dead letter or is taken over", anyQueue, func(c *queueTrial) {
		c.againstTakeover("Bury", func(l leased) error { return l.tryBury("a reason") })
	}},
	{"of many processes that take over updates at once, exactly one gets each", anyQueue, func(c *queueTrial) {
		olds := c.allRanOut(20)
		all := make([][]leased, c.crowd)
		var taken atomic.Int64
		atOnce(len(all), func(i int) {
			for began := time.Now(); taken.Load() < int64(len(olds)) && time.Since(began) < c.patience; {
				some := c.tryTake([]tghook.Queue{c.Queue, c.Other}[i%2], moment, 3, longLease)
				all[i] = append(all[i], some...)
				taken.Add(int64(len(some)))
			}
		})
		times := map[int64]int{}
		for _, row := range all {
			for _, l := range row {
				times[l.got.Key.ID]++
			}
		}
		for _, l := range olds {
			if n := times[l.got.Key.ID]; n != 1 {
				c.Errorf("%d processes got update %d, want 1", n, l.got.Key.ID)
			}
		}
	}},
}

// allRanOut returns n updates whose leases have run out. Nobody else has taken them.
func (c *queueTrial) allRanOut(n int) []leased {
	c.Helper()
	updates := c.inLane("", n)
	c.publishes(updates...)
	olds := c.takesAll(updates...)
	c.renewsAll(shortLease, nil, olds...)
	time.Sleep(aWhile)
	return olds
}

// againstTakeover ends updates whose leases have run out while others take them. It checks that
// for each update only one of the two succeeds.
func (c *queueTrial) againstTakeover(method string, end func(l leased) error) {
	c.Helper()
	olds := c.allRanOut(20)
	ended := make([]string, len(olds))
	taken := make([][]leased, 4)
	atOnce(len(olds)+len(taken), func(i int) {
		if i < len(olds) {
			ended[i] = outcome(end(olds[i]))
		} else {
			taken[i-len(olds)] = c.tryTake(c.Other, moment, 5, longLease)
		}
	})
	over := map[tghook.Key]int{}
	for _, row := range taken {
		for _, l := range row {
			over[l.got.Key]++
		}
	}
	for i, l := range olds {
		n := over[l.got.Key]
		switch {
		case ended[i] == success && n == 0, ended[i] == claimLost && n == 1:
		case unless(GapLeaseOver)(c.QueueBackend) || ended[i] != claimLost || n > 1:
			l.Errorf("update %d: %s by the old holder returned %s, and others took it %d times", l.got.Key.ID, method, ended[i], n)
		}
	}
}

// queueCallCases are about calls whose context ends. Such a call may have had its effect or
// not.
var queueCallCases = []queueCase{
	{"a call whose context has ended returns, and says nothing that is not so", unless(GapOnce), func(c *queueTrial) {
		ended, cancel := context.WithCancel(c.Context())
		cancel()
		u := c.update("chat:7")
		// whole checks that an error is that of the context, and repeats the call.
		whole := func(method string, f func(ctx context.Context) error) {
			c.Helper()
			if err := do(ended, c.patience, f); err == nil || bad(err) {
				c.same(method+" whose context has ended", outcome(err), success)
				return
			}
			c.same(method+", repeated", outcome(do(c.Context(), c.patience, f)), success)
		}
		whole("Publish", func(ctx context.Context) error { return c.Queue.Publish(ctx, u) })
		l := c.takesBy(c.Queue, longLease, u)
		whole("Renew", func(ctx context.Context) error {
			_, err := c.Queue.Renew(ctx, got([]leased{l}), longLease)
			return err
		})
		whole("Done", func(ctx context.Context) error { return c.Queue.Done(ctx, l.got) })
		c.nothing()
	}},
	{"a call whose context ends on the way may be repeated", unless(GapOnce), func(c *queueTrial) {
		const lanes, length = 8, 5
		rows := make([][]tghook.QueuedUpdate, lanes)
		all := make([]tghook.QueuedUpdate, 0, lanes*length)
		for i := range rows {
			for range length {
				all = append(all, c.update(laneOf(i)))
				rows[i] = append(rows[i], all[len(all)-1])
			}
		}
		texts := make([]string, lanes)
		atOnce(lanes, func(i int) {
			texts[i] = success
			for n, u := range rows[i] {
				limit := time.Duration(n*lanes+i+1) * 20 * time.Microsecond
				_, err := retry(c.judge, limit, func(ctx context.Context) (struct{}, error) { return struct{}{}, c.Queue.Publish(ctx, u) })
				if err != nil {
					texts[i] = outcome(err)
				}
			}
		})
		for _, text := range texts {
			c.same("Publish, repeated", text, success)
		}
		c.drains(all)
		c.nothing()
	}},
}
