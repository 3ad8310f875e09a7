package tghook

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Shutdown ends the dispatcher's work; call it before the server's own, which
// it needs to answer. From now on unknown updates are turned away with
// [ErrShutdown]. Known ones still join and replay, until every run has ended and
// every success has been told to Telegram, so that no other process repeats it.
//
// When ctx ends first, handlers are cancelled with [ErrShutdown], and the error
// says which updates stay unacknowledged: Telegram will deliver them again. It
// may be called more than once, and concurrently.
func (d *Dispatcher) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	d.closing = true
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
	if ids := d.halt(); len(ids) > 0 {
		return fmt.Errorf("tghook: shutdown: %w: %d updates stay unacknowledged: %s",
			context.Cause(ctx), len(ids), list(ids))
	}
	return fmt.Errorf("tghook: shutdown: %w", context.Cause(ctx))
}

// list names the first of ids.
func list(ids []int64) string {
	const most = 20
	slices.Sort(ids)
	text := strings.Trim(fmt.Sprint(ids[:min(len(ids), most)]), "[]")
	if len(ids) > most {
		text += " ..."
	}
	return text
}

// checkIdle ends the wait of Shutdown when nothing is left to do.
func (d *Dispatcher) checkIdle() {
	if !d.closing || d.inFlight > 0 || d.unacked > 0 || d.calling > 0 {
		return
	}
	select {
	case <-d.idle:
	default:
		close(d.idle)
	}
}

// halt stops what still waits or runs, and returns the ids of what was not
// acknowledged.
func (d *Dispatcher) halt() (unacknowledged []int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	d.stop(ErrShutdown)
	for id, r := range d.records {
		if r.timer != nil {
			r.timer.Stop()
		}
		if r.state != failed && !r.acked {
			unacknowledged = append(unacknowledged, id)
		}
		if r.state == waiting {
			d.withdraw(r, shedVerdict(r.update, ErrShutdown))
			continue
		}
		r.user.end(ErrShutdown)
	}
	return unacknowledged
}
