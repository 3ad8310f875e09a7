package tghook

import (
	"context"
	"fmt"
	"time"

	"github.com/tghook/tghook/internal/lane"
)

// laneTime is how long a poll waits for Lane.
const laneTime = 5 * time.Second

// laneOf is the lane of u. It is the user's code: not under the mutex.
func (d *Dispatcher) laneOf(u *Update) (key lane.Key, err error) {
	if d.cfg.Lane != nil {
		if d.persistent { // the poll must not wait for ever
			name := make(chan string, 1)
			if err = bounded(laneTime, func() error { name <- d.cfg.Lane(u); return nil }); err == nil {
				key.Name = <-name
			}
			return key, err
		}
		err = guarded(func() error { key.Name = d.cfg.Lane(u); return nil })
		return key, err
	}
	switch u.Kind {
	case KindInlineQuery, KindShippingQuery, KindPreCheckoutQuery:
		if u.UserID != 0 {
			return lane.Key{Class: lane.Query, ID: u.UserID}, nil
		}
	case KindPoll, KindPollAnswer:
		if u.pollID != "" {
			return lane.Key{Name: u.pollID}, nil
		}
	}
	switch {
	case u.ChatID != 0:
		return lane.Key{Class: lane.Chat, ID: u.ChatID}, nil
	case u.UserID != 0:
		return lane.Key{Class: lane.User, ID: u.UserID}, nil
	}
	return lane.Key{}, nil
}

// admit lets a delivery of u in: it is told at once, or waits for a record.
func (d *Dispatcher) admit(incoming arrival, u *Update) (a *arrival) {
	key, broken := d.laneOf(u)
	if broken != nil {
		broken = fmt.Errorf("tghook: DispatchConfig.Lane: %w", broken)
		if !d.persistent {
			return incoming.told(verdict{outcome: OutcomeFailed, err: broken})
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[u.ID]
	switch {
	case r == nil:
		if withReply, ok := d.seen.Get(u.ID, incoming.at); ok {
			return incoming.told(d.duplicate(u, withReply, incoming.at))
		}
	case r.state == finished:
		return incoming.told(d.revisit(r, &incoming))
	case r.state != failed:
		return r.join(incoming.copy())
	}
	a, err := d.enter(r, incoming, u, key)
	if err != nil {
		return incoming.told(shedVerdict(u, err))
	}
	if broken != nil { // nobody would deliver it again
		a.record.buried = broken
	}
	return a
}

// duplicate is told of an update that is over and acknowledged.
func (d *Dispatcher) duplicate(u *Update, withReply bool, now time.Duration) verdict {
	v := verdict{outcome: OutcomeDuplicate, acked: true}
	if withReply {
		var kept bool
		if v.reply, kept = d.replies.Get(u.ID, now); !kept {
			v.err = errReplyGone
		}
	}
	return v
}

// revisit is what a delivery is told of an update that finished without anybody
// knowing.
func (d *Dispatcher) revisit(r *record, a *arrival) verdict {
	if !a.alive() {
		return verdict{outcome: OutcomeLate, err: context.Cause(a.ctx), retry: lateRetry}
	}
	v := verdict{outcome: OutcomeDuplicate, acked: true, reply: r.reply, held: r.held, attempt: r.attempt, late: r.wasLate}
	if !r.reported {
		v.outcome, v.took = OutcomeReplied, r.ended-r.started
	}
	d.unacked--
	d.acknowledge(r, r.reply, a.at)
	return v
}

// acknowledge files r as over: a delivery of it has been told, or is about to be.
func (d *Dispatcher) acknowledge(r *record, carried payload, now time.Duration) {
	if r.timer != nil {
		r.timer.Stop()
	}
	id := r.update.ID
	delete(d.records, id)
	d.seen.Put(id, len(carried) > 0, now, r.update.Kind.memory())
	if len(carried) > 0 {
		d.replies.Put(id, carried, now)
	}
	d.checkIdle()
}

// enter begins an update, or begins it again where r is not nil.
func (d *Dispatcher) enter(r *record, incoming arrival, u *Update, key lane.Key) (*arrival, error) {
	switch {
	case d.closing:
		return nil, ErrShutdown
	case d.inFlight >= d.cfg.MaxInFlight:
		return nil, errOverloaded
	}
	again := r != nil
	if !again {
		r = newRecord(u)
	}
	if !d.lanes.Enter(key, &r.place) {
		return nil, errLaneFull
	}
	a := &r.first
	if again {
		r.timer.Stop()
		a = incoming.copy()
	} else {
		d.records[u.ID] = r
		*a = incoming
	}
	d.inFlight++
	r.update, r.values = u, a.ctx
	r.join(a)
	d.ask(r)
	if r.state == running {
		d.start(r)
	}
	return a, nil
}

// ask makes r ready to run, which takes a claim where there is a Store, and
// marks it as running if its turn has come.
func (d *Dispatcher) ask(r *record) {
	r.state, r.cancelled, r.acked, r.wasLate = waiting, false, false, false
	if d.cfg.Store != nil {
		r.ready = false
		r.claim = &claim{values: r.values, over: make(chan struct{})}
		go d.hold(r, r.update, r.claim)
		return
	}
	r.ready = true
	if r.place.AtHead() {
		r.state = running
	}
}
