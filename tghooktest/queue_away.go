package tghooktest

import (
	"context"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// queueAwayCases stop the server of the QueueBackend. They run alone.
var queueAwayCases = []queueCase{
	{"a Queue whose server is away returns an error soon, and works again by itself", both(stoppableQueue, unless(GapOnce)), func(c *queueTrial) {
		u, next := c.update("chat:7"), c.update("chat:7")
		c.publishes(u)
		l := c.takesBy(c.Queue, longLease, u)
		c.Stop()
		c.awayError("Publish", func(ctx context.Context) error { return c.Other.Publish(ctx, next) })
		c.awayError("Renew", func(ctx context.Context) error {
			_, err := l.queue.Renew(ctx, got([]leased{l}), longLease)
			return err
		})
		c.awayError("Fail", func(ctx context.Context) error { return l.queue.Fail(ctx, l.got, []byte("note")) })
		c.awayError("Done", func(ctx context.Context) error { return l.queue.Done(ctx, l.got) })
		taken, err := call(c.Context(), time.Second, func(ctx context.Context) ([]tghook.QueuedUpdate, error) {
			return c.Other.Take(ctx, c.bot, 10, longLease)
		})
		if bad(err) || len(taken) > 0 {
			c.Errorf("Take while the server is away: got %d updates and %s, want none", len(taken), outcome(err))
		}
		c.Start()
		c.shaky = true
		c.publishes(next)
		l.dones(success)
		c.handles(next)
		c.nothing()
	}},
	{"what the Queue has answered is known after its server was killed", both(stoppableQueue, unless(GapOnce, GapReturn)), func(c *queueTrial) {
		waits, held, failing, handled, buried := c.update("chat:1"), c.update("chat:2"), c.update("chat:3"), c.update("chat:4"), c.update("chat:5")
		behind := c.update("chat:2")
		c.publishes(held, failing, handled, buried)
		taken := c.takesAll(held, failing, handled, buried)
		taken[1].fails("note", success)
		taken[2].dones(success)
		taken[3].buries("a reason", success)
		c.publishes(waits, behind)
		c.restart()
		c.takes(longLease, waits)
		c.publishes(waits, held, failing, handled, buried, behind)
		c.nothing()
		taken[1].gone(failed(failing, 1, "note"))
		taken[2].dones(success)
		taken[0].renews(longLease, success)
		taken[0].dones(success)
		c.handles(behind)
		c.nothing()
	}},
	{"dead letters are known after the server was killed", both(stoppableQueue, withLetters), func(c *queueTrial) {
		kept, back, gone := c.update("chat:7"), c.update("chat:7"), c.update("chat:7")
		for _, u := range []tghook.QueuedUpdate{kept, back, gone} {
			c.buriesNew(u)
		}
		c.putsBack(back.Key, success)
		c.discards(gone.Key, success)
		c.restart()
		c.dead(c.letters(), kept)
		c.handles(back)
		c.nothing()
	}},
	{"a lease runs out while the server is away, and counts", stoppableQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		old := c.takes(shortLease, u)
		c.restart()
		c.takes(longLease, failed(u, 1, ""))
		old.dones(claimLost)
	}},
	{"a Take that waits while the server is killed works again by itself", stoppableQueue, func(c *queueTrial) {
		c.shaky = true
		u := c.update("chat:7")
		taken := make(chan []leased, 1)
		go func() { taken <- c.collect(c.Queue, c.bot, c.patience, 1, longLease) }()
		time.Sleep(moment)
		c.Stop()
		c.Start()
		err := surely(c, func(ctx context.Context) error { return c.Other.Publish(ctx, u) })
		c.same("Publish", outcome(err), success)
		for _, l := range await(c, taken, "the end of Take") {
			l.is(u)
			l.dones(success)
		}
		c.nothing()
	}},
	{"what is published and handled while the server is killed comes once, in the order of its lane", both(stoppableQueue, unless(GapOnce)), whileKilled},
}

// awayError checks that a call returns an error that does not say that the lease is lost.
func (c *queueTrial) awayError(method string, f func(ctx context.Context) error) {
	c.Helper()
	if err := do(c.Context(), time.Second, f); err == nil || bad(err) {
		c.Errorf("%s while the server is away: got %s, want another error", method, outcome(err))
	}
}

// restart stops the server and starts it again.
func (c *queueTrial) restart() {
	c.Stop()
	c.Start()
	c.shaky = true
}

// whileKilled has processes publish and handle updates while the server is stopped and
// started again.
func whileKilled(c *queueTrial) {
	const lanes, length = 8, 12
	// A Take that the kill cuts off may have leased updates that it did not return. They come
	// again when this lease has run out.
	const lease = time.Second
	c.shaky = true
	f := c.newFloor(lanes, length)
	half := make(chan struct{})
	var halfway sync.Once
	var all sync.WaitGroup
	for i := range f.crowd {
		q := []tghook.Queue{c.Queue, c.Other}[i%2]
		all.Go(func() { f.publishes(q, i) })
		all.Go(func() {
			f.handles(q, 1, lease, func(taken []leased) {
				for _, l := range taken {
					if f.completes(l); f.clock.Load() > int64(f.total)/2 {
						halfway.Do(func() { close(half) })
					}
				}
			})
		})
	}
	await(c, half, "half of the updates")
	c.Stop()
	c.Start()
	f.moves()
	all.Wait()
	f.check()
	c.nothing()
}
