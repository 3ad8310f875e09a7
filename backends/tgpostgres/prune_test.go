package tgpostgres_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

// fill makes expired rows of updates and albums, and one of each that has not expired.
const fill = `
	INSERT INTO tghook_updates SELECT 8, id, clock_timestamp(), clock_timestamp(), '1 h', 0, 'done', '' FROM generate_series(1, 1200) id;
	INSERT INTO tghook_updates VALUES (8, 0, clock_timestamp(), clock_timestamp() + '1 h', '1 h', 0, 'done', '');
	INSERT INTO tghook_albums SELECT 8, clock_timestamp(), id::text::bytea, 'V1', 'value' FROM generate_series(1, 600) id;
	INSERT INTO tghook_albums VALUES (8, clock_timestamp() + '1 h', 'kept', 'V1', 'value')`

// left returns how many rows of bot 8 there are.
func left(t *testing.T, pool *pgxpool.Pool) (updates, albums int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM tghook_updates WHERE bot = 8), (SELECT count(*) FROM tghook_albums WHERE bot = 8)`).Scan(&updates, &albums))
	return updates, albums
}

func TestClaimsRemoveExpiredRowsInPassing(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	pool := connect(t, shared, "search_path="+`"`+cfg.Schema+`"`)
	open(t, pool, tgpostgres.Config{})
	execute(t, pool, fill)
	var replicas sync.WaitGroup
	for n := range int64(2) {
		store := newStore(t, connect(t, shared), cfg)
		tgpostgres.PruneOneIn(store, 8)
		replicas.Go(func() {
			for id := 1000 * n; id < 1000*n+150; id++ {
				c := claim(id)
				_, err := store.Claim(t.Context(), c, lease, ttl)
				if err == nil {
					err = store.Done(t.Context(), c, nil)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	replicas.Wait()
	updates, albums := left(t, pool)
	assert.Equal(t, 1, updates, "the update that has not expired")
	assert.Equal(t, 1, albums, "the album that has not expired")
	for _, id := range []int64{0, 149, 1000, 1149} {
		res, err := newStore(t, pool, tgpostgres.Config{}).Claim(t.Context(), claim(id), lease, ttl)
		require.NoError(t, err)
		assert.Equal(t, tghook.ClaimDone, res.State, "update %d", id)
	}
}

func TestPruneRemovesAllExpiredRowsInBatches(t *testing.T) {
	t.Parallel()
	pool, statements := recorded(t, newSchema(t))
	store := open(t, pool, tgpostgres.Config{})
	execute(t, pool, fill)

	// Another replica is about to renew some of them.
	other, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), "SELECT FROM tghook_updates WHERE bot = 8 AND id BETWEEN 1 AND 10 FOR UPDATE")
	require.NoError(t, err)
	statements.take()
	removed, err := store.Prune(t.Context())
	require.NoError(t, err, "it waits for nobody")
	assert.Equal(t, int64(1190+600), removed)
	assert.Len(t, statements.take(), 3, "512 and 512, 512 and 88, 166 rows")
	require.NoError(t, other.Rollback(t.Context()))
	removed, err = store.Prune(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(10), removed)
	updates, albums := left(t, pool)
	assert.Equal(t, []int{1, 1}, []int{updates, albums})
}

func TestPruneReadsTheIndexAndNotTheTable(t *testing.T) {
	t.Parallel()
	pool, statements := recorded(t, newSchema(t))
	store := open(t, pool, tgpostgres.Config{})
	execute(t, pool, fill+"; ANALYZE tghook_updates")
	statements.take()
	_, err := store.Prune(t.Context())
	require.NoError(t, err)
	rows, err := pool.Query(t.Context(), "EXPLAIN "+statements.take()[0], 512)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	plan := strings.Join(lines, "\n")
	assert.Contains(t, plan, "Index Scan using tghook_updates_forget_after on tghook_updates")
	assert.NotContains(t, plan, "Seq Scan on tghook_updates")
}

func TestAClaimSucceedsWhenExpiredRowsCannotBeRemoved(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	owner := connect(t, shared)
	open(t, owner, cfg)
	role := `"` + cfg.Schema + `"`
	execute(t, owner, "CREATE ROLE "+role+" LOGIN PASSWORD '"+password+"'; GRANT USAGE ON SCHEMA "+role+" TO "+role+
		"; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA "+role+" TO "+role)
	var log bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	store := newStore(t, connect(t, shared, "user="+cfg.Schema), cfg)
	tgpostgres.PruneOneIn(store, 1)
	res, err := store.Claim(t.Context(), claim(1), lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 1}, res)
	assert.Equal(t, 1, strings.Count(log.String(), "\n"))
	assert.Contains(t, log.String(), "tgpostgres: cannot remove expired rows, so the tables grow")
	assert.Contains(t, log.String(), "the user needs SELECT, INSERT, UPDATE and DELETE on ")
}
