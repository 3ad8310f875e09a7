// Package clock has a clock whose time may pass faster than real time, and may be moved ahead.
package clock

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Clock shows real time, or a faster one. In a synctest bubble it follows the bubble's
// time. Several goroutines may use it at once.
type Clock struct {
	pace atomic.Pointer[pace]

	mu     sync.Mutex // held to change pace
	timers map[*Timer]time.Time
}

// pace is how the time of a Clock follows from real time. It is never changed.
type pace struct {
	real, shown time.Time // at the same instant
	speed       float64
}

func (p *pace) at(now time.Time) time.Time {
	return later(p.shown, length(float64(now.Sub(p.real))*p.speed))
}

// latest is the latest time that a Clock shows, because RFC 3339 has no later year.
var latest = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// later returns the time d after t, but not one after latest.
func later(t time.Time, d time.Duration) time.Time {
	if t = t.Add(d); t.After(latest) {
		return latest
	}
	return t
}

// length returns a number of nanoseconds as a Duration, or the longest Duration if the number
// is too large for one.
func length(nanoseconds float64) time.Duration {
	if nanoseconds < math.MaxInt64 {
		return time.Duration(nanoseconds)
	}
	return math.MaxInt64
}

// New returns a Clock that starts now and runs at speed times real time. If speed is zero,
// 1.
func New(speed float64) *Clock {
	if speed <= 0 {
		speed = 1
	}
	c := &Clock{timers: map[*Timer]time.Time{}}
	now := time.Now()
	c.pace.Store(&pace{now, now, speed})
	return c
}

// Now returns the time of the Clock.
func (c *Clock) Now() time.Time { return c.pace.Load().at(time.Now()) }

// Speed returns how many times faster than real time the Clock runs.
func (c *Clock) Speed() float64 { return c.pace.Load().speed }

// Real returns how long d takes in real time, for timers that last too short for a jump to
// matter.
func (c *Clock) Real(d time.Duration) time.Duration {
	if d <= 0 {
		return d // 0 has no length at any speed
	}
	return length(float64(d) / c.Speed())
}

// SetSpeed makes the Clock run at speed times real time, which must be positive, from now on.
func (c *Clock) SetSpeed(speed float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.pace.Store(&pace{now, c.pace.Load().at(now), speed})
	for t, end := range c.timers {
		t.real.Reset(c.until(end))
	}
}

// Advance moves the time ahead by d. The timers that end on the way fire in their order. It
// does not wait for what they start, which may happen when all of d has passed.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := later(c.Now(), d)
	for _, t := range slices.SortedFunc(maps.Keys(c.timers), func(a, b *Timer) int {
		return cmp.Or(c.timers[a].Compare(c.timers[b]), cmp.Compare(a.number, b.number))
	}) {
		end := c.timers[t]
		if end.After(to) {
			break
		}
		c.moveTo(end)
		t.real.Reset(0)
		delete(c.timers, t)
	}
	c.moveTo(to)
	for t, end := range c.timers {
		t.real.Reset(c.until(end))
	}
}

// moveTo sets the time, unless it is later already. c.mu is held.
func (c *Clock) moveTo(shown time.Time) {
	now, before := time.Now(), c.pace.Load()
	if shown.After(before.at(now)) {
		c.pace.Store(&pace{now, shown, before.speed})
	}
}

// until returns how long it takes in real time until then; 0 if that has passed.
func (c *Clock) until(then time.Time) time.Duration { return max(0, c.Real(then.Sub(c.Now()))) }

var numbers atomic.Uint64 // of timers

// Timer is a [time.Timer] that follows a Clock.
type Timer struct {
	C <-chan time.Time

	clock  *Clock
	real   *time.Timer
	number uint64
}

// NewTimer returns a Timer whose C gets a value when d has passed on the Clock. Call Stop when
// it is not needed any more, also if it has fired.
func (c *Clock) NewTimer(d time.Duration) *Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &Timer{clock: c, real: time.NewTimer(c.Real(d)), number: numbers.Add(1)}
	t.C = t.real.C
	c.timers[t] = c.Now().Add(d)
	return t
}

// Reset makes the Timer fire when d has passed, as [time.Timer.Reset] does.
func (t *Timer) Reset(d time.Duration) {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.clock.timers[t] = t.clock.Now().Add(d)
	t.real.Reset(t.clock.Real(d))
}

// Stop makes the Timer not fire.
func (t *Timer) Stop() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	delete(t.clock.timers, t)
	t.real.Stop()
}
