package tghook

import "time"

// pause has r run again after a while, which is asked for, or grows from failure
// to failure. Until then it keeps its lane, so that the order holds. The mutex is
// held.
func (d *Dispatcher) pause(r *record, asked time.Duration) {
	after := r.restFor(asked)
	if asked == 0 {
		r.pauses++
	}
	r.letGo()
	r.state, r.ready = paused, false
	r.timer = time.AfterFunc(after, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if r.state == paused && !d.closing {
			d.resume(r)
		}
	})
}

func (r *record) restFor(asked time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	return min(time.Second<<min(r.pauses, 6), time.Minute)
}

func (d *Dispatcher) resume(r *record) {
	if d.ask(r); r.state == running {
		d.start(r)
	}
}

// outlived reports whether r would run again only when Telegram would offer it no
// more: a query that nobody waits for must not hold up the next one. The mutex is
// held.
func (d *Dispatcher) outlived(r *record, asked time.Duration) bool {
	life := r.update.Kind.memory() - attemptTime
	return d.now()+r.restFor(asked) >= r.first.at+life
}

// endPauses turns away what would have run again after Shutdown. The mutex is
// held.
func (d *Dispatcher) endPauses() {
	for _, r := range d.records {
		if r.state == paused {
			d.turnAway(r, ErrShutdown)
		}
	}
}

// setCrowded is told by a poll whether its window is full.
func (d *Dispatcher) setCrowded(bool) {}
