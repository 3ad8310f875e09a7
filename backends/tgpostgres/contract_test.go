package tgpostgres_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/tghooktest"
)

func TestTheStoreKeepsItsContractWhenPostgreSQLIsKilled(t *testing.T) {
	t.Parallel()
	server := engine.Postgres(t, engine.PostgresConfig{})
	backend := tghooktest.Backend{
		Store: open(t, connect(t, server), tgpostgres.Config{}),
		Other: open(t, connect(t, server), tgpostgres.Config{}),
		Stop:  server.Kill,
		Start: func() { require.NoError(t, server.Restart(t.Context())) },
	}
	tghooktest.TestStore(t, func(testing.TB) tghooktest.Backend { return backend })
}

func TestTheStoreKeepsItsContractWhereTheIsolationLevelIsSerializable(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	const option = "default_transaction_isolation=serializable"
	backend := tghooktest.Backend{
		Store: open(t, connect(t, shared, option), cfg),
		Other: open(t, connect(t, shared, option), cfg),
	}
	tghooktest.TestStore(t, func(testing.TB) tghooktest.Backend { return backend })
}

func TestACallThatMeetsAnotherRunsAgainWhereTheIsolationLevelIsRepeatableRead(t *testing.T) {
	t.Parallel()
	pool, statements := recorded(t, newSchema(t), "default_transaction_isolation=repeatable read", "pool_max_conns=8")
	store := open(t, pool, tgpostgres.Config{})
	tgpostgres.PruneOneIn(store, 1<<62)
	statements.take()
	const rounds, crowd = 50, 8
	for round := range int64(rounds) {
		var granted atomic.Int64
		var callers sync.WaitGroup
		for range crowd {
			callers.Go(func() {
				res, err := store.Claim(t.Context(), claim(round), lease, ttl)
				if assert.NoError(t, err) && res.State == tghook.ClaimGranted {
					granted.Add(1)
				}
			})
		}
		callers.Wait()
		require.Equal(t, int64(1), granted.Load())
	}
	assert.Greater(t, len(statements.take()), rounds*crowd, "no two calls have met")
	use(t, store, 8)
}
