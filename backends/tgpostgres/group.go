package tgpostgres

import (
	"context"
	"slices"
	"sync"
	"time"
)

// group lets calls that come at once share a transaction. While one runs, further calls wait
// together for the next one.
//
// When a transaction has ended, its callers often call again at once. The first call alone would
// fill the next transaction, and the others would wait. So the next transaction waits for as
// many calls as the last one had, but at most a quarter of the time that the last one took.
type group[T any] struct {
	most  int         // items of a transaction
	large int         // bytes of a transaction, or somewhat more
	size  func(T) int // bytes of an item
	run   func(items []T) []error

	mu       sync.Mutex
	running  bool
	waiting  []*sharedCall[T]
	expected int           // calls for which the next transaction waits
	enough   chan struct{} // closed when they are there; nil if nobody waits for it
}

// sharedCall is one call of a group.
type sharedCall[T any] struct {
	items []T
	errs  []error
	ended chan struct{}
}

// do runs items, in their order, in one transaction or in several, one after the other. It
// returns the error of each. If ctx ends before, it returns false, and the items run only if their
// transaction has begun.
func (g *group[T]) do(ctx context.Context, items ...T) ([]error, bool) {
	c := &sharedCall[T]{items: items, ended: make(chan struct{})}
	g.mu.Lock()
	g.waiting = append(g.waiting, c)
	if !g.running {
		g.running = true
		go g.lead()
	}
	if g.enough != nil && len(g.waiting) >= g.expected {
		close(g.enough)
		g.enough = nil
	}
	g.mu.Unlock()
	select {
	case <-c.ended:
		return c.errs, true
	case <-ctx.Done():
		g.withdraw(c)
		return nil, false
	}
}

// withdraw removes a call that still waits, so that calls do not pile up behind a server that
// hangs.
func (g *group[T]) withdraw(c *sharedCall[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, c); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
}

// lead runs transactions until no call waits.
func (g *group[T]) lead() {
	for {
		calls, items := g.next()
		if len(calls) == 0 {
			return
		}
		began := time.Now()
		errs := g.run(items)
		for _, c := range calls {
			c.errs, errs = errs[:len(c.items)], errs[len(c.items):]
			close(c.ended)
		}
		g.gather(len(calls), min(time.Since(began)/4, longestGather))
	}
}

// longestGather is how long a transaction waits for more calls at most.
const longestGather = 5 * time.Millisecond

// gather waits until as many calls wait as expected, at most for limit.
func (g *group[T]) gather(calls int, limit time.Duration) {
	g.mu.Lock()
	if len(g.waiting) >= calls {
		g.mu.Unlock()
		return
	}
	enough := make(chan struct{})
	g.expected, g.enough = calls, enough
	g.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-enough:
	case <-timer.C:
		g.mu.Lock()
		g.enough = nil
		g.mu.Unlock()
	}
}

// next returns the calls that run next, and their items.
func (g *group[T]) next() (calls []*sharedCall[T], items []T) {
	g.mu.Lock()
	defer g.mu.Unlock()
	bytes := 0
	for n, c := range g.waiting {
		for _, item := range c.items {
			bytes += g.size(item)
		}
		if n > 0 && (len(items)+len(c.items) > g.most || bytes > g.large) {
			break
		}
		calls, items = append(calls, c), append(items, c.items...)
	}
	g.waiting = append([]*sharedCall[T](nil), g.waiting[len(calls):]...)
	g.running = len(calls) > 0
	return calls, items
}
