package outlet

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tghook/tghook/internal/dispatch"
)

// How many bytes answers may have in memory, from when they are read until their calls are over. An
// answer needs copiesOfFiles*maxMultipart at most. While the Bot API refuses a call, it goes on for
// two minutes. So an Outlet has room for two answers of the largest size. The process has room for three,
// so that one Outlet cannot take all of it. A small answer waits only for answers of its own Outlet.
const (
	maxHeld  = 2 * copiesOfFiles * maxMultipart // large answers of one Outlet
	maxInUse = 3 * copiesOfFiles * maxMultipart // large answers of the process
	// maxSmall is for answers of less than 64 KiB, of one Outlet. It is as much as the updates have
	// that Consume holds.
	maxSmall = 64 << 20
)

var inUse = semaphore.NewWeighted(maxInUse)

// How often the bytes of an answer may be in memory at once. They are there as the body and as what
// was read from it. Later they are there as what Consume keeps and as what the Caller gets. JSON is
// also encoded twice when it is checked, and when it is called.
const (
	copiesOfFiles = 2
	copiesOfJSON  = 4
)

// claim is the memory that one answer has.
type claim struct {
	pools []*semaphore.Weighted // each of them has given the bytes
	bytes int64
}

// errNoMemory says that other answers have the memory.
var errNoMemory = errors.New("the gateway had no memory in time for the answer, because other answers are in use: their calls are not over")

// take waits until all pools have memory. If they have none before the deadline, the error is
// errNoMemory.
func (c *claim) take(ctx context.Context, deadline time.Time, bytes int64, pools ...*semaphore.Weighted) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	c.bytes = bytes
	for _, pool := range pools {
		if pool.Acquire(ctx, bytes) != nil {
			c.release()
			return errNoMemory
		}
		c.pools = append(c.pools, pool)
	}
	return nil
}

// keep leaves so many bytes in use until the attempt of ctx is over, with the call of its reply.
func (c *claim) keep(ctx context.Context, bytes int64) {
	kept := &claim{c.pools, min(bytes, c.bytes)}
	c.bytes -= kept.bytes
	dispatch.After(ctx, kept.release)
}

// release gives the memory back.
func (c *claim) release() {
	for _, pool := range c.pools {
		pool.Release(c.bytes)
	}
	c.pools, c.bytes = nil, 0
}
