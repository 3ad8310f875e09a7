package gateway

import (
	"context"
	"time"

	"github.com/tghook/tghook"
)

// The whole end takes less than ten seconds, after which many platforms kill a process: endTime, and
// then up to 4.5 seconds in which the storage is closed. A bot that stops because of another
// configuration has more time.
const (
	// postTime is how long bots may take at the end to answer what was posted.
	postTime = 3 * time.Second
	// replyTime is how long their webhook replies may take from the beginning of the end.
	replyTime = 4 * time.Second
	// endTime is how long Run waits for all at the end.
	endTime = 5 * time.Second
	// doorTime is how long a webhook may take at the end to answer what came in.
	doorTime = 3 * time.Second
	// repliesTime is how long a webhook reply may take at most. The library gives it two minutes.
	repliesTime = 150 * time.Second
)

// ends cuts off requests to bots and calls of the Bot API when the gateway ends. calls also ends the
// Grace of each Consume. A webhook reply then no longer waits for its next call.
type ends struct{ posts, calls cutter }

func newEnds() ends { return ends{newCutter(), newCutter()} }

// begin begins the end.
func (e *ends) begin() {
	time.AfterFunc(postTime, e.posts.cut)
	time.AfterFunc(replyTime, e.calls.cut)
}

// cutter ends contexts with [tghook.ErrShutdown]. So an update goes back into the queue, and
// counts no attempt.
type cutter struct {
	ctx context.Context
	cut context.CancelFunc
}

func newCutter() cutter {
	ctx, cut := context.WithCancel(context.Background())
	return cutter{ctx, cut}
}

// bound returns a context that ends with ctx, at release, or when cut is called.
func (c *cutter) bound(ctx context.Context) (bounded context.Context, release func()) {
	bounded, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.ctx, func() { cancel(tghook.ErrShutdown) })
	return bounded, func() {
		stop()
		cancel(nil)
	}
}
