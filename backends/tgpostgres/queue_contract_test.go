package tgpostgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/tghooktest"
)

func TestTheQueueKeepsItsContractWhenPostgreSQLIsKilled(t *testing.T) {
	t.Parallel()
	server := engine.Postgres(t, engine.PostgresConfig{})
	backend := tghooktest.QueueBackend{
		Queue: newQueue(t, connect(t, server, "pool_max_conns=16"), tgpostgres.Config{}),
		Other: newQueue(t, connect(t, server, "pool_max_conns=16"), tgpostgres.Config{}),
		Stop:  server.Kill,
		Start: func() { require.NoError(t, server.Restart(t.Context())) },
	}
	tghooktest.TestQueue(t, func(testing.TB) tghooktest.QueueBackend { return backend })
}

func TestTheQueueKeepsItsContractWhereTheIsolationLevelIsSerializable(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	const option = "default_transaction_isolation=serializable"
	backend := tghooktest.QueueBackend{
		Queue: newQueue(t, connect(t, shared, option, "pool_max_conns=16"), cfg),
		Other: newQueue(t, connect(t, shared, option, "pool_max_conns=16"), cfg),
	}
	tghooktest.TestQueue(t, func(testing.TB) tghooktest.QueueBackend { return backend })
}
