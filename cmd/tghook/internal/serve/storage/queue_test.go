package storage_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

func queued(id int64, raw string) tghook.QueuedUpdate {
	return tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: id}, Lane: fmt.Sprint("chat:", id%10), Raw: json.RawMessage(raw)}
}

// The engines check the contract of the queue. This checks that it is theirs.
func TestAllGatewaysShareTheQueueAndItsDeadLetters(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		q, other := open(t, cfg).Queue(), open(t, cfg).Queue()
		u := queued(1, `{"update_id":1}`)
		require.NoError(t, q.Publish(t.Context(), u))
		updates, err := other.Take(t.Context(), 7, 10, time.Minute)
		require.NoError(t, err)
		require.Len(t, updates, 1)
		assert.JSONEq(t, `{"update_id":1}`, string(updates[0].Raw))
		require.NoError(t, other.Bury(t.Context(), updates[0], "why"))
		letters, err := q.DeadLetters(t.Context(), 7, 0, 10)
		require.NoError(t, err)
		require.Len(t, letters, 1)
		assert.Equal(t, "why", letters[0].Why)
		require.NoError(t, q.PutBack(t.Context(), u.Key))
		state, err := other.State(t.Context(), 7)
		require.NoError(t, err)
		assert.Equal(t, 1, state.Pending)
		assert.Equal(t, 1, takeAll(t, q))
	})
}

// takeAll handles all updates of the bot 7.
func takeAll(t *testing.T, q storage.Queue) (number int) {
	t.Helper()
	for {
		state, err := q.State(t.Context(), 7)
		require.NoError(t, err)
		if state.Pending == 0 {
			return number
		}
		updates, err := q.Take(t.Context(), 7, 100, time.Minute)
		require.NoError(t, err)
		for _, u := range updates {
			require.NoError(t, q.Done(t.Context(), u))
			number++
		}
	}
}

// A store that is full takes updates again when some were handled, without help.
func TestAFullStorageRefusesUpdatesAndStillHandlesThem(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		cfg.MaxSize = 2 << 20
		s := open(t, cfg)
		q := s.Queue()
		require.NoError(t, check(t, s))
		body := `{"text":"` + string(incompressible(2000)) + `"}`
		kept := 0
		var refused error
		for refused == nil {
			refused = q.Publish(t.Context(), queued(int64(kept), body))
			if refused == nil {
				kept++
			}
			require.Less(t, kept*2000, 4<<20, "it never gets full")
			if kept%100 == 0 {
				_ = check(t, s) // looks at the size now
			}
		}
		assert.Greater(t, kept*2000, 1<<20, "it is full too early")
		eventually(t, func() bool { return check(t, s) != nil }, "it is full")
		for _, err := range []error{check(t, s), q.Publish(t.Context(), queued(1_000_000, body))} {
			require.ErrorContains(t, err, "the storage is full: waiting updates, dead letters and the ids of handled updates take ")
			require.ErrorContains(t, err, "storage.max_size is 2097152; raise it, discard dead letters, or wait")
		}
		again := open(t, cfg)
		require.ErrorContains(t, again.Queue().Publish(t.Context(), queued(1_000_001, body)), "the storage is full", "also for one that was started later")
		require.NoError(t, s.SaveBot(t.Context(), storage.Added{Name: "shop", Sealed: []byte("x")}), "it is not in the queue")

		assert.Equal(t, kept, takeAll(t, q))
		eventually(t, func() bool { return s.Check(t.Context()) == nil }, "it has room again")
		require.NoError(t, q.Publish(t.Context(), queued(1_000_002, body)))
		eventually(t, func() bool { return again.Queue().Publish(t.Context(), queued(1_000_003, body)) == nil }, "the other sees it too")
	})
}

// Room that is used again does not count, though the table never gets smaller.
func TestATableOfPostgreSQLThatWasLargeIsNotFull(t *testing.T) {
	t.Parallel()
	cfg := onPostgres(t)
	cfg.MaxSize = 1 << 20
	large := cfg
	large.MaxSize = 0
	writer := open(t, large)
	body := `{"text":"` + string(incompressible(1500)) + `"}`
	updates := make([]tghook.QueuedUpdate, 1500)
	for i := range updates {
		updates[i] = queued(int64(i), body)
	}
	require.NoError(t, writer.Queue().Publish(t.Context(), updates...))
	s := open(t, cfg)
	require.ErrorContains(t, check(t, s), "the storage is full")
	assert.Equal(t, len(updates)-20, takeAllBut(t, writer.Queue(), len(updates)-20))
	size, err := s.Size(t.Context())
	require.NoError(t, err)
	assert.Greater(t, size, cfg.MaxSize)
	require.NoError(t, check(t, s))
	require.NoError(t, s.Queue().Publish(t.Context(), queued(1_000_000, body)))
}

// takeAllBut handles so many of the first updates of the bot 7, and leaves the others.
func takeAllBut(t *testing.T, q tghook.Queue, most int) (number int) {
	t.Helper()
	for number < most {
		updates, err := q.Take(t.Context(), 7, min(100, most-number), time.Minute)
		require.NoError(t, err)
		for _, u := range updates {
			require.NoError(t, q.Done(t.Context(), u))
			number++
		}
	}
	return number
}

// Nobody calls the queue but Publish, which is refused: no bot takes updates, and nothing checks.
func TestAFileThatHandledUpdatesFillForgetsThem(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	cfg.MaxSize = 1 << 20
	q := open(t, cfg).Queue()
	require.NoError(t, q.Publish(t.Context(), queued(100_001, `"`+string(incompressible(800_000))+`"`)))
	db := openFile(t, filepath.Join(cfg.Path, "queue.db"))
	_, err := db.ExecContext(t.Context(), `
		WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 3000)
		INSERT INTO keys SELECT 7, id, 1 << 62, 1 << 62 FROM n`)
	require.NoError(t, err)
	var refused error
	eventually(t, func() bool {
		refused = q.Publish(t.Context(), queued(100_002, `{}`))
		return errors.Is(refused, storage.ErrFull)
	}, "the ids count")
	require.ErrorContains(t, refused, "the ids of handled updates take ")
	_, err = db.ExecContext(t.Context(), `UPDATE keys SET forget = 0 WHERE forget IS NOT NULL`)
	require.NoError(t, err)
	eventually(t, func() bool { return q.Publish(t.Context(), queued(100_003, `{}`)) == nil }, "it has room again")
}

func TestADatabaseThatHandledUpdatesFillForgetsThem(t *testing.T) {
	t.Parallel()
	cfg := onPostgres(t)
	cfg.MaxSize = 1 << 20
	require.NoError(t, open(t, cfg).Queue().Publish(t.Context(), queued(100_001, `{}`)))
	done := pgx.Identifier{cfg.Schema, "tghook_queue_done"}.Sanitize()
	// A partition is that of a day, and the next one is that of the day before yesterday.
	handle := func(days int) {
		t.Helper()
		_, err := direct(t, cfg).ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO %s
			SELECT 7, id, 1, (floor(extract(epoch FROM clock_timestamp()) / 86400)::bigint + %d) %% 3 FROM generate_series(1, 20000) id`, done, days))
		require.NoError(t, err)
	}
	handle(1)
	require.NoError(t, open(t, cfg).Queue().Publish(t.Context(), queued(100_002, `{}`)), "those of the day before yesterday are forgotten")
	handle(0)
	err := open(t, cfg).Queue().Publish(t.Context(), queued(100_003, `{}`))
	require.ErrorIs(t, err, storage.ErrFull)
	require.ErrorContains(t, err, "the ids of handled updates take ")
}

func TestSizeCountsAllFiles(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s := open(t, cfg)
		before, err := s.Size(t.Context())
		require.NoError(t, err)
		assert.Positive(t, before)
		require.NoError(t, s.Queue().Publish(t.Context(), queued(1, `"`+string(incompressible(1<<20))+`"`)))
		queue, err := s.Size(t.Context())
		require.NoError(t, err)
		assert.Greater(t, queue, before+1<<20)
		s.Record(storage.Row{ID: "1"}, &storage.Exchange{Body: incompressible(1 << 20)})
		awaitRows(t, s, storage.Filter{}, 1)
		history, err := s.Size(t.Context())
		require.NoError(t, err)
		assert.Greater(t, history, queue+1<<20)
	})
}
