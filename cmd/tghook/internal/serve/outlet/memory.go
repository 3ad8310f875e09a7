package outlet

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/semaphore"
)

// How many bytes large answers may have in memory. An answer of at most 64 KiB is not counted.
const (
	maxHeld  = 2 * maxMultipart // of one Outlet
	maxInUse = 256 << 20        // of the process
)

var inUse = semaphore.NewWeighted(maxInUse)

// claim is the memory that one answer has.
type claim struct {
	own   *semaphore.Weighted // the Outlet's
	bytes int64
}

// errNoMemory says that other answers have the memory.
var errNoMemory = errors.New("the gateway had no memory in time for a large answer, because other large answers are in use")

// take waits until there is memory. If there is none before the deadline, the error is
// errNoMemory.
func (c *claim) take(ctx context.Context, deadline time.Time, bytes int64) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if err := c.own.Acquire(ctx, bytes); err != nil {
		return errNoMemory
	}
	if err := inUse.Acquire(ctx, bytes); err != nil {
		c.own.Release(bytes)
		return errNoMemory
	}
	c.bytes = bytes
	return nil
}

// keep leaves so many bytes in use until ctx ends.
func (c *claim) keep(ctx context.Context, bytes int64) {
	bytes = min(bytes, c.bytes)
	if bytes <= 0 {
		return
	}
	c.bytes -= bytes
	kept := &claim{c.own, bytes}
	context.AfterFunc(ctx, kept.release)
}

// release gives the memory back.
func (c *claim) release() {
	if c.bytes == 0 {
		return
	}
	inUse.Release(c.bytes)
	c.own.Release(c.bytes)
	c.bytes = 0
}
