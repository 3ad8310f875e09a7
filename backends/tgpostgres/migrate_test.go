package tgpostgres_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/backends/tgpostgres"
)

func TestManyReplicasMayMakeTheTablesAtOnce(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"read committed", "serializable"} {
		cfg := newSchema(t)
		var replicas sync.WaitGroup
		begin := make(chan struct{})
		for range 8 {
			store := newStore(t, connect(t, shared, "default_transaction_isolation="+level), cfg)
			replicas.Go(func() {
				<-begin
				err := store.Migrate(t.Context())
				if err == nil {
					_, err = store.Claim(t.Context(), claim(1), lease, ttl)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		close(begin)
		replicas.Wait()
	}
}

func TestAnyNamesOfTheTablesWork(t *testing.T) {
	t.Parallel()
	pool := connect(t, shared)
	execute(t, pool, `CREATE SCHEMA "A.b""; DROP TABLE c; --"`)
	for bot, cfg := range []tgpostgres.Config{
		{Schema: `A.b"; DROP TABLE c; --`},
		{Schema: `A.b"; DROP TABLE c; --`, Prefix: `Größe "%s" $1 tghook_albums `},
		{Prefix: "a123456789012345678901234567890123456789012"},
		{Prefix: "select"},
	} {
		use(t, open(t, pool, cfg), int64(bot))
		_, err := newStore(t, pool, cfg).Prune(t.Context())
		require.NoError(t, err)
	}
	var tables int
	const count = `SELECT count(*) FROM pg_class WHERE relname IN ('tghook_updates', 'tghook_albums', 'tghook_updates_forget_after', 'Größe "%s" $1 tghook_albums updates', 'a123456789012345678901234567890123456789012updates_forget_after', 'selectalbums') AND relkind IN ('r', 'i') AND relnamespace::regnamespace::text NOT LIKE '%TEST%' AND relnamespace::regnamespace::text NOT LIKE '%test_%'`
	require.NoError(t, pool.QueryRow(t.Context(), count).Scan(&tables))
	assert.Equal(t, 6, tables)
}

func TestTheMigrationMakesTheTablesForAUserWithoutTheRightTo(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	owner := connect(t, shared)
	role := `"` + cfg.Schema + `"`
	execute(t, owner, "CREATE ROLE "+role+" LOGIN PASSWORD '"+password+"'; GRANT USAGE ON SCHEMA "+role+" TO "+role)
	pool := connect(t, shared, "user="+cfg.Schema)
	store := newStore(t, pool, cfg)
	err := store.Migrate(t.Context())
	require.ErrorContains(t, err, "tgpostgres: Migrate: make the tables: the user needs SELECT, INSERT, UPDATE and DELETE on ")
	require.ErrorContains(t, err, "and for Migrate also CREATE on the schema: ")
	_, err = store.Claim(t.Context(), claim(1), lease, ttl)
	require.ErrorContains(t, err, "tgpostgres: Claim of update 1 of bot 7: call Store.Migrate once, or run the SQL that tgpostgres.Migration returns: ")
	require.ErrorContains(t, err, "tghook_updates")

	sql, err := tgpostgres.Migration(cfg)
	require.NoError(t, err)
	for range 2 {
		execute(t, owner, sql)
	}
	_, err = store.Claim(t.Context(), claim(1), lease, ttl)
	require.ErrorContains(t, err, "the user needs SELECT, INSERT, UPDATE and DELETE on ")
	execute(t, owner, "GRANT SELECT, INSERT, UPDATE, DELETE ON "+role+".tghook_updates, "+role+".tghook_albums TO "+role)
	require.NoError(t, store.Migrate(t.Context()), "there is nothing to make")
	use(t, store, 1)
	_, err = store.Prune(t.Context())
	require.NoError(t, err)
}
