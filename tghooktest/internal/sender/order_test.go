package sender_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// onOneConnection returns the order of updates that share one connection: the update of
// chat 50 is on its way first, then those of 9, 7 and 8 become ready, and then that of 1.
// All fail, so there is no second connection.
func onOneConnection(t *testing.T, change func(*sender.Config)) (order string) {
	t.Helper()
	inBubble(t, func(q request) string {
		if q.nth == 0 {
			time.Sleep(time.Second)
		}
		return broken
	}, change, func(r *rig) {
		r.send(50, "50")
		r.pass(100 * time.Millisecond)
		for _, chat := range []int64{9, 7, 8} {
			r.send(chat, strconv.FormatInt(chat, 10))
		}
		r.pass(100 * time.Millisecond)
		r.send(1, "1")
		r.pass(time.Second)
		order = strings.Join(strings.Fields(r.texts())[:5], " ")
	})
	return order
}

func TestShuffleTakesQueuesAsTheSeedSays(t *testing.T) {
	t.Parallel()
	orders := map[string]bool{}
	for seed := range uint64(10) {
		change := func(cfg *sender.Config) { cfg.Shuffle, cfg.Seed = true, seed }
		order := onOneConnection(t, change)
		assert.Equal(t, order, onOneConnection(t, change), "the order in the second run")
		orders[order] = true
	}
	assert.GreaterOrEqual(t, len(orders), 5)
}

// With latency each request comes at a different time, which is the same in each run.
func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		var log strings.Builder
		inBubble(t, func(q request) string {
			time.Sleep(time.Duration(q.chat) * time.Millisecond)
			if (q.chat+int64(q.at/time.Second))%3 == 0 {
				return broken
			}
			return ok
		}, func(cfg *sender.Config) { cfg.Seed, cfg.Latency, cfg.MaxConnections = seed, true, 8 }, func(r *rig) {
			for i := range int64(60) {
				r.send(i%12+1, strconv.FormatInt(i, 10))
			}
			r.pass(time.Minute)
			assert.Zero(t, r.queue.Len(), "updates that wait")
			at := map[time.Duration]bool{}
			for _, q := range r.got() {
				at[q.at] = true
				fmt.Fprintln(&log, q.at, q.chat, q.text)
			}
			for _, a := range r.saw().attempts {
				fmt.Fprintln(&log, a.Update.ID, a.Number, a.Start.Sub(r.start), a.Took, a.Status)
			}
			assert.Len(t, at, len(r.got()), "different times of requests")
		})
		return log.String()
	}
	first := run(1)
	for range 5 {
		assert.Equal(t, run(1), first, "the same seed gives the same run")
	}
	assert.NotEqual(t, run(2), first, "another seed gives the same run")
}

// Deliver may begin ids anew with a lower one, while the Sender starts.
func TestAnUpdateWithALowerIDThanBeforeIsSentOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, func(request) string {
		time.Sleep(time.Second)
		return ok
	}, func(cfg *sender.Config) { cfg.Latency = true }, func(r *rig) {
		_, err := r.queue.Deliver(1, "message", message(7, r.start, "first"))
		require.NoError(r, err)
		r.pass(10 * time.Second)
		assert.Equal(r, "first", strings.TrimSpace(r.texts()))
	})
}
