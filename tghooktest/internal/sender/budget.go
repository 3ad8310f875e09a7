package sender

import (
	"math"
	"time"
)

const (
	never    = time.Duration(math.MaxInt64)
	activity = 10 * time.Second // for which one success lasts
)

// budget says how many connections may be opened, and when.
type budget struct {
	opened  bool          // one was, which setWebhook does without any update
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

// allow returns how many connections lanes may have, and what bounds the opening.
func (b *budget) allow(now time.Duration, lanes int) (int, *flood) {
	switch {
	case now-b.success > activity && b.opened:
		return min(lanes, 1), &b.passive
	case now-b.success > activity:
		return 1, &b.passive
	}
	return max(lanes, 1), &b.active
}

// flood allows burst events at once, and from then on one each interval.
type flood struct {
	interval time.Duration
	burst    int
	used     time.Duration // until when the events so far last at one each interval
}

// next is when the next event is allowed.
func (f *flood) next() time.Duration {
	return f.used - time.Duration(f.burst-1)*f.interval
}

func (f *flood) add(now time.Duration) {
	f.used = max(f.used, now) + f.interval
}

// open opens connections for the lanes that have none, and returns when more may be.
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
