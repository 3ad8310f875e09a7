package desk

import (
	"context"
	"sync"
	"time"
)

// outages are the times in which a webhook cannot be reached. While there are some, the
// desk's time passes so fast that the longest of them takes some seconds.
type outages struct {
	mu      sync.Mutex
	running map[*fault]context.CancelFunc
	usual   float64 // the speed before the first of them
}

// longestOutage is how long an outage takes in real time. A shorter one keeps its length.
const longestOutage = 10 * time.Second

// begin begins the outage of a fault.
func (o *outages) begin(d *Desk, b *bot, f *fault) {
	ctx, stop := context.WithCancel(d.ctx)
	o.mu.Lock()
	if len(o.running) == 0 {
		o.running, o.usual = map[*fault]context.CancelFunc{}, d.tg.Speed()
	}
	o.running[f] = stop
	o.hurry(d)
	o.mu.Unlock()
	d.running.Go(func() {
		if !d.sleepUntil(ctx, f.until) || !o.end(d, f) {
			return
		}
		if _, ours := b.faults.remove(f.ID); ours { // else a request has deleted it just now
			zero := 0
			f.Left = &zero
			d.tellFault(b.id, f.Fault)
		}
	})
}

// hurry sets the speed at which the longest outage takes longestOutage. o.mu is held.
func (o *outages) hurry(d *Desk) {
	speed := o.usual
	for f := range o.running {
		speed = max(speed, f.until.Sub(d.tg.Now()).Seconds()/longestOutage.Seconds())
	}
	_ = d.tg.SetSpeed(speed) // it is positive
}

// end ends the outage of a fault, and reports whether it was one.
func (o *outages) end(d *Desk, f *fault) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	stop, ok := o.running[f]
	if !ok {
		return false
	}
	stop()
	delete(o.running, f)
	o.hurry(d)
	return true
}

// clear ends all outages.
func (o *outages) clear(d *Desk) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.running) == 0 {
		return // the speed is the user's
	}
	for f, stop := range o.running {
		stop()
		delete(o.running, f)
	}
	o.hurry(d)
}
