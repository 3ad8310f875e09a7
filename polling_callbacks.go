package tghook

import (
	"context"
	"sync"
)

// maxCallbacks bounds the goroutines that wait for a function of the user's which
// does not return.
const maxCallbacks = 1000

// callbacks calls functions of the user beside the poll: one that blocks, panics or
// ends its goroutine does not hold up the poll.
type callbacks struct {
	over chan struct{} // closed when none may begin any more

	mu      sync.Mutex
	pending int           // that run, or wait until they may
	closed  bool          // as over
	idle    chan struct{} // closed when none is pending; nil unless somebody waits for that
	last    chan struct{} // closed when the last of those in turn is over; nil: there was none
}

func newCallbacks() *callbacks { return &callbacks{over: make(chan struct{})} }

// start calls call in a goroutine of its own, after wait, unless the end has come.
func (c *callbacks) start(wait, call func()) {
	c.mu.Lock()
	c.pending++
	c.mu.Unlock()
	go func() {
		defer c.finish()
		wait()
		if !c.isClosed() {
			call()
		}
	}()
}

// inTurn is start behind those that were started in turn before. It does nothing, and
// is false, if too many are pending.
func (c *callbacks) inTurn(call func()) bool {
	if c.crowded() {
		return false
	}
	over := make(chan struct{})
	c.mu.Lock()
	before := c.last
	c.last = over
	c.mu.Unlock()
	c.start(func() {
		if before == nil {
			return
		}
		select {
		case <-before:
		case <-c.over:
		}
	}, func() {
		defer close(over)
		call()
	})
	return true
}

func (c *callbacks) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending--
	if c.pending == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

func (c *callbacks) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// crowded reports whether so many are pending that no more may be.
func (c *callbacks) crowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending > maxCallbacks
}

// end waits until none is pending, or ctx ends. None begins afterwards. It reports
// whether all have ended.
func (c *callbacks) end(ctx context.Context) bool {
	idle := make(chan struct{})
	c.mu.Lock()
	if c.pending > 0 {
		c.idle = idle
	} else {
		close(idle)
	}
	c.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	close(c.over)
	return c.pending == 0
}
