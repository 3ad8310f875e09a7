package sender_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/clock"
	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// waits returns the times between the requests. There must be n of them.
func (r *rig) waits(at []time.Duration, atLeast int) (between []time.Duration) {
	r.Helper()
	require.Greater(r, len(at), atLeast)
	for i := range at[1:] {
		between = append(between, at[i+1]-at[i])
	}
	return between
}

func TestADayOfRetriesEndsWithTheUpdate(t *testing.T) {
	t.Parallel()
	inBubble(t, always(broken), nil, func(r *rig) {
		u := r.send(1, "x")
		r.pass(25 * time.Hour)
		at := r.times(0)
		if n := len(at); n < 24*30 || n > 24*60 {
			t.Errorf("%d requests in a day", n)
		}
		last := at[len(at)-1]
		if left := u.Expires.Sub(r.start.Add(last)); left < 0 || left > 2*time.Minute {
			t.Errorf("the last request came %v before the update expired", left)
		}
		assert.Zero(t, r.queue.Len(), "updates that wait")
		a := r.saw().attempts[len(r.saw().attempts)-1]
		assert.True(t, a.Dropped && !a.Done, "that the last attempt was given up")
		assert.Equal(t, len(at), a.Number, "its number")
		assert.Len(t, r.saw().failed, len(at), "the number of errors")
	})
}

func TestRetryAfterIsIgnoredWhereTheAnswerIsLost(t *testing.T) {
	t.Parallel()
	inBubble(t, always("HTTP/1.1 200 OK\r\nRetry-After: 100\r\nContent-Length: 0\r\n\r\n"), withFault(sender.Fault{CutAfter: true}), func(r *rig) {
		r.send(1, "a")
		r.pass(time.Minute)
		assert.Equal(t, []time.Duration{0, 2 * time.Second}, r.times(0), "requests") // the second waits for its connection
	})
}

// callback is a callback query, whose life is 150 s.
func callback(from int64) []byte {
	return fmt.Appendf(nil, `{"id":"1","from":{"id":%d},"chat_instance":"1","data":"x"}`, from)
}

func TestCompressedTimeComesSixtyTimesAsFast(t *testing.T) {
	t.Parallel()
	inBubble(t, always(broken), func(cfg *sender.Config) {
		cfg.Clock = clock.New(60)
		cfg.Queue = queue.New(cfg.Clock.Now, 1)
	}, func(r *rig) {
		r.add("callback_query", callback(1))
		r.pass(2500 * time.Millisecond)
		got := r.waits(r.times(0), 6)
		for i, want := range []time.Duration{0, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second} {
			if off := got[i] - want/60; off < 0 || off > time.Microsecond {
				t.Errorf("wait %d is %v, want a sixtieth of %v", i, got[i], want)
			}
		}
		assert.Equal(t, 8, len(got)+1, "requests")
		assert.Zero(t, r.queue.Len(), "updates that wait")
	})
}
