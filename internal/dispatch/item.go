package dispatch

import (
	"context"
	"time"
)

// Item is one piece of work.
type Item struct {
	ID    int64
	Value any // the owner's
	// Life is how long its sender may deliver it again, with the time of an attempt.
	Life time.Duration
	// MaxRetry is the longest time after which it may be asked for again.
	MaxRetry time.Duration
	// Unfit says why no handler may run: its dead letter is due. It is nil for most.
	Unfit error
	// Part says which group it is an item of. It is nil for most.
	Part *Part
}

// Reply is what an attempt leaves for the sender of its item. The first delivery that
// can carries it.
type Reply struct {
	Body []byte // if empty, there is no reply
	// Sender sends the reply where no delivery carries it. If nil, nobody can.
	Sender Sender
	// Heavy says that only a delivery with the voice Carries can carry the reply.
	Heavy bool
}

// Sender sends a reply. It must not panic or end its goroutine, and it returns when ctx
// ends.
type Sender interface {
	Send(ctx context.Context, body []byte) error
}

// Send sends the reply.
func (r *Reply) Send(ctx context.Context) error {
	if r.Sender == nil {
		return ErrNoSender
	}
	return r.Sender.Send(ctx, r.Body)
}

// Result is what came of an attempt.
type Result struct {
	Reply Reply
	// CallOnly says that no delivery can carry the reply.
	CallOnly bool
	Failure  Failure
}

// Failure is why an attempt failed.
type Failure struct {
	Err      error         // nil: it succeeded
	Retry    time.Duration // asked for; zero: not
	Final    bool          // no repetition can help
	Dropped  bool          // final, because the handler said so
	Hopeless bool          // it says more of the item than of the world
	Spared   bool          // it says nothing of the item: the attempt does not count
	Shutdown bool          // the handler says that it was stopped
}

// Outcome is how a delivery or an attempt ended.
type Outcome uint8

// The outcomes.
const (
	Handled      Outcome = iota + 1 // succeeded without a reply
	Replied                         // succeeded with a reply
	Joined                          // has the result of an attempt that another delivery carries
	Duplicate                       // had succeeded before
	Late                            // answered before the attempt had ended
	Dropped                         // its dead letter is accepted, and the handler asked for it
	DeadLettered                    // another dead letter is accepted
	Abandoned                       // its dead letter is accepted, and the handler has not returned
	Shed                            // no attempt was made
	Failed                          // the attempt or the dead letter failed
	ReplyLost                       // succeeded, and its reply could not be sent
	Gathered                        // kept until its group is complete
)

// Verdict is what a delivery is told.
type Verdict struct {
	Outcome Outcome
	Acked   bool // the item need not come again
	Reply   Reply
	Err     error         // may be set beside Acked: what went wrong after all
	Retry   time.Duration // if not Acked: when to come again; zero: unknown
	Attempt int
	Waited  time.Duration
	Took    time.Duration
	Late    bool
	Quiet   bool // the log has said as much before
}

// Report is what became of an attempt whose result no delivery carries.
type Report struct {
	Item    Item
	Outcome Outcome
	Attempt int
	Late    bool
	Took    time.Duration
	Err     error
}
