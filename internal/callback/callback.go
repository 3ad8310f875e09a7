// Package callback calls the user's functions that get reports, beside the work that they
// report on.
package callback

import (
	"context"
	"sync"
)

// maxPending bounds the goroutines that wait for functions of the user that do not return.
const maxPending = 1000

// Group calls functions of the user in goroutines of their own. A function that blocks,
// panics or ends its goroutine does not hold up the caller. It is safe for concurrent use.
type Group struct {
	over chan struct{} // is closed when no further call may begin

	mu      sync.Mutex
	pending int           // calls that run or wait
	waiting int           // pending calls of Start that still wait
	closed  bool          // whether over is closed
	idle    chan struct{} // is closed when no call is pending; nil unless End waits for that
	last    chan struct{} // is closed when the last call of InTurn has ended; nil if there was none
}

// NewGroup returns a Group without calls.
func NewGroup() *Group { return &Group{over: make(chan struct{})} }

// Start calls wait and then call, in a goroutine of its own. It leaves call out if End has
// returned by then.
func (c *Group) Start(wait, call func()) {
	c.mu.Lock()
	c.pending++
	c.waiting++
	c.mu.Unlock()
	go func() {
		defer c.finish()
		func() {
			defer c.begin()
			wait()
		}()
		if !c.isClosed() {
			call()
		}
	}()
}

// begin notes that a call has waited.
func (c *Group) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
}

// InTurn calls call when the earlier calls of InTurn have ended. It does not wait for that. If
// too many calls are pending, it does nothing and returns false.
func (c *Group) InTurn(call func()) bool {
	if c.Crowded() {
		return false
	}
	over := make(chan struct{})
	c.mu.Lock()
	before := c.last
	c.last = over
	c.mu.Unlock()
	c.Start(func() {}, func() {
		defer close(over)
		if before != nil {
			select {
			case <-before:
			case <-c.over:
				return
			}
		}
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

// Crowded reports whether too many calls are pending. Waiting calls of Start do not count.
func (c *Group) Crowded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending-c.waiting > maxPending
}

// End waits until no call is pending, or until ctx ends. No call begins after that. It
// reports whether all calls have ended.
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

// Over returns a channel that is closed when no further call may begin.
func (c *Group) Over() <-chan struct{} { return c.over }
