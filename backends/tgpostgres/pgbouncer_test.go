package tgpostgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/internal/test/engine"
)

func TestTheStoreWorksThroughPgBouncerInTransactionMode(t *testing.T) {
	t.Parallel()
	server := engine.Postgres(t, engine.PostgresConfig{})
	bouncer := engine.PgBouncer(t, server)

	for i, mode := range []string{"exec", "simple_protocol"} {
		store := open(t, connect(t, bouncer, "pool_max_conns=16", "default_query_exec_mode="+mode), tgpostgres.Config{})
		tgpostgres.PruneOneIn(store, 4)
		var callers sync.WaitGroup
		for bot := range int64(16) {
			callers.Go(func() { use(t, store, int64(100*i)+bot) })
		}
		callers.Wait()
	}

	// Two pools prepare a statement of one name on the connections that they share.
	var err error
	for range 4 {
		if _, err = newStore(t, connect(t, bouncer), tgpostgres.Config{}).Claim(t.Context(), claim(1), lease, ttl); err != nil {
			break
		}
	}
	require.Error(t, err)
	assert.ErrorContains(t, err, "tgpostgres: Claim of update 1 of bot 7: a pooler gives each transaction another connection; add default_query_exec_mode=exec to the URL: ")
}

// LISTEN does not work there, so Take looks for updates without notifications.
func TestTheQueueWorksThroughPgBouncerInTransactionMode(t *testing.T) {
	t.Parallel()
	server := engine.Postgres(t, engine.PostgresConfig{})
	bouncer := engine.PgBouncer(t, server)
	for i, mode := range []string{"exec", "simple_protocol"} {
		var log syncBuffer
		pool := connect(t, bouncer, "pool_max_conns=8", "default_query_exec_mode="+mode)
		q := newQueue(t, pool, tgpostgres.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		var callers sync.WaitGroup
		for bot := range int64(8) {
			callers.Go(func() { useQueue(t, q, 100+100*int64(i)+bot) })
		}
		callers.Wait()

		execute(t, pool, "CREATE TABLE IF NOT EXISTS entries (id bigint, who text); TRUNCATE entries")
		stop := consume(t, q, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			return tghook.NoReply, write(ctx, mode)
		})
		for id := range int64(10) {
			u := message1(10*int64(i) + id)
			u.Lane = fmt.Sprint("chat:", id%3)
			require.NoError(t, newQueue(t, connect(t, bouncer, "default_query_exec_mode="+mode), tgpostgres.Config{}).Publish(t.Context(), u))
		}
		await(t, q, 0, 0)
		assert.Equal(t, 10, entries(t, pool))
		require.Eventually(t, func() bool { return strings.Contains(log.String(), "LISTEN does not work") }, time.Minute, 50*time.Millisecond)
		stop()
		assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	}
}

// syncBuffer is a log.
type syncBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
