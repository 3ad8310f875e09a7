package sender_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// firsts returns the times of the requests that were the first on their connection.
func (r *rig) firsts() (at []time.Duration) {
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
		assert.Equal(t, 1, r.connections(), "connections")
		r.pass(time.Hour)
		assert.Equal(t, 1, r.connections(), "connections in an hour")
		assert.Equal(t, []time.Duration{time.Minute}, r.saw().ends, "when it ended")
		r.send(1, "x")
		assert.Equal(t, 2, r.connections(), "connections")
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
		assert.Equal(t, append([]time.Duration{0}, slices.Repeat([]time.Duration{time.Second}, 7)...), r.firsts(), "when connections had their first request")
		assert.Zero(t, r.queue.Len(), "updates that wait")
		perSecond := map[time.Duration]int{}
		for _, at := range r.times(0) {
			perSecond[at]++
		}
		assert.Equal(t, "map[0s:1 1s:8 2s:8 3s:8 4s:5]", fmt.Sprint(perSecond), "requests by time")
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
		for i := range cap(want) { // the first connection was opened before the first success
			want = append(want, max(0, time.Duration(i-10)*50*time.Millisecond))
		}
		assert.Equal(t, want, r.firsts(), "when connections had their first request")
		assert.Equal(t, 14, r.connections(), "connections")
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
		assert.Equal(t, 3, r.connections(), "connections")
		assert.Zero(t, r.queue.Len(), "updates that wait")
	})
}

func TestAWebhookThatFailsGetsOneNewConnectionInTwoSeconds(t *testing.T) {
	t.Parallel()
	inBubble(t, always(broken+hangUp), nil, func(r *rig) {
		for chat := range int64(5) {
			r.send(chat+1, "x")
		}
		r.pass(9 * time.Second)
		assert.Equal(t, []time.Duration{0, 2 * time.Second, 4 * time.Second, 6 * time.Second, 8 * time.Second}, r.times(0), "requests")
	})
}

// Open connections stay in use.
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
		r.send(1, "warm") // gets a connection of its own
		assert.Equal(t, 2, r.connections(), "connections")
		r.pass(10 * time.Second)
		r.send(3, "active")
		r.pass(time.Nanosecond)
		before := r.connections()
		r.pass(11 * time.Second)
		for chat := range int64(20) {
			r.send(chat+4, "slow")
		}
		r.pass(5 * time.Second)
		assert.Equal(t, before, r.connections(), "connections")
	})
}

func TestAnActiveWebhookKeepsAConnection(t *testing.T) {
	t.Parallel()
	inBubble(t, always(okAndClose), nil, func(r *rig) {
		r.send(1, "x")
		assert.Equal(t, 2, r.connections(), "connections")
		r.pass(time.Hour)
		assert.Equal(t, 2, r.connections(), "connections")
		assert.Equal(t, []time.Duration{0, time.Minute}, r.saw().ends, "when they ended")
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
		assert.Equal(t, 1, r.connections(), "connections")
		assert.Len(t, r.got(), 2, "requests")
	})
}

func TestAnIdleConnectionEndsAfterAMinute(t *testing.T) {
	t.Parallel()
	inBubble(t, always(ok), nil, func(r *rig) {
		r.pass(30 * time.Second)
		r.send(1, "x")
		r.pass(59 * time.Second)
		assert.Zero(t, r.saw().ends[0], "the end of the connection")
		r.send(1, "x")
		r.pass(59 * time.Second)
		assert.Zero(t, r.saw().ends[0], "the end of the connection")
		r.pass(time.Second)
		assert.Equal(t, 149*time.Second, r.saw().ends[0], "the end of the connection")
		r.expectFailures()
	})
}
