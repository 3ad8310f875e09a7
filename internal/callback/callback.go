// Package callback calls functions of the user beside the work of which they get a report.
package callback

import (
	"context"
	"sync"
)

// maxPending bounds the goroutines that wait for a function of the user's which
// does not return.
const maxPending = 1000

// Group calls functions of the user in goroutines of their own. A function that blocks,
// panics or ends its goroutine does not hold up the caller. It is safe for concurrent use.
type Group struct {
	over chan struct{} // closed when none may begin any more

	mu      sync.Mutex
	pending int           // that run, or wait until they may
	closed  bool          // as over
	idle    chan struct{} // closed when none is pending; nil unless somebody waits for that
	last    chan struct{} // closed when the last of those in turn is over; nil: there was none
}

// NewGroup returns a Group without calls.
func NewGroup() *Group { return &Group{over: make(chan struct{})} }

// Start calls call in a goroutine of its own, after wait, unless the end has come.
func (c *Group) Start(wait, call func()) {
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

// InTurn calls call after the calls that InTurn has started before. If too many are pending,
// it does nothing and returns false.
func (c *Group) InTurn(call func()) bool {
	if c.Crowded() {
		return false
	}
	over := make(chan struct{})
	c.mu.Lock()
	before := c.last
	c.last = over
	c.mu.Unlock()
	c.Start(func() {
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

func (c *Group) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending--
	if c.pending == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
}

func (c *Group) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Crowded reports whether so many are pending that no more may be.
func (c *Group) Crowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending > maxPending
}

// End waits until none is pending, or ctx ends. None begins afterwards. It reports
// whether all have ended.
func (c *Group) End(ctx context.Context) bool {
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

// Over is closed when no call may begin any more.
func (c *Group) Over() <-chan struct{} { return c.over }
