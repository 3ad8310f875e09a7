package tgsqlite

import (
	"context"
	"encoding/json"
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

const longTake = 10 * time.Second

// openQueue opens a new file. The end of waitingTakes closes it.
func openQueue(t *testing.T) *Queue {
	t.Helper()
	store, err := Open(filepath.Join(t.TempDir(), "bot.db"), Config{})
	require.NoError(t, err)
	return store.queue
}

// waitingTakes starts a Take for each of some bots in a bubble. The function that it returns ends
// them, and closes the file.
func waitingTakes(t *testing.T, q *Queue, bots ...int64) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var takes sync.WaitGroup
	for _, bot := range bots {
		takes.Go(func() {
			us, err := q.Take(ctx, bot, 1, time.Minute)
			assert.True(t, err == nil && us == nil, "%v %v", err, us)
		})
	}
	synctest.Wait()
	return func() {
		cancel()
		takes.Wait()
		assert.Empty(t, q.change.waiting, "nobody waits any more")
		assert.Nil(t, q.change.stop, "nobody looks any more")
		require.NoError(t, q.store.Close())
	}
}

// The time of a bot's last search for ended leases tells whether its Take has run a transaction.
func TestABusyNeighbourWakesNoTake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := openQueue(t)
		defer waitingTakes(t, q, 7)()
		began := q.scans[7]
		require.NotZero(t, began)
		for id := range int64(20) {
			require.NoError(t, q.Publish(t.Context(), tghook.QueuedUpdate{Key: tghook.Key{Bot: 8, ID: id}, Lane: "a", Raw: json.RawMessage(`{}`)}))
			us, err := q.Take(t.Context(), 8, 1, time.Minute)
			require.NoError(t, err)
			require.Len(t, us, 1)
			require.NoError(t, q.Fail(t.Context(), us[0], nil))
			require.NoError(t, q.Return(t.Context(), us))
			us, err = q.Take(t.Context(), 8, 1, time.Minute)
			require.NoError(t, err)
			require.NoError(t, q.Bury(t.Context(), us[0], "why"))
			require.NoError(t, q.PutBack(t.Context(), us[0].Key))
			us, err = q.Take(t.Context(), 8, 1, time.Minute)
			require.NoError(t, err)
			require.NoError(t, q.Done(t.Context(), us[0]))
			time.Sleep(lookPause + time.Millisecond)
			synctest.Wait()
		}
		assert.Equal(t, began, q.scans[7])
		assert.Greater(t, time.Since(q.scans[8]), lookPause)
		assert.Less(t, time.Since(q.scans[8]), longTake)
	})
}

func TestIdleTakesShareTheirLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bots := make([]int64, 50)
		for i := range bots {
			bots[i] = int64(i + 1)
		}
		q := openQueue(t)
		var looks atomic.Int64
		look := q.change.look
		q.change.look = func() ([]int64, error) {
			looks.Add(1)
			return look()
		}
		end := waitingTakes(t, q, bots...)
		time.Sleep(longTake)
		synctest.Wait()
		assert.EqualValues(t, longTake/lookPause, looks.Load())
		end()
		time.Sleep(longTake)
		assert.EqualValues(t, longTake/lookPause, looks.Load())
	})
}

func TestALookFindsEveryBotWithWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := openQueue(t)
		finds := func(want ...int64) {
			t.Helper()
			bots, err := q.ready()
			require.NoError(t, err)
			assert.ElementsMatch(t, want, bots)
		}
		finds()
		for _, bot := range []int64{3, 5, 4, 9} {
			for id := range int64(3) {
				require.NoError(t, q.Publish(t.Context(), tghook.QueuedUpdate{Key: tghook.Key{Bot: bot, ID: id}, Lane: "a", Raw: json.RawMessage(`{}`)}))
			}
		}
		finds(3, 4, 5, 9)
		_, err := q.Take(t.Context(), 4, 10, time.Minute)
		require.NoError(t, err)
		finds(3, 5, 9)
		time.Sleep(time.Minute)
		finds(3, 4, 5, 9)
		require.NoError(t, q.store.Close())
	})
}

// A look that fails, here because the file is closed, wakes each Take, which then fails itself.
func TestAFailedLookEndsEveryTake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := openQueue(t)
		var takes sync.WaitGroup
		for bot := range int64(3) {
			takes.Go(func() {
				_, err := q.Take(t.Context(), bot+1, 1, time.Minute)
				assert.ErrorIs(t, err, errClosed)
			})
		}
		synctest.Wait()
		require.NoError(t, q.store.Close())
		takes.Wait()
	})
}
