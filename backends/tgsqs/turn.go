package tgsqs

import (
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/tghook/tghook"
)

// receipt is [tghook.QueuedUpdate.Receipt].
type receipt struct {
	queue  queue
	handle string
	lease  time.Duration // that Take got
	// sequence is the number that SQS has given to the message.
	sequence string
	// turn is shared by the updates of a lane that came together, and place is the place
	// among them.
	turn  *turn
	place int
}

// receiptOf returns the receipt of an update that Take has returned.
func receiptOf(u *tghook.QueuedUpdate) (receipt, error) {
	r, ok := u.Receipt.(receipt)
	if !ok {
		return receipt{}, fmt.Errorf("tgsqs: %s has no receipt of SQS; pass the QueuedUpdate that Take has returned", words(u.Key))
	}
	return r, nil
}

// turn holds the state of the updates of a lane that SQS has handed out together. If the lease of
// one is lost, another process may get it. This process still has leases of the updates behind it,
// but must not handle them.
type turn struct {
	mu     sync.Mutex
	count  int          // updates
	lost   int          // from the update with this number on, no lease holds; 0: all hold
	buried map[int]bool // the updates that are dead letters
}

// receipt makes the receipt of the next message.
func (t *turn) receipt(a arrival, m *types.Message) receipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	sequence := systemAttribute(m, types.MessageSystemAttributeNameSequenceNumber)
	return receipt{a.queue, aws.ToString(m.ReceiptHandle), a.lease, sequence, t, t.count}
}

// lose says that the lease of the update at place does not hold.
func (t *turn) lose(place int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost == 0 || place < t.lost {
		t.lost = place
	}
}

// holds reports whether the lease of u may hold.
func holds(u *tghook.QueuedUpdate) bool {
	r, ok := u.Receipt.(receipt)
	if !ok {
		return true // receiptOf says so
	}
	r.turn.mu.Lock()
	defer r.turn.mu.Unlock()
	return r.turn.lost == 0 || r.place < r.turn.lost
}

// bury says that the update at place is a dead letter.
func (t *turn) bury(place int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buried == nil {
		t.buried = map[int]bool{}
	}
	t.buried[place] = true
}

func (t *turn) isBuried(place int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buried[place]
}
