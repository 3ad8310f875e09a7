package sender_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// opened are the times at which the requests came that were the first of their
// connection.
func (r *rig) opened() (at []time.Duration) {
	seen := map[int]bool{}
	for _, q := range r.got() {
		if !seen[q.conn] {
			seen[q.conn] = true
			at = append(at, q.at)
		}
	}
	return at
}

func TestAWebhookThatIsSetIsConnectedToBeforeAnyUpdate(t *testing.T) {
	t.Parallel()
	inBubble(t, always(ok), nil, func(r *rig) {
		same(t, "connections", r.connections(), 1)
		r.pass(time.Hour)
		same(t, "connections in an hour", r.connections(), 1)
		sameAll(t, "when it ended", r.saw().ends, time.Minute)
		r.send(1, "x")
		same(t, "connections", r.connections(), 2)
	})
}

func TestOneUpdateGoesAloneAndItsSuccessOpensTheRest(t *testing.T) {
	t.Parallel()
	inBubble(t, func(request) string {
		time.Sleep(time.Second)
		return ok
	}, func(cfg *sender.Config) { cfg.MaxConnections = 8 }, func(r *rig) {
		for chat := range int64(30) {
			r.send(chat+1, "x")
		}
		r.pass(10 * time.Second)
		sameAll(t, "when connections had their first request", r.opened(), append([]time.Duration{0}, slices.Repeat([]time.Duration{time.Second}, 7)...)...)
		same(t, "updates that wait", r.queue.Len(), 0)
		perSecond := map[time.Duration]int{}
		for _, at := range r.times(0) {
			perSecond[at]++
		}
		same(t, "requests by time", fmt.Sprint(perSecond), "map[0s:1 1s:8 2s:8 3s:8 4s:5]")
	})
}

func TestAnActiveWebhookGetsTenConnectionsAtOnceAndThenTwentyASecond(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.nth > 0 {
			time.Sleep(5 * time.Second)
		}
		return ok
	}, nil, func(r *rig) {
		r.send(1, "x")
		for chat := range int64(14) {
			r.send(chat+2, "x")
		}
		r.pass(4 * time.Second)
		want := make([]time.Duration, 0, 14)
		for i := range cap(want) { // the first connection was opened while it was not active
			want = append(want, max(0, time.Duration(i-10)*50*time.Millisecond))
		}
		sameAll(t, "when connections had their first request", r.opened(), want...)
		same(t, "connections", r.connections(), 14)
	})
}

func TestThereAreNoMoreConnectionsThanQueues(t *testing.T) {
	t.Parallel()
	inBubble(t, func(request) string {
		time.Sleep(time.Second)
		return ok
	}, nil, func(r *rig) {
		for i := range 60 {
			r.send(int64(i%3+1), "x")
		}
		r.pass(time.Minute)
		same(t, "connections", r.connections(), 3)
		same(t, "updates that wait", r.queue.Len(), 0)
	})
}

func TestAWebhookThatFailsGetsOneNewConnectionInTwoSeconds(t *testing.T) {
	t.Parallel()
	inBubble(t, always(broken+hangUp), nil, func(r *rig) {
		for chat := range int64(5) {
			r.send(chat+1, "x")
		}
		r.pass(9 * time.Second)
		sameAll(t, "requests", r.times(0), 0, 2*time.Second, 4*time.Second, 6*time.Second, 8*time.Second)
	})
}

// The connections that there are stay in use.
func TestTenSecondsWithoutSuccessNoConnectionIsAddedToThoseThereAre(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.at < time.Minute && q.text != "slow" {
			return ok
		}
		time.Sleep(time.Second)
		return broken
	}, nil, func(r *rig) {
		r.send(1, "warm")
		r.send(2, "slow") // holds the connection
		r.send(1, "warm") // so that this has one of its own
		same(t, "connections", r.connections(), 2)
		r.pass(10 * time.Second)
		r.send(3, "active")
		r.pass(time.Nanosecond)
		before := r.connections()
		r.pass(11 * time.Second)
		for chat := range int64(20) {
			r.send(chat+4, "slow")
		}
		r.pass(5 * time.Second)
		same(t, "connections", r.connections(), before)
	})
}

func TestAnActiveWebhookKeepsAConnection(t *testing.T) {
	t.Parallel()
	inBubble(t, always(okAndClose), nil, func(r *rig) {
		r.send(1, "x")
		same(t, "connections", r.connections(), 2)
		r.pass(time.Hour)
		same(t, "connections", r.connections(), 2)
		sameAll(t, "when they ended", r.saw().ends, 0, time.Minute)
	})
}

func TestClosingEachConnectionCostsSpeed(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{okAndClose, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nCONNECTION:  Close \r\n\r\n"} {
		inBubble(t, always(answer), func(cfg *sender.Config) { cfg.MaxConnections = 100 }, func(r *rig) {
			for i := range 1000 {
				r.send(int64(i%200+1), "x")
			}
			r.pass(10 * time.Second)
			if n := len(r.got()); n < 205 || n > 215 {
				t.Errorf("%d updates in ten seconds, want twenty a second", n)
			}
		})
	}
}

func TestHTTP10CanKeepItsConnection(t *testing.T) {
	t.Parallel()
	inBubble(t, always("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"), nil, func(r *rig) {
		r.send(1, "x")
		r.send(1, "x")
		same(t, "connections", r.connections(), 1)
		same(t, "requests", len(r.got()), 2)
	})
}

func TestAnIdleConnectionEndsAfterAMinute(t *testing.T) {
	t.Parallel()
	inBubble(t, always(ok), nil, func(r *rig) {
		r.pass(30 * time.Second)
		r.send(1, "x")
		r.pass(59 * time.Second)
		same(t, "the end of the connection", r.saw().ends[0], 0)
		r.send(1, "x")
		r.pass(59 * time.Second)
		same(t, "the end of the connection", r.saw().ends[0], 0)
		r.pass(time.Second)
		same(t, "the end of the connection", r.saw().ends[0], 149*time.Second)
		r.expectFailures()
	})
}
