package tgpostgres_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
