package tgsqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

const (
	jumpLease = 10 * time.Second
	sleptFor  = time.Hour
)

// openTwo opens a file as two processes do.
func openTwo(t *testing.T) (one, other *Queue) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bot.db")
	queues := make([]*Queue, 2)
	for i := range queues {
		store, err := Open(path, Config{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, store.Close()) })
		queues[i] = store.queue
	}
	return queues[0], queues[1]
}

// jump lets the clock jump forward: after it, what happened before is longer ago. If by is negative,
// the clock is set back. No test can set the clock itself.
func jump(t *testing.T, by time.Duration, queues ...*Queue) {
	t.Helper()
	for i, q := range queues {
		require.NoError(t, q.store.writer.do(t.Context(), 0, func(s *session) error {
			q.jumps.wall = q.jumps.wall.Add(-by)
			q.jumps.to -= by.Milliseconds()
			if i > 0 {
				return nil
			}
			_, err := s.exec(`UPDATE leases SET until = until - ?1`, by.Milliseconds())
			return err
		}))
	}
}

func publishTo(t *testing.T, q *Queue, id int64, lane string) {
	t.Helper()
	raw := fmt.Sprintf(`{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":2,"type":"private"}}}`, id)
	require.NoError(t, q.Publish(t.Context(), tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: id}, Lane: lane, Raw: json.RawMessage(raw)}))
}

// takeWithin takes updates for a limited time. It returns them, and how long Take needed.
func takeWithin(t *testing.T, q *Queue, limit time.Duration) ([]tghook.QueuedUpdate, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	us, err := q.Take(ctx, 7, 10, jumpLease)
	require.NoError(t, err)
	return us, time.Since(began)
}

func TestALeaseHoldsWhenTheClockJumps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, other := openTwo(t)
		publishTo(t, one, 1, "a")
		publishTo(t, one, 2, "a")
		publishTo(t, one, 3, "")
		held, _ := takeWithin(t, one, time.Second)
		require.Len(t, held, 3)
		time.Sleep(4 * time.Second)
		jump(t, sleptFor, one, other)
		for _, q := range []*Queue{one, other} {
			us, _ := takeWithin(t, q, 2*time.Second)
			assert.Empty(t, us)
		}
		lost, err := one.Renew(t.Context(), held, jumpLease)
		require.NoError(t, err)
		assert.Empty(t, lost)
		us, took := takeWithin(t, other, time.Minute)
		require.NotEmpty(t, us, "nobody renews the leases any more")
		assert.Equal(t, jumpLease, took)
	})
}

// The process that has the leases is dead.
func TestALeaseEndsInTimeWhenTheClockHasJumped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, other := openTwo(t)
		publishTo(t, one, 1, "a")
		held, _ := takeWithin(t, one, time.Second)
		require.Len(t, held, 1)
		time.Sleep(3 * time.Second)
		for range 3 { // each of them is longer than the lease
			jump(t, sleptFor, one, other)
			for _, q := range []*Queue{other, one} {
				us, _ := takeWithin(t, q, time.Second)
				assert.Empty(t, us)
			}
		}
		us, took := takeWithin(t, other, time.Minute)
		require.Len(t, us, 1)
		assert.Equal(t, 1, us[0].Attempts)
		assert.Equal(t, jumpLease-9*time.Second, took)
	})
}

// All leases of the only process run out at once, or soon, and it takes updates itself before it
// renews leases.
func TestAHandlerRunsOnceWhenTheClockJumps(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{2 * time.Second, 7 * time.Second, 8 * time.Second, 9 * time.Second, jumpLease, 11 * time.Second, sleptFor} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { handleWhileTheClockJumps(t, by) })
		})
	}
}

// handleWhileTheClockJumps lets the clock jump at several moments between two renewals.
func handleWhileTheClockJumps(t *testing.T, by time.Duration) {
	t.Helper()
	q, _ := openTwo(t)
	var calls atomic.Int64
	handler := tghook.HandlerFunc(func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		calls.Add(1)
		select {
		case <-ctx.Done():
			return tghook.NoReply, context.Cause(ctx)
		case <-time.After(50 * time.Second):
			return tghook.NoReply, nil
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var consumer sync.WaitGroup
	consumer.Go(func() {
		assert.NoError(t, tghook.Consume(ctx, q, handler, tghook.ConsumeConfig{Lease: jumpLease, Dispatch: tghook.DispatchConfig{Bot: 7}}))
	})
	for id, lane := range []string{"a", "b", ""} {
		publishTo(t, q, int64(id), lane)
	}
	for i := range int64(8) {
		time.Sleep(4700 * time.Millisecond)
		jump(t, by, q)
		publishTo(t, q, 10+i, fmt.Sprint("c", i)) // so that a Take looks at the clock at once
	}
	time.Sleep(2 * time.Minute)
	assert.EqualValues(t, 3+8, calls.Load())
	state, err := q.State(t.Context(), 7)
	require.NoError(t, err)
	assert.Zero(t, state.Pending)
	cancel()
	consumer.Wait()
}

// The clock jumps, is set right again, and then the process with the lease dies.
func TestALeaseEndsInTimeWhenAJumpIsTakenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		one, other := openTwo(t)
		jump(t, sleptFor, one, other)
		for _, q := range []*Queue{one, other} {
			us, _ := takeWithin(t, q, time.Second)
			assert.Empty(t, us)
		}
		jump(t, -sleptFor, one, other)
		publishTo(t, one, 1, "a")
		held, _ := takeWithin(t, one, time.Second)
		require.Len(t, held, 1)
		us, took := takeWithin(t, other, time.Hour)
		require.Len(t, us, 1)
		assert.Equal(t, jumpLease, took)
	})
}

func TestAClockThatIsSlewedDoesNotJump(t *testing.T) {
	t.Parallel()
	now := time.Now()
	j := newJumps(now)
	for range 100 {
		now = now.Add(lookPause)
		j.wall = j.wall.Add(-lookPause / 10) // a tenth faster than time passes
		j.look(now)
	}
	assert.Zero(t, j.by)
	j.wall = j.wall.Add(time.Hour) // it is set back
	j.look(now)
	assert.Zero(t, j.by)
	j.wall = j.wall.Add(-leastJump)
	j.look(now)
	assert.Equal(t, leastJump, j.by)
}
