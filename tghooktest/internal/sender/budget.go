package sender

import (
	"math"
	"time"
)

const (
	never    = time.Duration(math.MaxInt64)
	activity = 10 * time.Second // how long the webhook counts as active after a success
)

// budget decides how many connections may be opened, and when.
type budget struct {
	opened  bool          // a connection was opened; setWebhook opens the first one without an update
	success time.Duration // when an update was delivered last
	active  flood
	passive flood
}

func newBudget() budget {
	return budget{
		success: -2 * activity,
		active:  flood{interval: 50 * time.Millisecond, burst: 10},
		passive: flood{interval: 2 * time.Second, burst: 1},
	}
}

// allow returns how many connections the lanes may have, and the flood control for opening
// them.
func (b *budget) allow(now time.Duration, lanes int) (int, *flood) {
	switch {
	case now-b.success > activity && b.opened:
		return min(lanes, 1), &b.passive
	case now-b.success > activity:
		return 1, &b.passive
	}
	return max(lanes, 1), &b.active
}

// flood allows burst events at once, and then one in each interval.
type flood struct {
	interval time.Duration
	burst    int
	used     time.Duration // end of the intervals that the events so far have used
}

// next returns when the next event is allowed.
func (f *flood) next() time.Duration {
	return f.used - time.Duration(f.burst-1)*f.interval
}

func (f *flood) add(now time.Duration) {
	f.used = max(f.used, now) + f.interval
}

// open opens connections for the lanes that have none, and returns when it may open more.
func (s *Sender) open(now time.Duration) time.Duration {
	need, flood := s.budget.allow(now, min(len(s.lanes), s.cfg.MaxConnections))
	for len(s.connections)-s.twins < need {
		if at := flood.next(); now < at {
			return at
		}
		flood.add(now)
		s.budget.opened = true
		s.idle = append(s.idle, s.connect(now))
	}
	return never
}
