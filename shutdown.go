package tghook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// burialTime is how long Shutdown waits, once its ctx has ended, for what others
// depend on: the dead letters of what LateAck has acknowledged, which nobody else
// has, and the Store's word, without which other processes wait for leases.
const burialTime = 5 * time.Second

// Shutdown ends the dispatcher's work; call it before the server's own, which
// it needs to answer. From now on unknown updates are turned away with
// [ErrShutdown]. Known ones still join and replay, until every run has ended and
// every success has been told to Telegram, so that no other process repeats it.
//
// When ctx ends first, handlers are cancelled with [ErrShutdown], and the error
// names the updates that stay unacknowledged: Telegram will deliver them again,
// as it will what has failed before. There are 5 more seconds then for what
// LateAck has acknowledged to end or to become a dead letter, and for the Store
// to be told. Give ctx a deadline: a redelivery that is waited for may never
// come. Shutdown may be called more than once, and concurrently.
func (d *Dispatcher) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	d.closing = true
	d.endPauses()
	d.checkIdle()
	d.mu.Unlock()
	select {
	case <-d.idle:
		d.halt()
		return nil
	default:
	}
	select {
	case <-d.idle:
		d.halt()
		return nil
	case <-ctx.Done():
	}
	err := fmt.Errorf("tghook: shutdown: %w", context.Cause(ctx))
	if ids := d.halt(); len(ids) > 0 {
		err = fmt.Errorf("%w; %d updates stay unacknowledged: %s", err, len(ids), list(ids))
	}
	timer := time.NewTimer(burialTime)
	defer timer.Stop()
	select {
	case <-d.kept:
	case <-timer.C:
		if ids := d.unkept(); len(ids) > 0 {
			err = fmt.Errorf("%w; %d updates that LateAck has acknowledged did not end: %s", err, len(ids), list(ids))
		}
	}
	return err
}

func (d *Dispatcher) isClosing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closing
}

// list names the first of ids.
func list(ids []int64) string {
	const most = 20
	text := strings.Trim(fmt.Sprint(ids[:min(len(ids), most)]), "[]")
	if len(ids) > most {
		text += " ..."
	}
	return text
}

// checkIdle ends the wait of Shutdown when nothing is left to do. The mutex is
// held.
func (d *Dispatcher) checkIdle() {
	if d.closing && d.inFlight == 0 && d.unacked == 0 && d.background == 0 {
		closeOnce(d.idle)
	}
	if d.stopped && d.promised == 0 && (d.cfg.Store == nil || d.inFlight == 0 && d.background == 0) {
		closeOnce(d.kept)
	}
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// halt stops what still waits or runs, and returns the ids of what was not
// acknowledged then.
func (d *Dispatcher) halt() []int64 {
	lost := d.stopAll()
	for _, report := range lost {
		report.observe(d)
	}
	return d.stranded
}

// stopAll is halt without the user's code: it returns what has to be observed.
func (d *Dispatcher) stopAll() (lost []*runReport) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return nil
	}
	d.stopped = true
	d.stop(ErrShutdown)
	for id, r := range d.records {
		if r.timer != nil {
			r.timer.Stop()
		}
		if r.state != failed && !r.acked {
			d.stranded = append(d.stranded, id)
		}
		switch {
		case r.state == waiting:
			d.turnAway(r, ErrShutdown)
		case r.state == finished && !r.reported:
			r.reported = true
			lost = append(lost, r.report(&end{verdict: verdict{outcome: OutcomeReplyLost, err: ErrShutdown}}))
		default:
			r.endUser(ErrShutdown)
		}
	}
	slices.Sort(d.stranded)
	d.checkIdle()
	return lost
}

// unkept is what LateAck has acknowledged and has not ended well.
func (d *Dispatcher) unkept() (ids []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, r := range d.records {
		if r.acked && r.state != finished {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
