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
	r.drop()
	r.state, r.until = paused, d.now()+after
	if d.crowded {
		after = min(after, crowdedPause)
	}
	r.timer = time.AfterFunc(after, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if r.state == paused && !d.closing {
			d.queue(r)
		}
	})
}

// crowdedPause is between two attempts of an update while the window of its poll is
// full.
const crowdedPause = time.Second

func (r *record) restFor(asked time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	return min(time.Second<<min(r.pauses, 6), time.Minute)
}

// setCrowded says whether the window of the poll is full. What only waits for its next
// attempt then makes it within a second: nothing else can go on.
func (d *Dispatcher) setCrowded(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crowded == full {
		return
	}
	d.crowded = full
	if !full {
		return
	}
	for _, r := range d.records {
		if r.state == paused && r.until > d.now()+crowdedPause && r.timer.Stop() {
			r.timer.Reset(max(0, r.ended+crowdedPause-d.now()))
		}
	}
}

// failing counts the updates besides r that have failed and are not over. It matters, and
// is counted, only while the window of the poll is full. The mutex is held.
func (d *Dispatcher) failing(r *record) (n int) {
	if !d.crowded {
		return 0
	}
	for _, other := range d.records {
		if other != r && other.history.failed > 0 && other.state != finished {
			n++
		}
	}
	return n
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
