package tghooktest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook"
)

// awayCases stop the server of the Backend. They run alone.
var awayCases = []storeCase{
	{"a Store whose server is away returns an error soon, and works again by itself", stoppable, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		c.Stop()
		c.awayError("Claim", func(ctx context.Context) error {
			_, err := b.store.Claim(ctx, b.claim, longLease, longTTL)
			return err
		})
		c.awayError("Renew", func(ctx context.Context) error { return a.store.Renew(ctx, a.claim, longLease) })
		c.awayError("Done", func(ctx context.Context) error { return a.store.Done(ctx, a.claim, []byte("reply")) })
		c.Start()
		c.shaky = true
		a.dones("reply", success)
		b.claims(longLease, done("reply"))
	}},
	{"what the Store has answered is known after its server was killed", stoppable, func(c *storeTrial) {
		held, failed, released, succeeded, silent := c.replica(c.update()), c.replica(c.update()), c.replica(c.update()), c.replica(c.update()), c.replica(c.update())
		for _, r := range []*replica{held, failed, released, succeeded, silent} {
			r.claims(longLease, granted(1, ""))
		}
		failed.fails("note", success)
		released.releases(success)
		succeeded.dones("reply", success)
		silent.dones("", success)
		c.restart()
		held.rival().claims(longLease, elsewhere)
		held.renews(longLease, success)
		held.dones("reply", success)
		failed.refused()
		failed.rival().claims(longLease, granted(2, "note"))
		released.rival().claims(longLease, granted(1, ""))
		succeeded.dones("reply", success)
		succeeded.rival().claims(longLease, done("reply"))
		silent.rival().claims(longLease, done(""))
	}},
	{"a lease runs out while the server is away, and counts", stoppable, func(c *storeTrial) {
		a, b := c.two()
		a.claims(shortLease, granted(1, ""))
		c.restart()
		b.takesOver(granted(2, ""))
		a.dones("late", claimLost)
	}},
	{"calls that the end of the server cuts off may be repeated, and nothing that was answered is lost", stoppable, killedInTheMiddle},
	{"albums: what was saved is known after the server was killed", stoppableWithAlbums, func(c *storeTrial) {
		kept, removed := c.shelf("kept"), c.shelf("removed")
		kept.saves("value")
		removed.saves("value")
		removed.saves("")
		c.restart()
		kept.loads("value")
		removed.loads("")
		c.lists(c.bot, "kept")
	}},
}

// awayError checks that a call returns an error, which does not say that the claim is lost.
func (c *storeTrial) awayError(method string, f func(ctx context.Context) error) {
	c.Helper()
	if err := do(c.Context(), time.Second, f); err == nil || bad(err) {
		c.Errorf("%s while the server is away: got %s, want another error", method, outcome(err))
	}
}

// restart stops the server and starts it again.
func (c *storeTrial) restart() {
	c.Stop()
	c.Start()
	c.shaky = true
}

// killedInTheMiddle has some processes claim and end updates, one after the other, while the
// server is stopped and started again.
func killedInTheMiddle(c *storeTrial) {
	const workers, around = 4, 10 // so many updates of each before and after
	stores := []tghook.Store{c.Store, c.Other}
	ended := make([][]*replica, workers)
	ready := make(chan struct{}, 2*workers)
	var returned atomic.Bool
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for last := around; last > 0; time.Sleep(time.Millisecond) {
				id := int64(len(ended[i]) + 1)
				r := &replica{c, stores[i%2], tghook.Claim{Key: tghook.Key{Bot: c.bot + int64(i), ID: id}, Fence: rand.Text()}, fmt.Sprintf("update %d of process %d", id, i)}
				ended[i] = append(ended[i], r)
				if !r.livesThrough() {
					ready <- struct{}{}
					return
				}
				if id == around {
					ready <- struct{}{}
				}
				if returned.Load() {
					last--
				}
			}
		})
	}
	for range workers {
		<-ready
	}
	c.Stop()
	c.Start()
	returned.Store(true)
	all.Wait()
	c.shaky = true
	for _, row := range ended {
		for _, r := range row {
			r.rival().claims(longLease, done(r.name))
		}
	}
}

// livesThrough claims an update and ends it with success, each until the outcome is known.
func (r *replica) livesThrough() bool {
	r.Helper()
	claimed := r.surelyClaims(r.patience)
	r.same(r.name+": Claim", claimed, granted(1, ""))
	if claimed != granted(1, "") {
		return false
	}
	ended := outcome(r.surelyDone(r.patience, []byte(r.name)))
	r.same(r.name+": Done", ended, success)
	return ended == success
}
