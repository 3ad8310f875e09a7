package sender_test

import (
	"fmt"
	"slices"
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

func TestAFailedUpdateComesAgainAtOnceAndThenLaterAndLater(t *testing.T) {
	t.Parallel()
	inBubble(t, always(broken), nil, func(r *rig) {
		r.send(1, "x")
		r.pass(2 * time.Hour)
		got := r.waits(r.times(0), 30)
		assert.Equal(t, []time.Duration{0, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second}, got[:6], "the first waits")
		if w := got[6]; w < 60*time.Second || w > 64*time.Second {
			t.Errorf("the seventh wait is %v, want 60 to 64 s", w)
		}
		different := map[time.Duration]bool{}
		for _, w := range got[7:] {
			assert.GreaterOrEqual(t, w, 60*time.Second)
			assert.LessOrEqual(t, w, 120*time.Second)
			assert.Zero(t, w%time.Second)
			different[w] = true
		}
		assert.GreaterOrEqual(t, len(different), 20)
		assert.Greater(t, r.connections(), 1, "connections that were opened") // idle after 60 s
	})
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

func TestRetryAfterIsAPlainNumberOfSecondsUpToAnHour(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"1":                             time.Second,
		"7":                             7 * time.Second,
		" 7 ":                           7 * time.Second,
		"3600":                          time.Hour,
		"3601":                          time.Hour,
		"2147483647":                    time.Hour,
		"2147483648":                    0,
		"0":                             0,
		"-5":                            0,
		"+5":                            0,
		"05":                            0,
		"1.5":                           0,
		"5s":                            0,
		"":                              0,
		"Fri, 21 Nov 2026 15:00:00 GMT": 0,
		"9\r\nRetry-After: 4":           9 * time.Second,
		"1.5\r\nretry-after: 4":         0,
	} {
		for _, status := range []string{"302 Found", "404 Not Found", "410 Gone", "429 Too Many Requests", "503 Service Unavailable"} {
			inBubble(t, always("HTTP/1.1 "+status+"\r\nRetry-After:"+value+"\r\nContent-Length: 0\r\n\r\n"), nil, func(r *rig) {
				r.send(1, "x")
				r.pass(1 * time.Second)
				r.pass(want)
				assert.Equalf(t, want, r.waits(r.times(0), 1)[0], "the wait after %s with Retry-After %q", status, value)
			})
		}
	}
}

// A wait by Retry-After counts as a failure, but the next delay is the same as without it.
func TestRetryAfterTakesThePlaceOfAWait(t *testing.T) {
	t.Parallel()
	after := map[int]string{0: "100", 3: "7"}
	inBubble(t, func(q request) string {
		if s, ok := after[q.nth]; ok {
			return "HTTP/1.1 429 Too Many Requests\r\nRetry-After: " + s + "\r\nContent-Length: 0\r\n\r\n"
		}
		return broken
	}, nil, func(r *rig) {
		r.send(1, "x")
		r.pass(200 * time.Second)
		assert.Equal(t, []time.Duration{100 * time.Second, 2 * time.Second, 4 * time.Second, 7 * time.Second, 8 * time.Second, 16 * time.Second}, r.waits(r.times(0), 6)[:6], "the waits")
	})
}

func TestRetryAfterIsIgnoredOnSuccess(t *testing.T) {
	t.Parallel()
	inBubble(t, always("HTTP/1.1 200 OK\r\nRetry-After: 100\r\nContent-Length: 0\r\n\r\n"), nil, func(r *rig) {
		r.send(1, "a")
		r.send(1, "b")
		assert.Equal(t, []time.Duration{0, 0}, r.times(0), "requests")
		assert.Zero(t, r.queue.Len(), "updates that wait")
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

func TestTheNextUpdateOfAQueueStartsAfresh(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.nth == 3 {
			return ok
		}
		return broken
	}, nil, func(r *rig) {
		r.send(1, "a")
		r.send(1, "b")
		r.pass(9 * time.Second)
		assert.Equal(t, "a a a a b b b", r.texts(), "requests")
		assert.Equal(t, []time.Duration{0, 2 * time.Second, 4 * time.Second, 0, 0, 2 * time.Second}, r.waits(r.times(0), 6), "the waits")
	})
}

// callback is a callback query, whose life is 150 s.
func callback(from int64) []byte {
	return fmt.Appendf(nil, `{"id":"1","from":{"id":%d},"chat_instance":"1","data":"x"}`, from)
}

func TestAnUpdateIsDroppedWhereItsNextAttemptWouldComeTooLate(t *testing.T) {
	t.Parallel()
	for wait, requests := range map[int]int{149: 2, 150: 2, 151: 1, 3600: 1} {
		inBubble(t, always(fmt.Sprintf("HTTP/1.1 429 Too Many Requests\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n", wait)), nil, func(r *rig) {
			r.add("callback_query", callback(1))
			r.pass(time.Second)
			assert.Equalf(t, requests-1, r.queue.Len(), "updates that wait %d s", wait)
			r.pass(time.Hour)
			assert.Lenf(t, r.got(), requests, "requests with a wait of %d s", wait)
			assert.Zero(t, r.queue.Len(), "updates that wait")
			r.expectFailures(slices.Repeat([]string{"Wrong response from the webhook: 429 Too Many Requests"}, requests)...)
		})
	}
}

// It expires while it waits behind another update, and is still delivered.
func TestExpiryIsNotCheckedBeforeSending(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.at == 0 {
			time.Sleep(50 * time.Second)
		}
		return ok
	}, func(cfg *sender.Config) { cfg.MaxConnections = 1 }, func(r *rig) {
		inline := []byte(`{"id":"1","from":{"id":1},"query":"","offset":""}`)
		r.send(1, "a")
		r.add("inline_query", inline) // loaded beside it
		r.send(1, "b")                // not loaded: the window is full
		r.add("inline_query", inline)
		r.pass(51 * time.Second)
		assert.Len(t, r.got(), 3, "requests")
		assert.Zero(t, r.queue.Len(), "updates that wait")
	})
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
