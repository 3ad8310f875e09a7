package sender_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// withFault has a fault happen to the first attempt of each update.
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
				same(t, "requests", fmt.Sprint(r.times(0)), x.requests)
				if x.log != "" {
					same(t, "attempts", r.log(), x.log)
				}
				same(t, "replies", len(r.saw().replies), x.replies)
				same(t, "updates that wait", r.queue.Len(), 0)
				same(t, "requests in flight", r.sender.InFlight(), 0)
				r.expectFailures()
			})
		})
	}
}

// The two are with the webhook at one time, on two connections, though it is not active.
func TestACopyAtOnceComesOnAConnectionOfItsOwn(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		time.Sleep(time.Duration(q.conn+1) * time.Second)
		return ok
	}, withFault(sender.Fault{AgainAtOnce: true}), func(r *rig) {
		u := r.send(1, "x")
		got := r.got()
		same(t, "requests", len(got), 2)
		same(t, "that they are the same but for their connection", got[0].raw == got[1].raw && got[0].conn != got[1].conn, true)
		same(t, "requests in flight", r.sender.InFlight(), 2)
		r.pass(10 * time.Second)
		same(t, "attempts", len(r.saw().attempts), 2)
		done := 0
		for _, a := range r.saw().attempts {
			same(t, "the update", a.Update.ID, u.ID)
			same(t, "the number", a.Number, 1)
			same(t, "the status", a.Status, 200)
			if a.Done {
				done++
			}
		}
		same(t, "attempts that confirmed it", done, 1)
		r.send(2, "y")
		r.pass(10 * time.Second)
		same(t, "updates that wait", r.queue.Len(), 0)
		same(t, "connections", r.connections(), 3)
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
		sameAll(t, "requests of the other chat", r.times(2), 1, 1)
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
		sameAll(t, "what it was asked", asked, "message 1 0", "message 2 0", "message 3 2")
		same(t, "attempts", r.log(), "1: 0s+0s 500 "+serverError+", 2: 0s+0s 500 "+serverError+", 3: 2s+0s 200 done")
	})
}
