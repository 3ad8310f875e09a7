package tgpubsub

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2"

	"github.com/tghook/tghook"
)

// delivery is an update that Pub/Sub has delivered to this process. Its receiver's lock guards
// it, except for message, result and the channels.
type delivery struct {
	update  tghook.QueuedUpdate // with the attempts and the note so far
	message *pubsub.Message
	lease   *lease // that holds; nil if there is none
	lapsed  bool   // lease has run out, and may hold yet
	left    bool   // returned to Pub/Sub
	endedBy *lease // the lease that has ended it; nil if none has
	ending  ending

	result  *pubsub.AckResult
	acked   chan struct{} // closed when result is set
	settled chan struct{} // closed when the next message of the key may come
}

// ending is the method that has ended a delivery.
type ending string

const (
	byDone ending = "Done"
	byBury ending = "Bury"
)

// lease is the receipt of an update.
type lease struct {
	delivery *delivery
	until    time.Time
	timer    *time.Timer
}

func newDelivery(u tghook.QueuedUpdate, m *pubsub.Message) *delivery {
	return &delivery{update: u, message: m, acked: make(chan struct{}), settled: make(chan struct{})}
}

// leaseOf returns the lease of an update that Take has returned.
func leaseOf(u tghook.QueuedUpdate) (*lease, error) {
	l, ok := u.Receipt.(*lease)
	if !ok || l.delivery.update.Key != u.Key {
		return nil, fmt.Errorf("its Receipt is not from Take in this process: %w", tghook.ErrClaimLost)
	}
	return l, nil
}

// take leases a delivery for a time. Then over is called.
func (d *delivery) take(length time.Duration, over func(*lease)) tghook.QueuedUpdate {
	if d.lapsed {
		d.update.Attempts++
	}
	l := &lease{delivery: d, until: time.Now().Add(length)}
	d.lease, d.lapsed = l, false
	l.timer = time.AfterFunc(length, func() { over(l) })
	u := d.update
	u.Receipt = l
	return u
}

// heldBy checks that a lease holds. If an earlier call of the method has ended it, the error is
// nil.
func (d *delivery) heldBy(l *lease, method ending) (bool, error) {
	switch {
	case d.lease == l:
		return true, nil
	case d.endedBy == l && d.ending == method:
		return false, nil
	default:
		return false, tghook.ErrClaimLost
	}
}

// lapse returns false if a lease has not run out, because it was renewed or has ended.
func (d *delivery) lapse(l *lease) bool {
	if d.lease != l || d.lapsed || time.Now().Before(l.until) {
		return false
	}
	d.lapsed = true
	return true
}

func (d *delivery) renew(length time.Duration) {
	d.lapsed = false
	d.lease.until = time.Now().Add(length)
	d.lease.timer.Reset(length)
}

// giveBack ends the lease.
func (d *delivery) giveBack() {
	d.lease.timer.Stop()
	d.lease, d.lapsed = nil, false
}

// end ends the delivery by a lease.
func (d *delivery) end(l *lease, method ending) {
	d.giveBack()
	d.endedBy, d.ending = l, method
}

// leave ends the delivery without success. It returns false if it has ended before.
func (d *delivery) leave() bool {
	if d.left || d.endedBy != nil {
		return false
	}
	d.left = true
	if d.lease != nil {
		d.giveBack()
	}
	return true
}

// acknowledge tells Pub/Sub that the update has been handled.
func (d *delivery) acknowledge() {
	d.result = d.message.AckWithResult()
	close(d.acked)
}

// acknowledged waits until Pub/Sub has the acknowledgement.
func (d *delivery) acknowledged(ctx context.Context) error {
	<-d.acked
	status, err := d.result.Get(ctx)
	if err == nil {
		return nil
	}
	if status == pubsub.AcknowledgeStatusInvalidAckID {
		return fmt.Errorf("%w: Pub/Sub has given it to another process: %w", tghook.ErrClaimLost, err)
	}
	return fmt.Errorf("acknowledge: %w", err)
}
