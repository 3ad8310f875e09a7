package tghook

import (
	"fmt"
	"time"

	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/lane"
)

// laneOf is the lane of u. It is the user's code: not under the mutex.
func (d *Dispatcher) laneOf(u *Update) (key lane.Key, err error) {
	if d.cfg.Lane != nil {
		name := make(chan string, 1)
		err = guard.Within(callbackTime, func() error { name <- d.cfg.Lane(u); return nil })
		if err == nil {
			key.Name = <-name
		}
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

// full reports whether MaxInFlight is reached, so that only an update that is known
// already is let in.
func (d *Dispatcher) full() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inFlight >= d.cfg.MaxInFlight
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
	case r.state != failed && len(r.waiters) >= maxJoins:
		return incoming.told(shedVerdict(u, errTooManyJoins))
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
	r.arrived++
	if !a.alive() { // deliver adds the cause
		r.redelivery(a.at, 0)
		return verdict{outcome: OutcomeLate, retry: lateRetry}
	}
	v := verdict{outcome: OutcomeDuplicate, acked: true, reply: r.reply, held: r.held, attempt: r.attempt, late: r.wasLate}
	if !r.reported {
		v.outcome, v.took = OutcomeReplied, r.ended-r.started
	}
	d.acknowledge(r, r.reply, a.at)
	return v
}

// acknowledge files r as over: a delivery of it has been told, or is about to be.
func (d *Dispatcher) acknowledge(r *record, carried payload, now time.Duration) {
	d.wakeUp(r)
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
		r.came = d.successes
	}
	if !d.lanes.Enter(key, &r.place) {
		return nil, errLaneFull
	}
	a := &r.first
	if again {
		d.wakeUp(r)
		a = incoming.copy()
	} else {
		*a = incoming
	}
	d.records[u.ID] = r
	d.inFlight++
	r.update, r.values = u, a.ctx
	r.join(a)
	d.queue(r)
	return a, nil
}

// queue has r wait for its turn.
func (d *Dispatcher) queue(r *record) {
	r.state, r.cancelled, r.acked, r.wasLate, r.named = waiting, false, false, false, false
	if r.place.AtHead() {
		d.start(d.turn(r))
	}
}

// turn marks r, whose turn has come, as on its way to its handler.
func (d *Dispatcher) turn(r *record) *record {
	r.state = running
	if d.cfg.Store != nil {
		r.state = claiming
	}
	return r
}
