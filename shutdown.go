package tghook

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/guard"
)

const (
	// lastWords is how long Shutdown waits, once its ctx has ended, for the handlers that
	// it has cancelled and for what others depend on: the dead letters of what LateAck
	// has acknowledged, which nobody else has, and the Store's word, without which other
	// processes wait for leases.
	lastWords = time.Second
	// redeliveryDelay is how much later than it is due Shutdown waits for a redelivery.
	redeliveryDelay = 3 * time.Second
)

// Shutdown ends the dispatcher's work; call it before the server's own, which
// it needs to answer. From now on unknown updates are turned away with
// [ErrShutdown]. Known ones still join and replay. Shutdown returns nil when every
// run has ended, every call of Observe has returned, and every success has been
// told to Telegram, so that no other process repeats it. It waits for a redelivery
// until that is due and three seconds more. Then the redelivery went elsewhere.
//
// When ctx ends first, handlers are cancelled with [ErrShutdown], and the error
// names the updates that stay unacknowledged: Telegram will deliver them again,
// as it will what has failed before. There is one more second then for handlers to
// return, for what LateAck has acknowledged to become a dead letter, and for the Store
// to be told. Observe is not called any more after Shutdown has returned.
// Shutdown may be called more than once, and concurrently.
func (d *Dispatcher) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	d.shutting.Store(true)
	d.closing = true
	d.endPauses()
	d.checkIdle()
	d.mu.Unlock()
	err := d.drain(ctx)
	d.over.Store(true)
	d.mu.Lock()
	d.checkIdle()
	d.mu.Unlock()
	select {
	case <-d.quiet:
		return err
	default:
	}
	select {
	case <-d.quiet:
		return err
	case <-ctx.Done():
		if err == nil {
			err = fmt.Errorf("tghook: shutdown: %w", context.Cause(ctx))
		}
		return fmt.Errorf("%w; %d calls of Observe have not returned", err, d.observing.Load())
	}
}

// drain waits until nothing is left to do, or stops what is.
func (d *Dispatcher) drain(ctx context.Context) error {
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
	timer := time.NewTimer(lastWords)
	defer timer.Stop()
	if ids := d.halt(); len(ids) > 0 {
		err = fmt.Errorf("%w; %d updates stay unacknowledged: %s", err, len(ids), firstOf(ids))
	}
	select {
	case <-d.ended:
	case <-timer.C:
	}
	if ids := d.unkept(); len(ids) > 0 {
		err = fmt.Errorf("%w; %d updates that LateAck has acknowledged did not end: %s", err, len(ids), firstOf(ids))
	}
	return err
}

func (d *Dispatcher) isClosing() bool { return d.shutting.Load() }

// firstOf names the first of ids.
func firstOf(ids []int64) string {
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
	if !d.closing {
		return
	}
	rests := d.inFlight == 0 && d.background == 0 && d.talking.Load() == 0
	if rests && !d.awaitsRedelivery() {
		closeOnce(d.idle)
	}
	if rests && d.stopped {
		closeOnce(d.ended)
	}
	if d.over.Load() && d.observing.Load() == 0 {
		closeOnce(d.quiet)
	}
}

// awaitsRedelivery reports whether Telegram still has to be told of a success. When the
// redelivery is overdue it looks again.
func (d *Dispatcher) awaitsRedelivery() bool {
	if d.unacked == 0 {
		return false
	}
	now, latest := d.now(), time.Duration(0)
	for _, r := range d.records {
		if r.state != finished {
			continue
		}
		latest = max(latest, r.due+redeliveryDelay)
		if !r.reported && !d.stopped { // sendUncarried looks again
			return true
		}
	}
	if latest <= now {
		return false
	}
	if latest != d.looksAt { // else a timer is set
		d.looksAt = latest
		time.AfterFunc(latest-now, d.lookAgain)
	}
	return true
}

func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// halt stops what still waits or runs, and returns the ids of what was not
// acknowledged then. The user's code holds it up for a second at most.
func (d *Dispatcher) halt() []int64 {
	lost, untold := d.stopAll()
	for _, report := range lost {
		go report.observe()
	}
	if len(untold) > 0 {
		_ = guard.Within(lastWords, func() error {
			d.cfg.log(context.Background(), slog.LevelWarn, "tghook: updates have succeeded, and Telegram did not ask again: it may deliver them to another process",
				slog.String("update_ids", firstOf(untold)))
			return nil
		})
	}
	return d.stranded
}

// stopAll is halt without the user's code: it returns what has to be observed, and the
// ids of successes whose redelivery is overdue.
func (d *Dispatcher) stopAll() (lost []*runReport, untold []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return nil, nil
	}
	d.stopped = true
	d.stop(ErrShutdown)
	for id, r := range d.records {
		if r.timer != nil {
			r.timer.Stop()
		}
		switch {
		case r.state == finished && !r.acked && r.reported && r.due+redeliveryDelay <= d.now():
			untold = append(untold, id)
		case r.state != failed && !r.acked:
			d.stranded = append(d.stranded, id)
		}
		switch {
		case r.state == waiting:
			d.turnAway(r, ErrShutdown)
		case r.state == finished && !r.reported:
			r.reported = true
			lost = append(lost, d.report(r, &end{verdict: verdict{outcome: OutcomeReplyLost, err: ErrShutdown}}))
		case !r.isKept():
			r.endUser(ErrShutdown)
		}
	}
	slices.Sort(d.stranded)
	slices.Sort(untold)
	d.checkIdle()
	return lost, untold
}

// isKept reports whether the dead letter of r is on its way, and nobody would deliver r
// again: LateAck has acknowledged it.
func (r *record) isKept() bool { return r.acked && r.state == settling && r.buried != nil }

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
