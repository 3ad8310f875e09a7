package tgpubsub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2"

	"github.com/tghook/tghook"
)

const (
	// Pub/Sub accepts deadlines between these two.
	minDeadline = 10 * time.Second
	maxDeadline = 10 * time.Minute
	// maxExtension is how long the client holds a message. Pub/Sub keeps it no longer.
	maxExtension = 31 * 24 * time.Hour
)

// receiver has the messages that Pub/Sub has delivered to this process. The client calls receive
// for each message, and for messages of one ordering key one at a time. The call lasts until the
// message has ended, so that the next message of its key comes after it. The client extends the
// message's deadline while the call lasts.
type receiver struct {
	subscriber *pubsub.Subscriber
	bury       func(context.Context, *pubsub.Message) error

	mu      sync.Mutex
	ready   map[int64][]*delivery // by bot, those that published earlier first
	keys    map[string]bool       // the ordering keys of which a message is here
	changed chan struct{}         // closed when Take may find something that was not there
	stop    context.CancelFunc    // ends the stream; nil if there is none
	ended   chan struct{}         // closed when the stream has ended
	problem error                 // why the stream has ended, until Take returns it
	closed  bool
}

func newReceiver(client *pubsub.Client, cfg Config, bury func(context.Context, *pubsub.Message) error) *receiver {
	s := client.Subscriber(cfg.Subscription)
	s.ReceiveSettings.MaxOutstandingMessages = cmp.Or(cfg.MaxMessages, defaultMessages)
	s.ReceiveSettings.MaxOutstandingBytes = cmp.Or(cfg.MaxBytes, defaultBytes)
	s.ReceiveSettings.MaxExtension = maxExtension
	return &receiver{
		subscriber: s,
		bury:       bury,
		ready:      make(map[int64][]*delivery),
		keys:       make(map[string]bool),
		changed:    make(chan struct{}),
	}
}

// take waits until updates of a bot can be taken, and leases them.
func (r *receiver) take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	for ctx.Err() == nil {
		taken, changed, err := r.look(bot, limit, lease)
		if err != nil || len(taken) > 0 {
			return taken, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil, nil
}

// look leases the updates that can be taken now. If there are none, look again when changed is
// closed.
func (r *receiver) look(bot int64, limit int, lease time.Duration) (taken []tghook.QueuedUpdate, changed <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, nil, errors.New("tgpubsub: Take: the Queue is closed")
	}
	if err := r.problem; err != nil {
		r.problem = nil
		return nil, nil, fmt.Errorf("tgpubsub: Take: %w", err)
	}
	if r.stop == nil {
		r.start(lease)
	}
	waiting := r.ready[bot]
	some := waiting[:min(max(limit, 0), len(waiting))]
	for _, d := range some {
		taken = append(taken, d.take(lease, r.lapsed))
	}
	r.keep(bot, slices.Clone(waiting[len(some):]))
	return taken, r.changed, nil
}

// keep replaces the updates of a bot that can be taken. It is called with the lock.
func (r *receiver) keep(bot int64, waiting []*delivery) {
	if len(waiting) == 0 {
		delete(r.ready, bot)
	} else {
		r.ready[bot] = waiting
	}
}

// start begins to receive. It is called with the lock.
func (r *receiver) start(lease time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	r.stop, r.ended = stop, ended
	deadline := min(max(lease.Truncate(time.Second), minDeadline), maxDeadline)
	r.subscriber.ReceiveSettings.MinDurationPerAckExtension = deadline
	r.subscriber.ReceiveSettings.MaxDurationPerAckExtension = deadline
	go func() {
		defer close(ended)
		defer stop()
		err := r.subscriber.Receive(ctx, r.receive)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stop = nil
		if err != nil {
			r.problem = fmt.Errorf("receive from %s: %w", r.subscriber, err)
		}
		r.wake()
	}()
}

// wake lets all waiting calls of take look again. It is called with the lock.
func (r *receiver) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// receive has a message until it has ended.
func (r *receiver) receive(ctx context.Context, m *pubsub.Message) {
	u, err := read(m)
	if err != nil {
		if r.bury(ctx, foreignLetter(m, err)) == nil {
			m.Ack()
		} else {
			m.Nack()
		}
		return
	}
	d := newDelivery(u, m)
	if !r.admit(ctx, d) {
		m.Nack()
		return
	}
	select {
	case <-d.settled:
		r.forget(d)
	case <-ctx.Done():
		r.forget(d)
		if r.lose(d) {
			m.Nack()
		}
	}
}

// admit lets a delivery be taken. It returns false if it must go back to Pub/Sub.
func (r *receiver) admit(ctx context.Context, d *delivery) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || ctx.Err() != nil || r.problem != nil {
		return false
	}
	if key := d.message.OrderingKey; key != "" {
		if r.keys[key] {
			r.problem = fmt.Errorf("%s has no message ordering; create a subscription with message ordering enabled, and name it in Config.Subscription", r.subscriber)
			r.stop()
			r.wake()
			return false
		}
		r.keys[key] = true
	}
	r.offer(d)
	return true
}

// forget lets the next message of the ordering key come.
func (r *receiver) forget(d *delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, d.message.OrderingKey)
}

// offer makes a delivery available to take. It is called with the lock.
func (r *receiver) offer(d *delivery) {
	bot := d.update.Key.Bot
	place, _ := slices.BinarySearchFunc(r.ready[bot], d, func(a, b *delivery) int { return a.update.Published.Compare(b.update.Published) })
	r.ready[bot] = slices.Insert(r.ready[bot], place, d)
	r.wake()
}

// withdraw makes a delivery unavailable to take. It is called with the lock.
func (r *receiver) withdraw(d *delivery) {
	bot := d.update.Key.Bot
	r.keep(bot, slices.DeleteFunc(r.ready[bot], func(other *delivery) bool { return other == d }))
}

// lapsed makes an update whose lease has run out available to take.
func (r *receiver) lapsed(l *lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.delivery.lapse(l) {
		r.offer(l.delivery)
	}
}

// lose ends a delivery that has not ended. It returns false if it has.
func (r *receiver) lose(d *delivery) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.withdraw(d)
	return d.leave()
}

// holds checks that a lease holds. If an earlier call of the method has ended it, the error is
// nil.
func (r *receiver) holds(u tghook.QueuedUpdate, method ending) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l, err := leaseOf(u)
	if err != nil {
		return false, err
	}
	return l.delivery.heldBy(l, method)
}

// end acknowledges an update, and waits until Pub/Sub has the acknowledgement if exactly-once
// delivery is on.
func (r *receiver) end(ctx context.Context, u tghook.QueuedUpdate, method ending) error {
	l, err := leaseOf(u)
	if err != nil {
		return err
	}
	d := l.delivery
	r.mu.Lock()
	held, err := d.heldBy(l, method)
	if held {
		r.withdraw(d)
		d.end(l, method)
	}
	r.mu.Unlock()
	if err != nil {
		return err
	}
	if held {
		d.acknowledge()
		defer close(d.settled)
	}
	return d.acknowledged(ctx)
}

// fail counts an attempt.
func (r *receiver) fail(u tghook.QueuedUpdate, note []byte) error {
	l, err := leaseOf(u)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if l.delivery.lease != l {
		return tghook.ErrClaimLost
	}
	l.delivery.update.Attempts++
	l.delivery.update.Note = slices.Clone(note)
	return nil
}

// renew starts leases again from now. It returns the keys of the updates whose leases do not hold.
func (r *receiver) renew(updates []tghook.QueuedUpdate, lease time.Duration) (lost []tghook.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range updates {
		l, err := leaseOf(u)
		if err == nil && l.delivery.lease == l {
			r.withdraw(l.delivery) // if its lease has run out
			l.delivery.renew(lease)
		} else {
			lost = append(lost, u.Key)
		}
	}
	return lost
}

// giveBack makes updates available to take. It ignores leases that do not hold.
func (r *receiver) giveBack(updates []tghook.QueuedUpdate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range updates {
		if l, err := leaseOf(u); err == nil && l.delivery.lease == l {
			r.withdraw(l.delivery) // if its lease has run out
			l.delivery.giveBack()
			r.offer(l.delivery)
		}
	}
}

// close returns all messages to Pub/Sub, and waits until the stream has ended.
func (r *receiver) close() {
	r.mu.Lock()
	r.closed = true
	stop, ended := r.stop, r.ended
	r.wake()
	r.mu.Unlock()
	if stop != nil {
		stop()
	}
	if ended != nil {
		<-ended
	}
}
