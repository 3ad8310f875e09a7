package outlet

import (
	"context"
	"fmt"
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

// take waits until there is memory. An error that wraps os.ErrDeadlineExceeded is not for want of
// an answer, so take says what happened.
func (c *claim) take(ctx context.Context, deadline time.Time, bytes int64) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if err := c.own.Acquire(ctx, bytes); err != nil {
		return c.none(bytes)
	}
	if err := inUse.Acquire(ctx, bytes); err != nil {
		c.own.Release(bytes)
		return c.none(bytes)
	}
	c.bytes = bytes
	return nil
}

func (c *claim) none(bytes int64) error {
	return fmt.Errorf("the gateway had no memory in time for an answer of %d bytes, because other large answers are in use", bytes/2)
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
