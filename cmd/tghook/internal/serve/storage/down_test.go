package storage_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/internal/test/engine"
)

func TestADatabaseThatStopsAndComesBack(t *testing.T) {
	t.Parallel()
	server := engine.Postgres(t, engine.PostgresConfig{Password: password})
	s := open(t, config.Storage{Postgres: server.URL, MaxSize: 1 << 30})
	more := s.Watch()
	s.Record(storage.Row{ID: "before"}, nil)
	<-more
	server.Kill()
	err := s.Check(t.Context())
	require.ErrorContains(t, err, "does not answer: ") // the database, or on a slow machine the storage
	assert.NotContains(t, err.Error(), password)
	_, err = s.Hold(t.Context(), "role", time.Minute)
	require.Error(t, err)
	require.Error(t, s.SetPaused(t.Context(), 7, true))
	require.Error(t, s.Queue().Publish(t.Context(), queued(1, `{}`)))
	more = s.Watch()
	s.Record(storage.Row{ID: "while it was away"}, nil)
	require.NoError(t, server.Restart(t.Context()))
	<-more
	eventually(t, func() bool { return s.Check(t.Context()) == nil }, "it is back")
	awaitRows(t, s, storage.Filter{}, 2)
	holds(t, s, "role", time.Minute, true)
	require.NoError(t, s.SetPaused(t.Context(), 7, true))
	require.NoError(t, s.Queue().Publish(t.Context(), queued(1, `{}`)))
	assert.Zero(t, s.Dropped())
}

// A database that hangs answers nothing, but keeps its connections.
func TestADatabaseThatHangsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	server := engine.Postgres(t, engine.PostgresConfig{Password: password})
	s, err := storage.Open(t.Context(), config.Storage{Postgres: server.URL, MaxSize: 1 << 30})
	require.NoError(t, err)
	require.NoError(t, server.Pause())
	began := time.Now()
	var checks sync.WaitGroup
	for range 5 {
		checks.Go(func() { assert.ErrorContains(t, s.Check(t.Context()), "does not answer") })
	}
	checks.Wait()
	assert.Less(t, time.Since(began), patience)

	// A flood meets the bounds: rows, and bytes.
	began = time.Now()
	for i := range 12_000 {
		s.Record(storage.Row{ID: strconv.Itoa(i)}, nil)
	}
	assert.EqualValues(t, 2_000, s.Dropped())
	assert.Less(t, time.Since(began), patience, "Record does not wait")
	began = time.Now()
	require.ErrorContains(t, s.Close(), "10000 rows of the history could not be written")
	assert.Less(t, time.Since(began), 20*time.Second, "the tries of a write take longer") // on a slow machine
	assert.LessOrEqual(t, storage.TimeOfClose, 4500*time.Millisecond)
	require.NoError(t, server.Resume())
}

// All checks at once are over when the time of one is over, also where a call of the system hangs.
func TestCheckWaitsForAnAnswerForABoundedTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		heeds bool
		took  time.Duration
	}{
		"a call that is cut off": {true, 1500 * time.Millisecond},
		"a call that hangs":      {false, 1600 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, release := storage.Hanging(c.heeds)
				defer release()
				began := time.Now()
				var checks sync.WaitGroup
				for range 5 {
					checks.Go(func() { assert.ErrorContains(t, s.Check(t.Context()), "does not answer") })
				}
				checks.Wait()
				require.Equal(t, c.took, time.Since(began))
			})
		})
	}
}

func TestTheHistoryThatWaitsIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	s := open(t, cfg)
	lock := direct(t, cfg)
	lock.SetMaxOpenConns(1)
	execute := func(statement string) {
		_, err := lock.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	execute("BEGIN IMMEDIATE")
	const large = 1 << 20
	for i := range 80 {
		s.Record(storage.Row{ID: strconv.Itoa(i)}, &storage.Exchange{Body: make([]byte, large)})
	}
	assert.EqualValues(t, 80-63, s.Dropped())
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(300*time.Millisecond, cancel).Stop()
	require.ErrorIs(t, s.SetPaused(ctx, 7, true), context.Canceled, "the file is locked, and the call has not waited until its own time was over")
	execute("COMMIT")
	awaitRows(t, s, storage.Filter{}, 63)
	s.Record(storage.Row{ID: "later"}, &storage.Exchange{Body: make([]byte, large)})
	awaitRows(t, s, storage.Filter{}, 64)
	assert.EqualValues(t, 80-63, s.Dropped(), "there is room again")
}

func TestCheckSaysThatTheDatabaseIsReadOnly(t *testing.T) {
	t.Parallel()
	cfg := onPostgres(t)
	s := open(t, cfg)
	require.NoError(t, check(t, s))
	readOnly := cfg
	readOnly.Postgres += "&default_transaction_read_only=on"
	err := check(t, open(t, readOnly))
	require.EqualError(t, err, "the database is read-only, perhaps a standby: add target_session_attrs=read-write to storage.postgres")
}
