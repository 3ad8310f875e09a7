package tgpostgres_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

// newQueue returns a Queue on the pool, whose tables exist. It waits longer than others, so that its
// calls succeed on a busy machine too.
func newQueue(tb testing.TB, pool *pgxpool.Pool, cfg tgpostgres.Config) *tgpostgres.Queue {
	tb.Helper()
	q, err := tgpostgres.NewQueue(pool, cfg)
	require.NoError(tb, err)
	tgpostgres.Wait(q, time.Minute, time.Minute)
	require.NoError(tb, q.Migrate(tb.Context()))
	return q
}

// queued returns an update of bot 7.
func queued(id int64, lane string) tghook.QueuedUpdate {
	return tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: id}, Lane: lane, Raw: fmt.Appendf(nil, `{"update_id":%d,"x":"\u0000"}`, id)}
}

// takeAll takes what can be taken of bot 7 now.
func takeAll(t *testing.T, q *tgpostgres.Queue, limit int) []tghook.QueuedUpdate {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	taken, err := q.Take(ctx, 7, limit, lease)
	require.NoError(t, err)
	return taken
}

// idsOf returns the ids of updates.
func idsOf(updates []tghook.QueuedUpdate) (ids []int64) {
	for _, u := range updates {
		ids = append(ids, u.Key.ID)
	}
	return ids
}

// useQueue calls every method of a Queue.
func useQueue(t *testing.T, q *tgpostgres.Queue, bot int64) {
	t.Helper()
	u := func(id int64, lane string) tghook.QueuedUpdate {
		u := queued(id, lane)
		u.Key.Bot = bot
		return u
	}
	require.NoError(t, q.Publish(t.Context(), u(1, "a\x00\xff"), u(2, "a\x00\xff"), u(3, ""), u(1, "a\x00\xff"), u(4, "b")))
	require.NoError(t, q.Publish(t.Context(), u(2, "a\x00\xff"), u(5, "")))
	take := func(want ...int64) []tghook.QueuedUpdate {
		t.Helper()
		taken, err := q.Take(t.Context(), bot, 10, lease)
		require.NoError(t, err)
		require.Equal(t, want, idsOf(taken))
		return taken
	}
	taken := take(1, 3, 4, 5)
	require.Equal(t, "a\x00\xff", taken[0].Lane)
	require.JSONEq(t, `{"update_id":1,"x":"\u0000"}`, string(taken[0].Raw))
	require.WithinDuration(t, time.Now(), taken[0].Published, time.Minute)
	lost, err := q.Renew(t.Context(), append(taken, u(2, "")), lease)
	require.NoError(t, err)
	require.Equal(t, []tghook.Key{{Bot: bot, ID: 2}}, lost)
	require.NoError(t, q.Fail(t.Context(), taken[0], []byte("note\x00")))
	require.NoError(t, q.Return(t.Context(), taken[:2]))
	require.ErrorIs(t, q.Done(t.Context(), taken[0]), tghook.ErrClaimLost)
	again := take(1, 3)
	require.Equal(t, 1, again[0].Attempts)
	require.Equal(t, "note\x00", string(again[0].Note))
	for range 2 {
		require.NoError(t, q.Bury(t.Context(), again[0], "why\x00\xff"))
		require.NoError(t, q.Done(t.Context(), again[1]))
	}
	require.ErrorIs(t, q.Done(t.Context(), again[0]), tghook.ErrClaimLost)
	second := take(2)
	state, err := q.State(t.Context(), bot)
	require.NoError(t, err)
	require.Equal(t, []int{3, 3, 1}, []int{state.Pending, state.Leased, state.Dead})
	require.Len(t, state.Lanes, 2)
	require.Equal(t, "a\x00\xff", state.Lanes[0].Lane)
	letters, err := q.DeadLetters(t.Context(), bot, 0, 10)
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, "why\x00\xff", letters[0].Why)
	require.NoError(t, q.PutBack(t.Context(), tghook.Key{Bot: bot, ID: 1}))
	require.ErrorIs(t, q.PutBack(t.Context(), tghook.Key{Bot: bot, ID: 1}), tghook.ErrNoDeadLetter)
	require.NoError(t, q.Done(t.Context(), second[0]))
	first := take(1)
	require.Zero(t, first[0].Attempts)
	require.NoError(t, q.Bury(t.Context(), first[0], "why"))
	require.NoError(t, q.Discard(t.Context(), tghook.Key{Bot: bot, ID: 1}))
	require.ErrorIs(t, q.Discard(t.Context(), tghook.Key{Bot: bot, ID: 1}), tghook.ErrNoDeadLetter)
	require.NoError(t, q.Publish(t.Context(), u(1, ""), u(2, ""), u(3, ""), u(6, "")))
	take(6)
	require.NoError(t, q.Prune(t.Context()))
}

func TestEveryMethodOfAQueueWorksInEveryModeAndIsolationLevel(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	bots := int64(0)
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		for _, level := range []string{"read committed", "repeatable read", "serializable"} {
			bots++
			bot := bots
			t.Run(mode+"/"+level, func(t *testing.T) {
				t.Parallel()
				useQueue(t, newQueue(t, connect(t, shared, "default_query_exec_mode="+mode, "default_transaction_isolation="+level, "pool_max_conns=4"), cfg), bot)
			})
		}
	}
}

func TestAPoolOfOneConnectionServesAQueue(t *testing.T) {
	t.Parallel()
	useQueue(t, newQueue(t, connect(t, shared, "pool_max_conns=1"), newSchema(t)), 1)
}

func TestAPublishedUpdateWakesATakeOfAnotherProcess(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	taker := newQueue(t, connect(t, shared), cfg)
	publisher := newQueue(t, connect(t, shared), cfg)
	tgpostgres.LookEvery(taker, time.Hour)
	const bot = 70_001
	for id := range int64(3) {
		u := queued(id, "chat:1")
		u.Key.Bot = bot
		taken := make(chan []tghook.QueuedUpdate, 1)
		go func() {
			got, err := taker.Take(t.Context(), bot, 1, lease)
			if err == nil && len(got) > 0 {
				err = taker.Done(t.Context(), got[0])
			}
			if err != nil {
				t.Error(err)
			}
			taken <- got
		}()
		require.Eventually(t, func() bool { return tgpostgres.Listens(taker) }, 3*time.Minute, time.Millisecond)
		require.NoError(t, publisher.Publish(t.Context(), u))
		require.Equal(t, []int64{id}, idsOf(receive(t, taken)))
	}
	tgpostgres.LookEvery(taker, time.Second)
}

func TestAnUpdateIsRememberedForOneToThreePeriodsAfterItWasHandled(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	pool := connect(t, shared, "search_path="+`"`+cfg.Schema+`"`)
	q := newQueue(t, pool, cfg) // its own lock for the removal
	handle := func(u tghook.QueuedUpdate) {
		t.Helper()
		require.NoError(t, q.Publish(t.Context(), u))
		taken := takeAll(t, q, 1)
		require.Equal(t, u.Key.ID, taken[0].Key.ID)
		require.NoError(t, q.Done(t.Context(), taken[0]))
	}
	handle(queued(1, "chat:1"))
	require.NoError(t, q.Publish(t.Context(), queued(2, "chat:2"), queued(3, "chat:2"))) // pending, and a dead letter
	require.NoError(t, q.Bury(t.Context(), takeAll(t, q, 1)[0], "why"))
	rows := func() (n int) {
		t.Helper()
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM tghook_queue_done").Scan(&n))
		return n
	}
	const today = "floor(extract(epoch FROM clock_timestamp()) / 86400)::bigint"
	// To move the rows into the past is the same as to let time pass.
	for _, c := range []struct{ age, left int64 }{{0, 1}, {1, 1}, {2, 0}} {
		execute(t, pool, fmt.Sprintf("UPDATE tghook_queue_done SET slot = (%s - %d) %% 3", today, c.age))
		require.NoError(t, q.Prune(t.Context()))
		require.Equal(t, int(c.left), rows(), "after %d days", c.age)
	}
	state, err := q.State(t.Context(), 7)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{state.Pending, state.Dead})

	// In passing, by the first Done of a process.
	execute(t, pool, "INSERT INTO tghook_queue_done SELECT 7, id, 1, ("+today+" + 1) % 3 FROM generate_series(100, 200) id")
	q = newQueue(t, pool, cfg) // its own lock for the removal
	require.NoError(t, q.Done(t.Context(), takeAll(t, q, 1)[0]))
	require.Equal(t, 1, rows())
	require.NoError(t, q.Publish(t.Context(), queued(100, "")), "it is forgotten")
	require.Equal(t, []int64{100}, idsOf(takeAll(t, q, 1)))
}

func TestAPartitionThatIsInUseIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	pool := connect(t, shared, "search_path="+`"`+cfg.Schema+`"`)
	q := newQueue(t, pool, cfg) // its own lock for the removal
	execute(t, pool, "INSERT INTO tghook_queue_done SELECT 7, id, 1, (floor(extract(epoch FROM clock_timestamp()) / 86400)::bigint + 1) % 3 FROM generate_series(100, 200) id")
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT FROM tghook_queue_done")
	require.NoError(t, err)
	require.ErrorContains(t, q.Prune(t.Context()), "lock timeout")
	require.NoError(t, q.Publish(t.Context(), queued(1, "")))
	require.NoError(t, q.Done(t.Context(), takeAll(t, q, 1)[0]), "it does not fail")
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, q.Prune(t.Context()))
}

// The plan of an empty table, which PostgreSQL keeps, must do for a long queue.
func TestTakeReadsTheHeadsAndNotTheBacklog(t *testing.T) {
	t.Parallel()
	pool, _ := recorded(t, newSchema(t), "pool_max_conns=1")
	q := newQueue(t, pool, tgpostgres.Config{})
	execute(t, pool, "VACUUM ANALYZE tghook_queue")
	for id := range int64(10) { // PostgreSQL plans, with nothing in the table
		require.NoError(t, q.Publish(t.Context(), queued(id, "chat:1")))
		require.NoError(t, q.Done(t.Context(), takeAll(t, q, 1)[0]))
	}
	execute(t, pool, `INSERT INTO tghook_queue (bot, id, lane_key, published, head, lane, raw)
		SELECT 7, id, 5, now(), id = 1000, 'chat:2', '{}' FROM generate_series(1000, 20999) id`)
	require.NoError(t, q.Publish(t.Context(), queued(20, "chat:1")))
	reads := func() (n int) {
		t.Helper()
		execute(t, pool, "SELECT pg_stat_force_next_flush()")
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relid = 'tghook_queue'::regclass").Scan(&n))
		return n
	}
	before := reads()
	taken := takeAll(t, q, 10)
	require.Equal(t, []int64{1000, 20}, idsOf(taken))
	require.NoError(t, q.Publish(t.Context(), queued(21, "chat:1")))
	require.NoError(t, q.Done(t.Context(), taken[1]))
	require.Equal(t, []int64{21}, idsOf(takeAll(t, q, 10)))
	require.Less(t, reads()-before, 100, "rows")
}

// Done makes the next update of the lane a head, and Publish makes a head in an empty lane. If
// they did not see each other, no update or two would be a head.
func TestPublishAndDoneOfALaneAtOnceLeaveOneHead(t *testing.T) {
	t.Parallel()
	pool, _ := recorded(t, newSchema(t), "pool_max_conns=8", "synchronous_commit=off")
	queues := []*tgpostgres.Queue{newQueue(t, pool, tgpostgres.Config{}), newQueue(t, pool, tgpostgres.Config{}), newQueue(t, pool, tgpostgres.Config{})}
	require.NoError(t, queues[0].Publish(t.Context(), queued(1, "chat:1")))
	for id := int64(2); id < 400; id += 2 {
		first := takeAll(t, queues[0], 1)
		var all sync.WaitGroup
		all.Go(func() { assert.NoError(t, queues[0].Done(t.Context(), first[0])) })
		for i := range int64(2) {
			all.Go(func() { assert.NoError(t, queues[1+i].Publish(t.Context(), queued(id+i, "chat:1"))) })
		}
		all.Wait()
		var heads int
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM tghook_queue WHERE head").Scan(&heads))
		require.Equal(t, 1, heads, "with update %d", id)
		require.NoError(t, queues[0].Done(t.Context(), takeAll(t, queues[0], 1)[0]))
	}
}

// A suspended process keeps the lock of a lane. No lane is published out of order, and other
// lanes continue.
func TestALaneThatIsLockedFailsAlone(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	pool := connect(t, shared)
	q := newQueue(t, pool, cfg)
	tgpostgres.Wait(q, time.Minute, 500*time.Millisecond)
	other, err := pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Rollback(context.Background()) }) // the pool waits for its end
	_, err = other.Exec(t.Context(), "SELECT pg_advisory_xact_lock($1)", tgpostgres.LaneLock(7, "stuck"))
	require.NoError(t, err)
	all := []tghook.QueuedUpdate{queued(1, "stuck"), queued(2, "free"), queued(3, "stuck")}
	require.ErrorContains(t, q.Publish(t.Context(), all...), "lock timeout")
	taken := takeAll(t, q, 10)
	require.Equal(t, []int64{2}, idsOf(taken))
	require.NoError(t, q.Done(t.Context(), taken[0]))

	require.NoError(t, other.Rollback(t.Context()))
	require.NoError(t, q.Publish(t.Context(), all...))
	require.Equal(t, []int64{1}, idsOf(takeAll(t, q, 10)))
	await(t, q, 2, 0)
}
