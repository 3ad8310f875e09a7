package tghooktest

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Now returns the Server's time, which passes as fast as ServerConfig.Speed says.
func (s *Server) Now() time.Time { return s.clock.Now() }

// Advance moves the Server's time ahead by d. What is due by then happens at once: retries,
// the end of queries, of polls and of getUpdates that waits, and the expiry of updates. A
// request to the webhook that has waited for its answer for a minute by then fails. If d is
// not positive, nothing happens.
//
// Advance does not wait for what it makes happen. What follows from that counts from the new
// time: if a retry fails, the next one comes after the usual wait.
func (s *Server) Advance(d time.Duration) {
	if d <= 0 {
		return
	}
	s.clock.Advance(d)
	s.watchers.tell(Event{Kind: EventTime, Text: d.String()})
}

// Speed returns how many seconds of the Server's time pass in one second of real time.
func (s *Server) Speed() float64 { return s.clock.Speed() }

// SetSpeed changes that, from now on.
func (s *Server) SetSpeed(speed float64) error {
	if !(speed > 0) || math.IsInf(speed, 0) {
		return fmt.Errorf("tghooktest: SetSpeed: %v is not a speed; pass how many times faster than real time the Server is to be, such as 60", speed)
	}
	s.clock.SetSpeed(speed)
	s.watchers.tell(Event{Kind: EventTime, Text: strconv.FormatFloat(speed, 'g', -1, 64)})
	return nil
}
