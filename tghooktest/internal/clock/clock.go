// Package clock tells a time that may pass faster than the real one.
package clock

import "time"

// Clock tells real time, or a faster one. In a synctest bubble it tells the bubble's.
// Several goroutines may use it at once.
type Clock struct {
	start time.Time
	speed float64
}

// New returns a Clock that starts now and runs at speed times real time; at 0 it
// runs at 1.
func New(speed float64) *Clock {
	if speed <= 0 {
		speed = 1
	}
	return &Clock{time.Now(), speed}
}

// Now is the time it shows.
func (c *Clock) Now() time.Time {
	return c.start.Add(time.Duration(float64(time.Since(c.start)) * c.speed))
}

// Real is how long d takes in real time, for timers and deadlines: a connection's
// is time.Now().Add(c.Real(d)).
func (c *Clock) Real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.speed)
}
