package tgsqlite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

// queued is an update of the bot 7.
func queued(id int64, lane string) tghook.QueuedUpdate {
	return tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: id}, Lane: lane, Raw: json.RawMessage(fmt.Sprintf(`{"update_id":%d}`, id))}
}

func publish(tb testing.TB, q tghook.Queue, updates ...tghook.QueuedUpdate) {
	tb.Helper()
	require.NoError(tb, q.Publish(within(tb), updates...))
}

func take(tb testing.TB, q tghook.Queue, limit int) []tghook.QueuedUpdate {
	tb.Helper()
	us, err := q.Take(within(tb), 7, limit, lease)
	require.NoError(tb, err)
	return us
}

func ids(us []tghook.QueuedUpdate) []int64 {
	all := make([]int64, len(us))
	for i, u := range us {
		all[i] = u.Key.ID
	}
	return all
}

// nothing expects that nothing can be taken.
func nothing(tb testing.TB, q tghook.Queue) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 300*time.Millisecond)
	defer cancel()
	us, err := q.Take(ctx, 7, 10, lease)
	require.NoError(tb, err)
	require.Empty(tb, us)
}

func TestALaneIsTakenInOrderAndByOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := open(t, newFile(t)).Queue()
		publish(t, q, queued(1, "a"), queued(2, "a"), queued(3, "b"), queued(4, ""), queued(5, ""), queued(6, "a"))
		publish(t, q, queued(2, "a"), queued(4, ""))
		first := take(t, q, 2)
		assert.Equal(t, []int64{1, 3}, ids(first))
		assert.JSONEq(t, `{"update_id":1}`, string(first[0].Raw))
		rest := take(t, q, 10)
		assert.Equal(t, []int64{4, 5}, ids(rest))
		nothing(t, q)
		require.NoError(t, q.Done(within(t), first[0]))
		require.NoError(t, q.Done(within(t), first[0]), "again")
		a := take(t, q, 10)
		assert.Equal(t, []int64{2, 6}, ids(a))
		require.NoError(t, q.Return(within(t), a[:1]))
		nothing(t, q)
		require.NoError(t, q.Done(within(t), a[1]))
		assert.Equal(t, []int64{2}, ids(take(t, q, 10)))
		publish(t, q, queued(1, "a"))
		state, err := q.State(within(t), 7)
		require.NoError(t, err)
		assert.Equal(t, 4, state.Pending)
		assert.Equal(t, 4, state.Leased)
		require.Len(t, state.Lanes, 2)
		assert.Equal(t, "b", state.Lanes[1].Lane)
	})
}

func TestLeasesThatHaveRunOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		q, other := open(t, path).Queue(), open(t, path).Queue()
		publish(t, q, queued(1, "a"), queued(2, "a"), queued(3, "b"), queued(4, ""))
		us := take(t, q, 10)
		require.Equal(t, []int64{1, 3, 4, 2}, ids(us))
		time.Sleep(lease)
		require.NoError(t, q.Done(within(t), us[1]), "it still holds")
		again := take(t, other, 1)
		require.Equal(t, []int64{1}, ids(again))
		assert.Equal(t, 1, again[0].Attempts)
		require.ErrorIs(t, q.Done(within(t), us[0]), tghook.ErrClaimLost)
		require.ErrorIs(t, q.Fail(within(t), us[3], nil), tghook.ErrClaimLost, "of the same lane")
		lost, err := q.Renew(within(t), us, lease)
		require.NoError(t, err)
		assert.ElementsMatch(t, []tghook.Key{{Bot: 7, ID: 1}, {Bot: 7, ID: 2}, {Bot: 7, ID: 3}}, lost)
		require.NoError(t, other.Done(within(t), again[0]))
		again = take(t, other, 5)
		require.Equal(t, []int64{2}, ids(again))
		assert.Zero(t, again[0].Attempts)
		nothing(t, q)
	})
}

func TestTakeWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		q, other := open(t, path).Queue(), open(t, path).Queue()
		for name, by := range map[string]*tgsqlite.Queue{"within the process": q, "of another": other} {
			began := time.Now()
			time.AfterFunc(time.Second+time.Millisecond, func() { publish(t, by, queued(int64(len(name)), "")) })
			us := take(t, q, 10)
			require.Len(t, us, 1)
			took := time.Since(began)
			if by == q {
				assert.Equal(t, time.Second+time.Millisecond, took, name)
			} else {
				assert.Equal(t, time.Second+250*time.Millisecond, took, name)
			}
		}
	})
}

func TestAClockThatIsSetBackHoldsAQueueUpNoLongerThanALease(t *testing.T) {
	path := newFile(t)
	var held []tghook.QueuedUpdate
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10 * time.Hour)
		q := open(t, path).Queue()
		publish(t, q, queued(1, "a"), queued(2, "b"), queued(3, ""))
		held = take(t, q, 10)
	})
	synctest.Test(t, func(t *testing.T) { // begins ten hours before
		q := open(t, path).Queue()
		nothing(t, q)
		time.Sleep(lease / 2)
		lost, err := q.Renew(within(t), held[2:], lease)
		require.NoError(t, err)
		assert.Empty(t, lost, "it holds")
		nothing(t, q)
		began := time.Now()
		us, err := q.Take(t.Context(), 7, 10, lease)
		require.NoError(t, err)
		assert.Equal(t, []int64{1, 2}, ids(us), "those that nobody has renewed")
		assert.Less(t, time.Since(began), lease)
	})
}

func TestAWaitingTakeDoesNotWrite(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		q := open(t, path).Queue()
		publish(t, q, queued(1, "a"))
		take(t, q, 1)
		before, err := os.ReadFile(path + "-wal")
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), lease-time.Second)
		defer cancel()
		us, err := q.Take(ctx, 7, 1, lease)
		require.NoError(t, err)
		assert.Empty(t, us)
		after, err := os.ReadFile(path + "-wal")
		require.NoError(t, err)
		assert.Equal(t, before, after)
	})
}

// A lane's lease that has run out ends for all its updates when another process takes the lane,
// also if the other takes only some of them. Otherwise both would handle the lane at once.
func TestALaneIsNeverOfTwoProcesses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		one, other := open(t, path).Queue(), open(t, path).Queue()
		publish(t, one, queued(1, "a"), queued(2, "a"))
		us := take(t, one, 2)
		time.Sleep(lease)
		require.Equal(t, []int64{1}, ids(take(t, other, 1)))
		lost, err := one.Renew(within(t), us, lease)
		require.NoError(t, err)
		assert.Len(t, lost, 2)
	})
}

func TestTakeGivesEachLaneAShare(t *testing.T) {
	bubble(t, func(t *testing.T) {
		q := open(t, newFile(t)).Queue()
		for id := range int64(100) {
			publish(t, q, queued(1+id, "long"))
		}
		assert.Len(t, take(t, q, 100), 4, "at most so many of a lane")
		publish(t, q, queued(201, "a"), queued(202, "a"), queued(203, "b"), queued(204, "a"), queued(205, ""))
		assert.Equal(t, []int64{201, 203, 205, 202}, ids(take(t, q, 4)))
	})
}

func TestWhatAQueueRefuses(t *testing.T) {
	t.Parallel()
	q := open(t, newFile(t)).Queue()
	_, err := q.Take(within(t), 7, 0, lease)
	require.ErrorContains(t, err, "tgsqlite: Take for bot 7: limit is 0 and lease is 30s; both must be positive")
	_, err = q.Take(within(t), 7, 1, -1)
	require.ErrorContains(t, err, "both must be positive")
	foreign := queued(1, "a")
	require.ErrorContains(t, q.Done(within(t), foreign), "tgsqlite: Done of update 1 of bot 7: its Receipt is not from this Queue")
	require.ErrorContains(t, q.Return(within(t), []tghook.QueuedUpdate{foreign}), "its Receipt is not from this Queue")
	require.NoError(t, q.Publish(within(t)))
	require.NoError(t, q.Return(within(t), nil))
}

func TestCallsOfAQueueThatIsClosedFail(t *testing.T) {
	t.Parallel()
	store, err := tgsqlite.Open(newFile(t), tgsqlite.Config{})
	require.NoError(t, err)
	q := store.Queue()
	publish(t, q, queued(1, "a"))
	us := take(t, q, 1)
	require.NoError(t, store.Close())
	_, err = q.Take(within(t), 7, 1, lease)
	require.ErrorContains(t, err, "tgsqlite: Take for bot 7: the Store is closed")
	require.ErrorContains(t, q.Done(within(t), us[0]), "the Store is closed")
	_, err = q.State(within(t), 7)
	require.ErrorContains(t, err, "tgsqlite: State of bot 7")
	_, err = q.DeadLetters(within(t), 7, 0, 1)
	require.ErrorContains(t, err, "tgsqlite: DeadLetters of bot 7")
	require.ErrorContains(t, q.PutBack(within(t), us[0].Key), "tgsqlite: PutBack of update 1 of bot 7")
}
