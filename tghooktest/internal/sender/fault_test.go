package sender_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// withFault gives the first attempt of each update a fault.
func withFault(f sender.Fault) func(*sender.Config) {
	return func(cfg *sender.Config) {
		cfg.Fault = func(a sender.Attempt) sender.Fault {
			if a.Number == 1 {
				return f
			}
			return sender.Fault{}
		}
	}
}

func (r *rig) log() string {
	attempts := r.saw().attempts
	all := make([]string, 0, len(attempts))
	for _, a := range attempts {
		s := fmt.Sprintf("%d: %v+%v %d %s", a.Number, a.Start.Sub(r.start), a.Took, a.Status, a.Err)
		if a.Done {
			s += "done"
		}
		all = append(all, s+a.Reply)
	}
	return strings.Join(all, ", ")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		fault    sender.Fault
		requests string
		log      string
		replies  int
	}{
		"none":           {sender.Fault{}, "[0s]", "1: 0s+0s 200 donesendMessage", 1},
		"a delay":        {sender.Fault{Delay: 90 * time.Second}, "[1m30s]", "1: 0s+1m30s 200 donesendMessage", 1},
		"cut before":     {sender.Fault{CutBefore: true}, "[0s 2s]", "1: 0s+0s 0 , 2: 2s+0s 200 donesendMessage", 1},
		"cut after":      {sender.Fault{CutAfter: true}, "[0s 2s]", "1: 0s+0s 200 , 2: 2s+0s 200 donesendMessage", 1},
		"again":          {sender.Fault{Again: true}, "[0s 0s]", "1: 0s+0s 200 sendMessage, 2: 0s+0s 200 donesendMessage", 2},
		"again at once":  {sender.Fault{AgainAtOnce: true}, "[0s 0s]", "", 2},
		"delay, and cut": {sender.Fault{Delay: time.Second, CutBefore: true}, "[1s 2s]", "1: 0s+1s 0 , 2: 2s+0s 200 donesendMessage", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, always(withBody("200 OK", asJSON, sayHi)), withFault(x.fault), func(r *rig) {
				r.send(1, "x")
				r.pass(2 * time.Minute)
				assert.Equal(t, x.requests, fmt.Sprint(r.times(0)), "requests")
				if x.log != "" {
					assert.Equal(t, x.log, r.log(), "attempts")
				}
				assert.Len(t, r.saw().replies, x.replies, "replies")
				assert.Zero(t, r.queue.Len(), "updates that wait")
				assert.Zero(t, r.sender.InFlight(), "requests in flight")
				r.expectFailures()
			})
		})
	}
}

// The webhook has both at the same time, on two connections, although it is not active.
func TestACopyAtOnceComesOnAConnectionOfItsOwn(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		time.Sleep(time.Duration(q.conn+1) * time.Second)
		return ok
	}, withFault(sender.Fault{AgainAtOnce: true}), func(r *rig) {
		u := r.send(1, "x")
		got := r.got()
		assert.Len(t, got, 2, "requests")
		assert.True(t, got[0].raw == got[1].raw && got[0].conn != got[1].conn, "that they are the same but for their connection")
		assert.Equal(t, 2, r.sender.InFlight(), "requests in flight")
		r.pass(10 * time.Second)
		assert.Len(t, r.saw().attempts, 2, "attempts")
		done := 0
		for _, a := range r.saw().attempts {
			assert.Equal(t, u.ID, a.Update.ID, "the update")
			assert.Equal(t, 1, a.Number, "the number")
			assert.Equal(t, 200, a.Status, "the status")
			if a.Done {
				done++
			}
		}
		assert.Equal(t, 1, done, "attempts that confirmed it")
		r.send(2, "y")
		r.pass(10 * time.Second)
		assert.Zero(t, r.queue.Len(), "updates that wait")
		assert.Equal(t, 3, r.connections(), "connections")
	})
}

func TestACopyAtOnceTakesNoConnectionFromOthers(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.text == "slow" {
			time.Sleep(5 * time.Second)
		}
		return ok
	}, func(cfg *sender.Config) {
		cfg.MaxConnections = 2
		cfg.Fault = func(sender.Attempt) sender.Fault { return sender.Fault{AgainAtOnce: true} }
	}, func(r *rig) {
		r.send(1, "warm")
		r.pass(time.Nanosecond)
		r.send(1, "slow")
		r.send(2, "quick")
		assert.Equal(t, []time.Duration{1, 1}, r.times(2), "requests of the other chat")
	})
}

func TestFaultIsAskedBeforeEachAttempt(t *testing.T) {
	t.Parallel()
	var asked []string
	inBubble(t, func(q request) string {
		if q.nth < 2 {
			return broken
		}
		return ok
	}, func(cfg *sender.Config) {
		cfg.Fault = func(a sender.Attempt) sender.Fault {
			asked = append(asked, fmt.Sprint(a.Update.Kind, " ", a.Number, " ", a.Start.Second()))
			return sender.Fault{}
		}
	}, func(r *rig) {
		r.send(1, "x")
		r.pass(time.Minute)
		assert.Equal(t, []string{"message 1 0", "message 2 0", "message 3 2"}, asked, "what it was asked")
		assert.Equal(t, "1: 0s+0s 500 "+serverError+", 2: 0s+0s 500 "+serverError+", 3: 2s+0s 200 done", r.log(), "attempts")
	})
}
