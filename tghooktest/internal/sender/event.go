package sender

import (
	"slices"
	"strconv"
	"time"
)

// event is an answer on a connection, or its end, or both.
type event struct {
	connection *connection
	answered   bool
	answer     answer
	failure    string // last_error_message; empty if the answer decides it
	ended      bool   // the connection cannot be used again
	restarted  bool   // the answer has a new minute from here on
	reset      bool   // the webhook has reset the connection before the next request was written
	lost       bool   // CutAfter: the answer is ignored
	method     string // method of the webhook reply that was executed
	execution  Execution
}

// wrongAnswer begins the last_error_message about an answer.
const wrongAnswer = "Wrong response from the webhook: "

func (e event) delivered() bool { return e.answer.delivered() && !e.lost }

// settle handles an event. The end of a connection gives Telegram's sender two turns.
func (s *Sender) settle(e event, now time.Duration) {
	c := e.connection
	if c.ended {
		return
	}
	if e.restarted {
		c.deadline = now + timeout
		return
	}
	s.heed(e, now)
	if s.gone.final {
		return
	}
	s.turn(now)
	if c.ended {
		s.turn(now)
	}
}

// heed ends the attempt of an event, if there is one.
func (s *Sender) heed(e event, now time.Duration) {
	c := e.connection
	if e.reset && c.busy {
		e.failure = brokenPipe
	}
	if e.answered && !e.lost && !e.delivered() {
		e.failure = wrongAnswer + strconv.Itoa(e.answer.status) + " " + e.answer.reason
	}
	if !c.twin {
		if e.answered && !e.lost {
			s.gone.heed(e.answer.status, now)
		}
		if e.failure != "" {
			s.cfg.Failed(e.failure)
		}
	}

	a, l, fault, busy := c.attempt, c.lane, c.fault, c.busy
	c.attempt, c.lane, c.fault, c.busy = Attempt{}, nil, Fault{}, false
	if e.ended || !e.answer.lasting || c.twin {
		s.disconnect(c)
	} else {
		c.deadline = now + timeout
		s.idle = append(s.idle, c)
	}
	if !busy {
		return
	}

	a.Took = s.epoch.Add(now).Sub(a.Start)
	a.Status, a.Err, a.Reply, a.Execution, a.Copy = e.answer.status, e.failure, e.method, e.execution, l == nil
	if s.cfg.Record {
		a.Wire = s.wireOf(c, e, a)
	}
	if l != nil {
		a.Done, a.Dropped = s.conclude(l, e, fault, now)
	}
	if s.cfg.Observe != nil {
		s.cfg.Observe(a)
	}
	s.flying.Add(-1)
}

// conclude ends an attempt of the head of l. The update is dropped, or waits for the next
// attempt.
func (s *Sender) conclude(l *lane, e event, fault Fault, now time.Duration) (done, dropped bool) {
	if e.delivered() {
		s.budget.success = now
		if fault.Again {
			s.wake(l, now)
			return false, false
		}
		s.leave(l)
		return true, false
	}
	wait, delay := s.backoff(l, e.answer.retryAfter)
	if l.head().Expired(s.epoch.Add(now + wait)) {
		s.leave(l)
		return false, true
	}
	l.delay = delay
	l.fails++
	s.wake(l, now+wait)
	return false, false
}

// disconnect closes c and forgets it.
func (s *Sender) disconnect(c *connection) {
	last := len(s.connections) - 1
	s.connections[c.place] = s.connections[last]
	s.connections[c.place].place = c.place
	s.connections[last] = nil
	s.connections = s.connections[:last]
	if i := slices.Index(s.idle, c); i >= 0 {
		s.idle = slices.Delete(s.idle, i, i+1)
	}
	if c.twin {
		s.twins--
	}
	c.ended = true
	c.close()
}
