package tgpostgres_test

import (
	"context"
	"errors"
	"fmt"
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

// account is a table that handlers write, and a queue in the same schema.
func account(t *testing.T, options ...string) (*tgpostgres.Queue, *pgxpool.Pool) {
	t.Helper()
	pool, _ := recorded(t, newSchema(t), options...)
	q := newQueue(t, pool, tgpostgres.Config{})
	execute(t, pool, "CREATE TABLE entries (id bigint, who text)")
	return q, pool
}

// entries returns how many rows the handlers have written.
func entries(t *testing.T, pool *pgxpool.Pool) (n int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM entries").Scan(&n))
	return n
}

// write writes a row in the transaction of the handler with this context.
func write(ctx context.Context, who string) error {
	tx, err := tgpostgres.Tx(ctx)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO entries VALUES (1, $1)", who)
	return err
}

// consume runs Consume until the test ends, or until the function that it returns is called.
func consume(t *testing.T, q tghook.Queue, h tghook.HandlerFunc, change ...func(*tghook.ConsumeConfig)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cfg := tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 7}, Lease: time.Minute}
	for _, f := range change {
		f(&cfg)
	}
	ended := make(chan error, 1)
	go func() { ended <- tghook.Consume(ctx, q, h, cfg) }()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

// receive returns the next value of a channel.
func receive[T any](t *testing.T, ch <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-ch:
	case <-time.After(time.Minute):
		require.Fail(t, "nothing was sent within a minute")
	}
	return value
}

// await waits until the queue has so many pending updates and dead letters of bot 7.
func await(t *testing.T, q *tgpostgres.Queue, pending, dead int) {
	t.Helper()
	var state tghook.QueueState
	require.Eventually(t, func() bool {
		var err error
		state, err = q.State(t.Context(), 7)
		return err == nil && state.Pending == pending && state.Dead == dead
	}, time.Minute, 20*time.Millisecond, "%+v", &state)
}

// message1 is an update of chat 1.
func message1(id int64) tghook.QueuedUpdate {
	return tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: id}, Lane: "chat:1", Raw: fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"}}}`, id)}
}

func TestWhatAHandlerWritesIsKeptIfItSucceedsAndUndoneOtherwise(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(ctx context.Context) error
		kept bool
		dead string
	}{
		"success": {func(context.Context) error { return nil }, true, ""},
		"error":   {func(context.Context) error { return tghook.Drop(errors.New("refused")) }, false, "refused"},
		"panic":   {func(context.Context) error { panic("ouch") }, false, "ouch"},
		"a statement has failed": {func(ctx context.Context) error {
			tx, err := tgpostgres.Tx(ctx)
			if err == nil {
				_, err = tx.Exec(ctx, "SELECT 1/0")
			}
			if err == nil {
				panic("no error")
			}
			return nil
		}, false, "a statement of the handler has failed, and the handler has returned nil; use tx.Begin for statements that may fail"},
		"a constraint that is checked by the commit": {func(ctx context.Context) error {
			tx, err := tgpostgres.Tx(ctx)
			if err == nil {
				_, err = tx.Exec(ctx, "CREATE TEMPORARY TABLE twice (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED); INSERT INTO twice VALUES (1), (1)", pgx.QueryExecModeSimpleProtocol)
			}
			return err
		}, false, "Commit of update 1 of bot 7: ERROR: duplicate key value"},
		"a statement has failed behind a savepoint": {func(ctx context.Context) error {
			tx, err := tgpostgres.Tx(ctx)
			if err != nil {
				return err
			}
			if err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error { _, err := tx.Exec(ctx, "SELECT 1/0"); return err }); err == nil {
				panic("no error")
			}
			return nil
		}, true, ""},
		"Commit and Rollback by the handler": {func(ctx context.Context) error {
			tx, err := tgpostgres.Tx(ctx)
			if err != nil {
				return err
			}
			for _, err := range []error{tx.Commit(ctx), tx.Rollback(ctx)} {
				if err == nil || err.Error() != "tgpostgres: the transaction ends with the handler: return nil to commit it, or an error to roll it back; to undo a part of it, use tx.Begin" {
					panic(err)
				}
			}
			return nil
		}, true, ""},
		"ROLLBACK and BEGIN as statements": {func(ctx context.Context) error {
			tx, err := tgpostgres.Tx(ctx)
			for _, statement := range []string{"ROLLBACK", "BEGIN"} {
				if err == nil {
					_, err = tx.Exec(ctx, statement)
				}
			}
			return err
		}, false, "the handler has ended the transaction by a statement, such as COMMIT; leave it to Consume to commit"},
		"rows that are left open": {func(ctx context.Context) error {
			tx, err := tgpostgres.Tx(ctx)
			if err == nil {
				_, err = tx.Query(ctx, "SELECT generate_series(1, 1000)") //nolint:sqlclosecheck // they stay open on purpose
			}
			return err
		}, false, "rows that are not closed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, pool := account(t)
			require.NoError(t, q.Publish(t.Context(), message1(1), message1(2)))
			consume(t, q, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 2 {
					return tghook.NoReply, nil
				}
				if err := write(ctx, name); err != nil {
					return tghook.NoReply, err
				}
				return tghook.NoReply, c.end(ctx)
			}, func(cfg *tghook.ConsumeConfig) { cfg.Dispatch.MaxAttempts = 1 })
			dead := 0
			if c.dead != "" {
				dead = 1
			}
			await(t, q, 0, dead)
			letters, err := q.DeadLetters(t.Context(), 7, 0, 10)
			require.NoError(t, err)
			for _, l := range letters {
				require.Contains(t, l.Why, c.dead)
			}
			want := 0
			if c.kept {
				want = 1
			}
			assert.Equal(t, want, entries(t, pool))
			require.Eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 }, time.Minute, 10*time.Millisecond, "a transaction is left open")
		})
	}
}

func TestEveryAttemptHasATransactionOfItsOwn(t *testing.T) {
	t.Parallel()
	q, pool := account(t)
	require.NoError(t, q.Publish(t.Context(), message1(1)))
	left := make(chan error, 1)
	failed := make(chan struct{})
	consume(t, q, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		attempt, _ := tghook.AttemptFromContext(ctx)
		if err := write(ctx, fmt.Sprint("attempt ", attempt.Number)); err != nil {
			return tghook.NoReply, err
		}
		if attempt.Number > 1 {
			close(failed)
			left <- <-left // the goroutine of the first attempt uses its transaction meanwhile
			return tghook.NoReply, nil
		}
		tx, err := tgpostgres.Tx(ctx)
		if err != nil {
			return tghook.NoReply, err
		}
		go func() {
			<-failed
			_, err := tx.Exec(context.WithoutCancel(ctx), "INSERT INTO entries VALUES (1, 'left behind')")
			_, second := tgpostgres.Tx(context.WithoutCancel(ctx))
			if second == nil {
				err = nil
			}
			left <- err
		}()
		return tghook.NoReply, errors.New("try again")
	})
	await(t, q, 0, 0)
	require.ErrorContains(t, receive(t, left), "do not use it in a goroutine that the handler leaves behind")
	var who string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT string_agg(who, ' ') FROM entries").Scan(&who))
	assert.Equal(t, "attempt 2", who)
}

func TestALostLeaseUndoesWhatTheHandlerHasWritten(t *testing.T) {
	t.Parallel()
	q, pool := account(t)
	other := newQueue(t, pool, tgpostgres.Config{})
	require.NoError(t, q.Publish(t.Context(), message1(1), message1(2)))
	type outcome struct {
		taken []tghook.QueuedUpdate
		err   error
	}
	outcomes := make(chan outcome, 1)
	stop := consume(t, q, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		err := write(ctx, "too late")
		// This process is suspended past its lease, and another takes the update.
		_, expire := pool.Exec(ctx, "UPDATE tghook_queue SET lease_until = clock_timestamp() - interval '1 s' WHERE id = 1")
		taken, take := other.Take(ctx, 7, 1, lease)
		_, again := tgpostgres.Tx(ctx)
		outcomes <- outcome{taken, errors.Join(err, expire, take, again)}
		return tghook.NoReply, nil
	}, func(cfg *tghook.ConsumeConfig) {
		cfg.Dispatch.MaxInFlight = 1 // it does not take the update itself
	})
	got := receive(t, outcomes)
	require.NoError(t, got.err)
	require.Equal(t, []int64{1}, idsOf(got.taken))
	assert.Equal(t, 1, got.taken[0].Attempts)
	require.Eventually(t, func() bool { return pool.Stat().AcquiredConns() == 0 }, time.Minute, 10*time.Millisecond)
	assert.Zero(t, entries(t, pool))
	stop()
	require.NoError(t, other.Done(t.Context(), got.taken[0]))
	await(t, q, 1, 0)
}

func TestAHandlerWhoseTransactionWasRolledBackHasFailed(t *testing.T) {
	t.Parallel()
	q, pool := account(t)
	require.NoError(t, q.Publish(t.Context(), message1(1)))
	failures := make(chan error, 10)
	consume(t, q, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		attempt, _ := tghook.AttemptFromContext(ctx)
		if attempt.Number == 3 { // it needs no transaction
			return tghook.NoReply, nil
		}
		err := write(ctx, "for nothing")
		if u, ok := tghook.QueuedFromContext(ctx); ok {
			q.Rollback(ctx, u)
		}
		return tghook.NoReply, err
	}, func(cfg *tghook.ConsumeConfig) {
		cfg.Dispatch.Observe = func(_ context.Context, d tghook.Delivery) {
			if d.Err != nil {
				failures <- d.Err
			}
		}
	})
	await(t, q, 0, 0)
	for range 2 {
		require.ErrorContains(t, receive(t, failures), "Commit of update 1 of bot 7: the transaction was rolled back before the handler returned")
	}
	assert.Zero(t, entries(t, pool))
}

func TestTxSaysWhyThereIsNoTransaction(t *testing.T) {
	t.Parallel()
	_, err := tgpostgres.Tx(t.Context())
	require.EqualError(t, err, "tgpostgres: Tx: the context is not that of a handler that tghook.Consume runs, or the handler has returned")

	q, pool := account(t)
	require.NoError(t, q.Publish(t.Context(), message1(1)))
	kept := make(chan context.Context, 1)
	got := make(chan error, 1)
	consume(t, q, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		select {
		case kept <- context.WithoutCancel(ctx):
		default: // it runs again
		}
		_, err := pool.Exec(ctx, "UPDATE tghook_queue SET fence = 1") // another process has it
		if err == nil {
			_, err = tgpostgres.Tx(ctx)
		}
		select {
		case got <- err:
		default: // it runs again when its lease has run out
		}
		return tghook.NoReply, err
	})
	err = receive(t, got)
	require.ErrorIs(t, err, tghook.ErrClaimLost)
	require.ErrorContains(t, err, "tgpostgres: Tx of update 1 of bot 7: ")
	ctx := receive(t, kept)
	require.Eventually(t, func() bool {
		_, err := tgpostgres.Tx(ctx)
		return err != nil && err.Error() == "tgpostgres: Tx: the context is not that of a handler that tghook.Consume runs, or the handler has returned"
	}, time.Minute, 10*time.Millisecond)
}

func TestAHandlerMayDoWithoutATransactionThatDoesNotBegin(t *testing.T) {
	t.Parallel()
	q, _ := account(t)
	require.NoError(t, q.Publish(t.Context(), message1(1), message1(2)))
	refused := make(chan error, 10)
	consume(t, q, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		over, cancel := context.WithCancel(ctx)
		cancel()
		_, err := tgpostgres.Tx(over)
		refused <- err
		return tghook.NoReply, nil
	})
	await(t, q, 0, 0)
	for range 2 {
		require.ErrorIs(t, receive(t, refused), context.Canceled)
	}
}

func TestMoreHandlersThanConnectionsTakeTurns(t *testing.T) {
	t.Parallel()
	q, pool := account(t, "pool_max_conns=5")
	const updates = 40
	var at, most atomic.Int64
	for id := range int64(updates) {
		u := message1(id)
		u.Lane = ""
		require.NoError(t, q.Publish(t.Context(), u))
	}
	consume(t, q, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		err := write(ctx, "one of many")
		most.Store(max(most.Load(), at.Add(1)))
		defer at.Add(-1)
		time.Sleep(5 * time.Millisecond) // others want a connection meanwhile
		return tghook.NoReply, err
	})
	await(t, q, 0, 0)
	assert.Equal(t, updates, entries(t, pool))
	assert.LessOrEqual(t, most.Load(), int64(2), "three connections are left for the queue")
}

// The process that has handled the update is stopped before it has sent the reply.
func TestTheReplyOfATransactionIsSentByAnotherProcessAndTheHandlerRunsOnce(t *testing.T) {
	t.Parallel()
	q, pool := account(t)
	require.NoError(t, q.Publish(t.Context(), message1(1)))
	calls := make(chan string, 10)
	caller := func(sends bool) func(*tghook.ConsumeConfig) {
		return func(cfg *tghook.ConsumeConfig) {
			cfg.Grace = time.Millisecond
			cfg.Lease = 3 * time.Second // a Take that answers after Grace may have leased the update again
			cfg.Dispatch.Caller = callerFunc(func(ctx context.Context, method string, _, _ any) error {
				calls <- method
				if !sends {
					<-ctx.Done()
				}
				return ctx.Err()
			})
		}
	}
	var runs atomic.Int64
	h := func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		runs.Add(1)
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 1, "text": "Thank you!"}}, write(ctx, "paid")
	}
	stop := consume(t, q, h, caller(false))
	require.Equal(t, "sendMessage", receive(t, calls))
	require.Equal(t, 1, entries(t, pool), "it is kept before the reply is sent")
	stop() // otherwise it renews its lease
	await(t, q, 1, 0)
	execute(t, pool, "UPDATE tghook_queue SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL")
	consume(t, newQueue(t, pool, tgpostgres.Config{}), h, caller(true))
	require.Equal(t, "sendMessage", receive(t, calls))
	await(t, q, 0, 0)
	assert.Equal(t, int64(1), runs.Load())
	assert.Equal(t, 1, entries(t, pool))
}

type callerFunc func(ctx context.Context, method string, params, result any) error

func (f callerFunc) Call(ctx context.Context, method string, params, result any) error {
	return f(ctx, method, params, result)
}

// severed is a connection that fails when it has sent the statement commit, so that the answer
// is lost.
type severed struct {
	net.Conn

	armed *atomic.Bool
	away  *atomic.Bool // set with cut; then all connections fail; nil: only this one does
	cut   atomic.Bool
}

func (c *severed) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if contains(p, "commit\x00") && c.armed.Swap(false) {
		c.cut.Store(true)
		if c.away != nil {
			c.away.Store(true)
		}
	}
	return n, err
}

func (c *severed) Read(p []byte) (int, error) {
	if c.cut.Load() || c.away != nil && c.away.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Read(p)
}

func contains(p []byte, text string) bool {
	for i := range p {
		if len(p)-i >= len(text) && string(p[i:i+len(text)]) == text {
			return true
		}
	}
	return false
}

// severable returns a Queue whose answer to a commit is lost when armed is true. It is for a schema
// of its own with the table entries. away may be nil: see severed.
func severable(t *testing.T, armed, away *atomic.Bool) (*tgpostgres.Queue, *pgxpool.Pool) {
	t.Helper()
	cfg := newSchema(t)
	poolConfig, err := pgxpool.ParseConfig(shared.URL + "&default_query_exec_mode=exec")
	require.NoError(t, err)
	poolConfig.ConnConfig.RuntimeParams["search_path"] = `"` + cfg.Schema + `"`
	dial := poolConfig.ConnConfig.DialFunc
	poolConfig.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &severed{Conn: conn, armed: armed, away: away}, err
	}
	q := newQueue(t, connectConfig(t, poolConfig), tgpostgres.Config{})
	pool := connect(t, shared, "search_path="+`"`+cfg.Schema+`"`)
	execute(t, pool, "CREATE TABLE entries (id bigint, who text)")
	return q, pool
}

func TestACommitWhoseAnswerIsLostIsASuccess(t *testing.T) {
	t.Parallel()
	for _, reply := range []tghook.Reply{tghook.NoReply, {Method: "sendMessage", Params: map[string]any{"chat_id": 1, "text": "Thank you!"}}} {
		var armed atomic.Bool
		q, pool := severable(t, &armed, nil)
		require.NoError(t, q.Publish(t.Context(), message1(1)))
		var runs atomic.Int64
		consume(t, q, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			runs.Add(1)
			armed.Store(true)
			return reply, write(ctx, "paid")
		}, func(c *tghook.ConsumeConfig) {
			c.Dispatch.Caller = callerFunc(func(context.Context, string, any, any) error { return nil })
		})
		await(t, q, 0, 0)
		assert.False(t, armed.Load(), "no answer was lost")
		assert.Equal(t, int64(1), runs.Load())
		assert.Equal(t, 1, entries(t, pool))
	}
}

// The answer to a commit is lost, and PostgreSQL cannot be asked. The update comes again when its
// lease has run out, with the reply that was kept.
func TestACommitOfUnknownOutcomeIsNotRunAgain(t *testing.T) {
	t.Parallel()
	var armed, away atomic.Bool
	q, pool := severable(t, &armed, &away)
	require.NoError(t, q.Publish(t.Context(), message1(1)))
	calls, failures := make(chan string, 10), make(chan error, 10)
	var runs atomic.Int64
	consume(t, q, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		runs.Add(1)
		err := write(ctx, "paid")
		armed.Store(true)
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 1, "text": "Thank you!"}}, err
	}, func(c *tghook.ConsumeConfig) {
		c.Dispatch.Caller = callerFunc(func(_ context.Context, method string, _, _ any) error { calls <- method; return nil })
		c.Dispatch.Observe = func(_ context.Context, d tghook.Delivery) { failures <- d.Err }
	})
	require.ErrorIs(t, receive(t, failures), tghook.ErrClaimLost)
	away.Store(false)
	execute(t, pool, "UPDATE tghook_queue SET lease_until = clock_timestamp()") // time passes
	require.Equal(t, "sendMessage", receive(t, calls))
	watch := newQueue(t, pool, tgpostgres.Config{})
	await(t, watch, 0, 0)
	assert.Equal(t, int64(1), runs.Load())
	assert.Equal(t, 1, entries(t, pool))
}

// standing is a connection of a process that is suspended before its statement commit.
type standing struct {
	net.Conn

	stop func()
	goOn chan struct{}
}

func (c *standing) Write(p []byte) (int, error) {
	if contains(p, "commit\x00") {
		c.stop()
		<-c.goOn
	}
	return c.Conn.Write(p)
}

// The server ends the session of a suspended process that has the lock of a lane.
func TestAProcessThatStandsStillLosesItsLocks(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	poolConfig, err := pgxpool.ParseConfig(shared.URL + "&default_query_exec_mode=exec")
	require.NoError(t, err)
	still, goOn := make(chan struct{}), make(chan struct{})
	stop, proceed := sync.OnceFunc(func() { close(still) }), sync.OnceFunc(func() { close(goOn) })
	dial := poolConfig.ConnConfig.DialFunc
	poolConfig.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &standing{conn, stop, goOn}, err
	}
	stuck := newQueue(t, connectConfig(t, poolConfig), cfg)
	t.Cleanup(proceed)
	q := newQueue(t, connect(t, shared), cfg)
	tgpostgres.Wait(q, time.Minute, 500*time.Millisecond)
	first, second := message1(1), message1(2)
	first.Lane, second.Lane = "still", "still" // the lock is that of a lane in all schemas
	require.NoError(t, q.Publish(t.Context(), first))
	var idle, alive string
	consume(t, stuck, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		tx, err := tgpostgres.Tx(ctx)
		if err != nil {
			return tghook.NoReply, err
		}
		return tghook.NoReply, tx.QueryRow(ctx, "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('tcp_keepalives_idle')").Scan(&idle, &alive)
	})
	receive(t, still)
	assert.Equal(t, []string{"0", "15"}, []string{idle, alive}, "a handler may take its time")
	require.ErrorContains(t, q.Publish(t.Context(), second), "lock timeout")
	require.Eventually(t, func() bool { return q.Publish(t.Context(), second) == nil }, time.Minute, 10*time.Millisecond)
	proceed()
	await(t, q, 0, 0)
}
