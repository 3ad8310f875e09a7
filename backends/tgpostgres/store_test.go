package tgpostgres_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

// trips counts the round trips of a connection: how often it writes after it has read.
type trips struct {
	net.Conn
	count *atomic.Int64
	wrote atomic.Bool
}

func (c *trips) Write(p []byte) (int, error) {
	if !c.wrote.Swap(true) {
		c.count.Add(1)
	}
	return c.Conn.Write(p)
}

func (c *trips) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wrote.Store(false)
	return n, err
}

func TestEachMethodIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	var statements recorder
	cfg, err := pgxpool.ParseConfig(shared.URL + "&pool_max_conns=1")
	require.NoError(t, err)
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &trips{Conn: conn, count: &count}, err
	}
	cfg.ConnConfig.Tracer = &statements
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	store := open(t, connectConfig(t, cfg), newSchema(t))
	tgpostgres.PruneOneIn(store, 1<<62)

	k := tghook.AlbumKey{Bot: 7, Lane: "1"}
	for round, want := range []int64{2, 1} { // a connection prepares a statement before its first use
		c, failing, released := claim(int64(10*round)), claim(int64(10*round+1)), claim(int64(10*round+2))
		for _, call := range []struct {
			name string
			f    func() error
			want int64
		}{
			{"Claim", func() error { _, err := store.Claim(t.Context(), c, lease, ttl); return err }, want},
			{"Claim of an update that is elsewhere", func() error {
				_, err := store.Claim(t.Context(), claim(c.Key.ID), lease, ttl)
				return err
			}, 1},
			{"Renew", func() error { return store.Renew(t.Context(), c, lease) }, want},
			{"Done", func() error { return store.Done(t.Context(), c, []byte("reply")) }, want},
			{"Claim of an update that has succeeded", func() error {
				_, err := store.Claim(t.Context(), claim(c.Key.ID), lease, ttl)
				return err
			}, 1},
			{"Claim of another", func() error { _, err := store.Claim(t.Context(), failing, lease, ttl); return err }, 1},
			{"Fail", func() error { return store.Fail(t.Context(), failing, []byte("note")) }, want},
			{"Claim of a third", func() error { _, err := store.Claim(t.Context(), released, lease, ttl); return err }, 1},
			{"Release", func() error { return store.Release(t.Context(), released) }, want},
			{"the first SaveAlbums", func() error { return store.SaveAlbums(t.Context(), k, []byte("v"), "", "V1", ttl) }, want},
			{"SaveAlbums", func() error { return store.SaveAlbums(t.Context(), k, []byte("v"), "V1", "V2", ttl) }, want},
			{"LoadAlbums", func() error { _, _, err := store.LoadAlbums(t.Context(), k); return err }, want},
			{"AlbumLanes", func() error { _, err := store.AlbumLanes(t.Context(), 7); return err }, want},
			{"the last SaveAlbums", func() error { return store.SaveAlbums(t.Context(), k, nil, "V2", "V3", ttl) }, want},
		} {
			count.Store(0)
			statements.take()
			require.NoError(t, call.f(), call.name)
			assert.Equal(t, call.want, count.Load(), call.name)
			assert.Len(t, statements.take(), 1, call.name)
		}
	}
}

// recorder keeps the statements that pgx runs.
type recorder struct {
	mu         sync.Mutex
	statements []string
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statements = append(r.statements, data.SQL)
	return ctx
}

func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// take returns the statements since the last take.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.statements
	r.statements = nil
	return s
}

func TestEveryQueryExecModeWorks(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	for bot, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			use(t, open(t, connect(t, shared, "default_query_exec_mode="+mode), cfg), int64(bot))
		})
	}
}

func TestAPoolOfOneConnectionServesManyUpdates(t *testing.T) {
	t.Parallel()
	store := open(t, connect(t, shared, "pool_max_conns=1"), newSchema(t))
	tgpostgres.PruneOneIn(store, 2)
	var callers sync.WaitGroup
	for bot := range int64(16) {
		callers.Go(func() { use(t, store, bot) })
	}
	callers.Wait()
}

// Another process has changed the row after the statement began, so the statement does not
// see what it is to answer.
func TestAClaimThatWaitedForAnotherSaysWhatTheOtherHasDone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, change string
		want           tghook.ClaimResult
	}{
		"claimed it first": {
			change: `INSERT INTO tghook_updates VALUES (7, 1, clock_timestamp() + '10 min', clock_timestamp() + '1 h', '1 h', 0, 'held', 'other')`,
			want:   tghook.ClaimResult{State: tghook.ClaimElsewhere},
		},
		"took it over": {
			before: `INSERT INTO tghook_updates VALUES (7, 1, clock_timestamp() - interval '1 s', clock_timestamp() + '1 h', '1 h', 0, 'held', 'old')`,
			change: `UPDATE tghook_updates SET fence = 'other', lease_until = clock_timestamp() + '10 min'`,
			want:   tghook.ClaimResult{State: tghook.ClaimElsewhere},
		},
		"succeeded": {
			before: `INSERT INTO tghook_updates VALUES (7, 1, clock_timestamp() + '10 min', clock_timestamp() + '1 h', '1 h', 0, 'held', 'other')`,
			change: `UPDATE tghook_updates SET state = 'done', reply = 'reply'`,
			want:   tghook.ClaimResult{State: tghook.ClaimElsewhere}, // as it was when the claim began
		},
		"failed": {
			before: `INSERT INTO tghook_updates VALUES (7, 1, clock_timestamp() + '10 min', clock_timestamp() + '1 h', '1 h', 0, 'held', 'other')`,
			change: `UPDATE tghook_updates SET state = 'free', failed = 1, note = 'note'`,
			want:   tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 2, Note: []byte("note")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := newSchema(t)
			pool := connect(t, shared, "search_path="+`"`+cfg.Schema+`"`)
			store := open(t, pool, tgpostgres.Config{})
			execute(t, pool, c.before)
			tx, err := pool.Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), c.change)
			require.NoError(t, err)
			answer := make(chan tghook.ClaimResult)
			go func() {
				res, err := store.Claim(t.Context(), claim(1), lease, ttl)
				assert.NoError(t, err)
				answer <- res
			}()
			awaitLock(t, pool, cfg.Schema)
			require.NoError(t, tx.Commit(t.Context()))
			res := receive(t, answer)
			if c.want.State == tghook.ClaimElsewhere {
				assert.InDelta(t, lease, res.RetryIn, float64(2*time.Minute))
				res.RetryIn = 0
			}
			assert.Equal(t, c.want, res)
		})
	}
}

// awaitLock returns when a statement waits for a transaction that has a row of the schema.
func awaitLock(t *testing.T, pool *pgxpool.Pool, schema string) {
	t.Helper()
	const waiting = `SELECT EXISTS (
		SELECT FROM pg_locks waits JOIN pg_locks has USING (pid) JOIN pg_class ON oid = has.relation
		WHERE NOT waits.granted AND relnamespace = quote_ident($1)::regnamespace)`
	require.Eventually(t, func() bool {
		var found bool
		return assert.NoError(t, pool.QueryRow(t.Context(), waiting, schema).Scan(&found)) && found
	}, time.Minute, 5*time.Millisecond)
}

func TestAnUpdateIsNewAfterItsTTL(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	pool := connect(t, shared, "search_path="+`"`+cfg.Schema+`"`)
	store := open(t, pool, tgpostgres.Config{})
	tgpostgres.PruneOneIn(store, 1<<62)
	for name, end := range map[string]func(tghook.Claim) error{
		"held":      func(tghook.Claim) error { return nil },
		"failed":    func(c tghook.Claim) error { return store.Fail(t.Context(), c, []byte("note")) },
		"succeeded": func(c tghook.Claim) error { return store.Done(t.Context(), c, []byte("reply")) },
	} {
		execute(t, pool, "TRUNCATE tghook_updates")
		c := claim(1)
		_, err := store.Claim(t.Context(), c, lease, ttl)
		require.NoError(t, err)
		require.NoError(t, end(c))
		execute(t, pool, "UPDATE tghook_updates SET forget_after = clock_timestamp()")
		res, err := store.Claim(t.Context(), claim(1), lease, ttl)
		require.NoError(t, err)
		assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 1}, res, name)
	}
}

func TestAnUpdateIsKeptForTheTTLSinceTheLastCall(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	pool := connect(t, shared, "search_path="+`"`+cfg.Schema+`"`)
	store := open(t, pool, tgpostgres.Config{})
	c := claim(1)
	const hours = time.Hour
	for _, call := range []struct {
		name string
		f    func() error
		want time.Duration
	}{
		{"Claim", func() error { _, err := store.Claim(t.Context(), c, lease, 5*hours); return err }, 5 * hours},
		{"Claim again", func() error { _, err := store.Claim(t.Context(), c, lease, 10*hours); return err }, 10 * hours},
		{"Renew", func() error { return store.Renew(t.Context(), c, lease) }, 10 * hours},
		{"Renew for longer than the ttl", func() error { return store.Renew(t.Context(), c, 15*hours) }, 15 * hours},
		{"Done", func() error { return store.Done(t.Context(), c, nil) }, 10 * hours},
	} {
		require.NoError(t, call.f(), call.name)
		var left time.Duration
		var whole bool
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT forget_after - clock_timestamp(), forget_after = date_trunc('hour', forget_after, 'UTC') FROM tghook_updates`).Scan(&left, &whole))
		assert.True(t, left > call.want-time.Minute && left <= call.want+hours, "%s: kept for %v", call.name, left)
		assert.True(t, whole, "%s: not a whole hour", call.name)
		execute(t, pool, "UPDATE tghook_updates SET forget_after = clock_timestamp() + '1 min'")
	}
}

func TestWhatNewRefuses(t *testing.T) {
	t.Parallel()
	pool := connect(t, shared)
	long := "a123456789012345678901234567890123456789012345678901234567890123"
	for problem, cfg := range map[string]tgpostgres.Config{
		"tgpostgres.Config.Prefix: it has 44 bytes; it may have 43": {Prefix: long[:44]},
		"tgpostgres.Config.Schema: it has 64 bytes; it may have 63": {Schema: long},
		`tgpostgres.Config.Prefix: "a\x00" is not valid UTF-8`:      {Prefix: "a\x00"},
		`tgpostgres.Config.Schema: "\xff" is not valid UTF-8`:       {Schema: "\xff"},
	} {
		_, err := tgpostgres.New(pool, cfg)
		require.ErrorContains(t, err, problem)
		var configError *tghook.ConfigError
		require.ErrorAs(t, err, &configError)
		_, err = tgpostgres.Migration(cfg)
		require.ErrorContains(t, err, problem)
	}
	_, err := tgpostgres.New(nil, tgpostgres.Config{})
	require.ErrorContains(t, err, "the pool is nil; make one with pgxpool.New")
}
