package sender

import (
	"container/heap"
	"math"
	"slices"
	"time"
)

// run owns the state and makes all decisions. Connections read and write, and send it
// events through the inbox.
func (s *Sender) run() {
	defer s.stopAll()
	s.rest()
	s.begin(s.now())
	for open := true; open && !s.gone.final; {
		s.step()
		if s.gone.final {
			break
		}
		select {
		case <-s.inbox.filled:
		case <-s.pushes.added:
		case <-s.timer.C:
			s.due = never
		case <-s.stop:
			open = false
		}
		s.rest()
	}
	s.ended = true
}

// rest lets everything else happen first that happens at this instant of a bubble.
func (s *Sender) rest() {
	if s.cfg.Latency {
		time.Sleep(time.Nanosecond)
	}
}

// stopAll ends all connections. It does not wait if a function of Config has ended run by
// runtime.Goexit, as t.Fatal does, or by a panic.
func (s *Sender) stopAll() {
	s.timer.Stop()
	for _, c := range s.connections {
		c.close()
	}
	if !s.ended {
		go s.finish()
		return
	}
	s.finish()
}

func (s *Sender) finish() {
	s.running.Wait()
	s.flying.Store(0)
	close(s.stopped)
	if s.gone.final {
		s.cfg.Gone()
	}
}

func (s *Sender) now() time.Duration { return s.cfg.Clock.Now().Sub(s.epoch) }

// begin takes the turns of the start. Telegram's sender has one for itself, one when the
// host is resolved, and one when it has read the certificates that it trusts.
func (s *Sender) begin(now time.Duration) {
	s.turn(now)
	if s.secure != nil {
		s.turn(now)
	}
}

// step does everything that is due. As in Telegram's sender, each event has its turn before
// the next event counts. So an update may get a connection whose end is already known.
func (s *Sender) step() {
	now := s.now()
	s.expire(now)
	if now >= s.alarm {
		s.turn(now)
	}
	for more := true; more; now = s.now() {
		for _, e := range s.inbox.take() {
			if s.settle(e, now); s.gone.final {
				return
			}
		}
		if more = s.pushes.next(); more {
			s.turn(now)
		}
	}
	s.arm(now, min(s.alarm, s.expiry))
}

// turn loads updates, opens connections and sends. It is all that Telegram's sender does by
// itself, after an event or at a time that the last turn has set.
func (s *Sender) turn(now time.Duration) {
	s.load(now)
	if s.resolve(now) {
		s.load(now)
	}
	opening := s.open(now)
	s.alarm = min(s.resolver.at, opening, s.send(now))
}

// arm schedules a step at that time or earlier.
func (s *Sender) arm(now, at time.Duration) {
	if at >= s.due {
		return
	}
	s.due = at
	least := time.Duration(math.Ceil(s.cfg.Clock.Speed())) // with 0, no time would pass in a bubble
	s.timer.Reset(max(at-now, least))
}

// expire ends the connections whose deadline has passed.
func (s *Sender) expire(now time.Duration) {
	if now < s.expiry {
		return
	}
	s.expiry = never
	for _, c := range slices.Clone(s.connections) {
		if c.deadline > now {
			s.expiry = min(s.expiry, c.deadline)
			continue
		}
		s.settle(event{connection: c, failure: c.late(), ended: true}, now)
	}
}

// send gives ready lanes to idle connections, and returns when the next lane becomes ready.
// Without an idle connection, only an event leads to the next attempt.
func (s *Sender) send(now time.Duration) time.Duration {
	for len(s.asleep) > 0 && s.asleep[0].rank <= now {
		l := heap.Pop(&s.asleep).(*lane)
		if s.cfg.Shuffle {
			l.rank = time.Duration(s.draw(byOrder, l.head().ID, l.attempts) >> 1)
		}
		heap.Push(&s.ready, l)
	}
	for len(s.idle) > 0 && len(s.ready) > 0 {
		l := heap.Pop(&s.ready).(*lane)
		if !s.request.fits(l.head().Body) {
			continue // as with Telegram, this lane is never tried again
		}
		if !l.begun {
			s.ask(l, now)
			if l.fault.Delay > 0 { // waits without a connection, which could end in the meantime
				s.wake(l, now+l.fault.Delay)
				continue
			}
		}
		c := s.idle[0]
		s.idle = s.idle[1:]
		s.attempt(c, l, now)
	}
	if len(s.idle) > 0 && len(s.asleep) > 0 {
		return s.asleep[0].rank
	}
	return never
}

// ask begins an attempt to deliver the head of l, with the fault that Fault picks.
func (s *Sender) ask(l *lane, now time.Duration) {
	l.begun = true
	if l.attempts == 0 {
		l.attempts = s.cfg.Attempts[l.head().ID]
	}
	l.attempts++
	l.attempt = Attempt{Update: l.head(), Number: l.attempts, Start: s.epoch.Add(now)}
	if s.cfg.Fault != nil {
		l.fault = s.cfg.Fault(l.attempt)
	}
	s.flying.Add(1)
}

// attempt sends the head of l.
func (s *Sender) attempt(c *connection, l *lane, now time.Duration) {
	c.lane, c.attempt, c.fault = l, l.attempt, l.fault
	l.begun, l.attempt, l.fault = false, Attempt{}, Fault{}
	s.dispatch(c, byLatency, now)
	if c.fault.AgainAtOnce {
		again := s.connect(now)
		again.twin = true
		s.twins++
		s.flying.Add(1)
		again.attempt = c.attempt
		s.dispatch(again, byTwinLatency, now)
	}
}

// dispatch makes c send its attempt. The whole answer must come within the timeout.
func (s *Sender) dispatch(c *connection, latency purpose, now time.Duration) {
	var delay time.Duration
	if s.cfg.Latency {
		delay = time.Duration(s.draw(latency, c.attempt.Update.ID, c.attempt.Number) % uint64(maxLatency))
	}
	c.busy = true
	c.deadline = now + delay + timeout
	c.jobs <- job{c.attempt.Update.ID, c.attempt.Number, c.attempt.Update.Body, s.cfg.Clock.Real(delay), c.fault}
}
