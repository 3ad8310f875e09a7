package tghooktest

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/tghook/tghook"
)

// takeWaitCases are about a Take that waits.
var takeWaitCases = []queueCase{
	{"a Take that waits gets what another process publishes", anyQueue, func(c *queueTrial) {
		c.wakes(c.Queue, func(u tghook.QueuedUpdate) { c.publishesBy(c.Other, u) })
	}},
	{"a Take that waits gets what its own process publishes", anyQueue, func(c *queueTrial) {
		c.wakes(c.Queue, func(u tghook.QueuedUpdate) { c.publishesBy(c.Queue, u) })
	}},
	{"a Take that waits gets the next update of a lane after Done", anyQueue, func(c *queueTrial) {
		c.wakesNext(func(l leased) { l.dones(success) })
	}},
	{"a Take that waits gets the next update of a lane after Bury", anyQueue, func(c *queueTrial) {
		c.wakesNext(func(l leased) { l.buries("a reason", success) })
	}},
	{"a Take that waits gets what Return gives back", unless(GapReturn), func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takesBy(c.Other, longLease, u)
		c.wakesFor(c.Queue, u, func() { c.returns(l) })
	}},
	{"a Take that waits gets an update whose lease has run out", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		c.takesBy(c.Other, time.Second, u)
		c.wakesFor(c.Queue, failed(u, 1, ""), func() {})
	}},
	{"a Take of one bot does not get what another bot has, nor hold it up", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		u.Key.Bot++
		ctx, cancel := context.WithCancel(c.Context())
		waits := make(chan string, 1)
		go func() {
			taken, _ := c.Queue.Take(ctx, c.bot, 10, longLease)
			waits <- c.list(taken)
		}()
		c.publishesBy(c.Queue, u)
		time.Sleep(moment)
		c.takesOneOf(c.Queue, longLease, soon, u)
		cancel()
		c.same("Take of the first bot", await(c, waits, "the end of Take"), "")
	}},
	{"a Take ends with its context, and leaves what comes later", anyQueue, func(c *queueTrial) {
		for _, q := range []tghook.Queue{c.Queue, c.Other} {
			ctx, cancel := context.WithCancel(c.Context())
			waits := make(chan string, 1)
			go func() {
				// Where the engine counts attempts, a lease of this Take shows. Elsewhere it runs
				// out: a slow server may hear of the Take after its end.
				taken, _ := q.Take(ctx, c.bot, 10, time.Second)
				waits <- c.list(taken)
			}()
			time.Sleep(moment)
			cancel()
			c.same("Take whose context ends", await(c, waits, "the end of Take"), "")
			u := c.update("chat:7")
			c.publishes(u)
			c.takesOneOf(c.process(), longLease, soon, u).dones(success)
		}
	}},
	{"a Take whose context has ended returns, and takes nothing unseen", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		ended, cancel := context.WithCancel(c.Context())
		cancel()
		taken, err := call(ended, c.patience, func(ctx context.Context) ([]tghook.QueuedUpdate, error) {
			return c.Queue.Take(ctx, c.bot, 10, longLease)
		})
		if bad(err) {
			c.same("Take whose context has ended", outcome(err), success)
		}
		if len(taken) == 0 {
			c.takesOneOf(c.Other, longLease, soon, u)
		}
	}},
	{"Takes that wait at once share what comes", anyQueue, func(c *queueTrial) {
		updates := c.inLane("", c.crowd)
		ctx, cancel := context.WithTimeout(c.Context(), c.patience)
		defer cancel()
		came := make(chan tghook.QueuedUpdate, len(updates))
		for i := range updates {
			go func() {
				for q := []tghook.Queue{c.Queue, c.Other}[i%2]; ctx.Err() == nil; {
					taken, _ := q.Take(ctx, c.bot, 1, longLease)
					for _, u := range taken {
						came <- u
					}
				}
			}()
		}
		time.Sleep(moment)
		c.publishes(updates...)
		ids := make([]int64, len(updates))
		for i := range ids {
			ids[i] = await(c, came, "update "+strconv.Itoa(i+1)+" of those that were published").Key.ID
		}
		slices.Sort(ids)
		for i, id := range ids {
			c.same("ids", strconv.FormatInt(id, 10), strconv.FormatInt(updates[i].Key.ID, 10))
		}
	}},
}

func (c *queueTrial) publishesBy(q tghook.Queue, updates ...tghook.QueuedUpdate) {
	c.Helper()
	c.same("Publish", outcome(do(c.Context(), c.patience, func(ctx context.Context) error { return q.Publish(ctx, updates...) })), success)
}

// wakes checks that a Take that waits gets each update soon that publish publishes.
func (c *queueTrial) wakes(q tghook.Queue, publish func(u tghook.QueuedUpdate)) {
	c.Helper()
	for range 2 {
		u := c.update("chat:7")
		c.wakesFor(q, u, func() { publish(u) }).dones(success)
	}
}

// wakesNext checks that a Take that waits gets the update behind one that end ends.
func (c *queueTrial) wakesNext(end func(l leased)) {
	c.Helper()
	updates := c.inLane("chat:7", 2)
	c.publishes(updates...)
	first := c.takesBy(c.Other, longLease, updates[0])
	c.wakesFor(c.Queue, updates[1], func() { end(first) })
}

// wakesFor checks that a waiting Take gets an update soon after act has made it available.
func (c *queueTrial) wakesFor(q tghook.Queue, want tghook.QueuedUpdate, act func()) leased {
	c.Helper()
	taken := make(chan []leased, 1)
	go func() { taken <- c.tryTake(q, moment+soon, 10, longLease) }()
	time.Sleep(moment)
	act()
	all := await(c, taken, "the end of Take")
	if len(all) != 1 {
		c.Fatalf("a Take that waits got %d updates %v after what it waits for, want %s", len(all), soon, c.described(want))
	}
	all[0].is(want)
	return all[0]
}
