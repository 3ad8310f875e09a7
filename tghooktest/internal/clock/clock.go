// Package clock has a clock whose time may pass faster than real time.
package clock

import "time"

// Clock shows real time, or a faster one. In a synctest bubble it follows the bubble's
// time. Several goroutines may use it at once.
type Clock struct {
	start time.Time
	speed float64
}

// New returns a Clock that starts now and runs at speed times real time. If speed is zero,
// 1.
func New(speed float64) *Clock {
	if speed <= 0 {
		speed = 1
	}
	return &Clock{time.Now(), speed}
}

// Now returns the time of the Clock.
func (c *Clock) Now() time.Time {
	return c.start.Add(time.Duration(float64(time.Since(c.start)) * c.speed))
}

// Real returns how long d takes in real time, for timers and deadlines: the deadline of a
// connection is time.Now().Add(c.Real(d)).
func (c *Clock) Real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.speed)
}
