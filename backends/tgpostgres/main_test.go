package tgpostgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/internal/test/engine"
)

const (
	password = "Pa55word"
	lease    = 10 * time.Minute // it does not run out in a test
	ttl      = time.Hour
)

// shared is the server of the tests that do not kill theirs. Each test has a schema of its
// own.
var shared *engine.Server

// Where PostgreSQL is not installed, no test runs, and in CI all fail.
func TestMain(m *testing.M) {
	flag.Parse()
	if url := os.Getenv(victimURL); url != "" {
		if err := victim(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tgpostgres")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	shared, err = engine.StartPostgres(context.Background(), dir, engine.PostgresConfig{
		Password: password,
		Args:     []string{"-c", "max_connections=300"},
	})
	switch {
	case errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "":
		fmt.Fprintln(os.Stderr, "left out:", err)
		return 0
	case err != nil:
		panic(err)
	}
	defer func() { _ = shared.Close() }()
	return m.Run()
}

// connect returns a pool for a server. Options are parameters of the URL.
func connect(tb testing.TB, server *engine.Server, options ...string) *pgxpool.Pool {
	tb.Helper()
	cfg, err := pgxpool.ParseConfig(strings.Join(append([]string{server.URL}, options...), "&"))
	require.NoError(tb, err)
	return connectConfig(tb, cfg)
}

func connectConfig(tb testing.TB, cfg *pgxpool.Config) *pgxpool.Pool {
	tb.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}

// recorded returns a pool whose statements are recorded, and run in a schema.
func recorded(tb testing.TB, in tgpostgres.Config, options ...string) (*pgxpool.Pool, *recorder) {
	tb.Helper()
	cfg, err := pgxpool.ParseConfig(strings.Join(append([]string{shared.URL}, options...), "&"))
	require.NoError(tb, err)
	statements := new(recorder)
	cfg.ConnConfig.Tracer = statements
	cfg.ConnConfig.RuntimeParams["search_path"] = `"` + in.Schema + `"`
	return connectConfig(tb, cfg), statements
}

// newSchema makes a schema on the shared server. It holds the tables of one test.
func newSchema(tb testing.TB) tgpostgres.Config {
	tb.Helper()
	cfg := tgpostgres.Config{Schema: "test_" + rand.Text()}
	execute(tb, connect(tb, shared), `CREATE SCHEMA "`+cfg.Schema+`"`)
	return cfg
}

// open returns a Store on the pool, whose tables exist.
func open(tb testing.TB, pool *pgxpool.Pool, cfg tgpostgres.Config) *tgpostgres.Store {
	tb.Helper()
	store := newStore(tb, pool, cfg)
	require.NoError(tb, store.Migrate(tb.Context()))
	return store
}

func newStore(tb testing.TB, pool *pgxpool.Pool, cfg tgpostgres.Config) *tgpostgres.Store {
	tb.Helper()
	store, err := tgpostgres.New(pool, cfg)
	require.NoError(tb, err)
	return store
}

// execute runs statements without parameters.
func execute(tb testing.TB, pool *pgxpool.Pool, statements string) {
	tb.Helper()
	_, err := pool.Exec(tb.Context(), statements)
	require.NoError(tb, err)
}

// claim returns a new claim of an update of bot 7.
func claim(id int64) tghook.Claim {
	return tghook.Claim{Key: tghook.Key{Bot: 7, ID: id}, Fence: rand.Text()}
}

// use calls every method of a Store for two updates and a lane of a bot.
func use(t *testing.T, store *tgpostgres.Store, bot int64) {
	t.Helper()
	c := func() tghook.Claim { return tghook.Claim{Key: tghook.Key{Bot: bot, ID: 1}, Fence: rand.Text()} }
	first, second, third := c(), c(), c()
	claims := func(c tghook.Claim, want tghook.ClaimResult) {
		t.Helper()
		res, err := store.Claim(t.Context(), c, lease, ttl)
		require.NoError(t, err)
		require.Equal(t, want, res)
	}
	claims(first, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 1})
	res, err := store.Claim(t.Context(), second, lease, ttl)
	require.NoError(t, err)
	require.Equal(t, tghook.ClaimElsewhere, res.State)
	require.InDelta(t, lease, res.RetryIn, float64(2*time.Minute))
	require.NoError(t, store.Renew(t.Context(), first, lease))
	require.NoError(t, store.Fail(t.Context(), first, []byte("note\x00")))
	claims(second, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 2, Note: []byte("note\x00")})
	require.NoError(t, store.Release(t.Context(), second))
	claims(third, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 2, Note: []byte("note\x00")})
	require.NoError(t, store.Done(t.Context(), third, []byte("reply\x00")))
	claims(c(), tghook.ClaimResult{State: tghook.ClaimDone, Reply: []byte("reply\x00")})
	require.ErrorIs(t, store.Done(t.Context(), first, nil), tghook.ErrClaimLost)

	k := tghook.AlbumKey{Bot: bot, Lane: "lane\x00\xff"}
	require.NoError(t, store.SaveAlbums(t.Context(), k, nil, "", "V0", ttl))
	require.NoError(t, store.SaveAlbums(t.Context(), k, []byte("one\x00"), "", "V1", ttl))
	require.ErrorIs(t, store.SaveAlbums(t.Context(), k, nil, "", "V2", ttl), tghook.ErrAlbumChanged)
	require.ErrorIs(t, store.SaveAlbums(t.Context(), k, []byte("two"), "", "V2", ttl), tghook.ErrAlbumChanged)
	require.NoError(t, store.SaveAlbums(t.Context(), k, []byte("two\x00"), "V1", "V2", ttl))
	require.ErrorIs(t, store.SaveAlbums(t.Context(), k, nil, "V1", "V3", ttl), tghook.ErrAlbumChanged)
	value, version, err := store.LoadAlbums(t.Context(), k)
	require.NoError(t, err)
	require.Equal(t, "two\x00 V2", string(value)+" "+version)
	lanes, err := store.AlbumLanes(t.Context(), bot)
	require.NoError(t, err)
	require.Equal(t, []string{k.Lane}, lanes)
	require.NoError(t, store.SaveAlbums(t.Context(), k, nil, "V2", "V3", ttl))
	_, version, err = store.LoadAlbums(t.Context(), k)
	require.NoError(t, err)
	require.Empty(t, version)
}
