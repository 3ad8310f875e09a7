package tgpostgres_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

// The environment of the process that a test kills: where its database is, and at which write
// or read of a connection, counted from the start of the handler, it kills itself.
const (
	victimURL  = "TGPOSTGRES_VICTIM_URL"
	victimDies = "TGPOSTGRES_VICTIM_DIES"
)

// deadly is a connection on which the process dies.
type deadly struct {
	net.Conn

	left *atomic.Int64
}

func (c deadly) count() {
	if c.left.Add(-1) == 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal comes
	}
}

func (c deadly) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.count()
	return n, err
}

func (c deadly) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.count()
	return n, err
}

// lastDone is a Queue with one update. Once it has ended, the process dies no more, and
// Consume ends.
type lastDone struct {
	*tgpostgres.Queue

	left *atomic.Int64
	stop context.CancelFunc
}

func (q lastDone) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	err := q.Queue.Done(ctx, u)
	if err == nil {
		q.left.Store(1 << 40)
		q.stop()
	}
	return err
}

// victim handles a payment, if none has. Its lease is short: PostgreSQL may still run a Take that
// the process has sent before it died.
func victim(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	var left atomic.Int64
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return deadly{conn, &left}, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	q, err := tgpostgres.NewQueue(pool, tgpostgres.Config{})
	if err != nil {
		return err
	}
	tgpostgres.Wait(q, time.Minute, time.Minute)
	dies, err := strconv.ParseInt(os.Getenv(victimDies), 10, 64)
	if err != nil {
		return err
	}
	if s, err := q.State(ctx, 7); err != nil || s.Pending == 0 {
		return err
	}
	consuming, stop := context.WithCancel(ctx)
	defer stop()
	return tghook.Consume(consuming, lastDone{q, &left, stop}, tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		left.Store(dies)
		return pay(ctx, u)
	}), tghook.ConsumeConfig{Lease: 3 * time.Second, Dispatch: tghook.DispatchConfig{Bot: 7, Caller: callerFunc(func(context.Context, string, any, any) error {
		_, err := os.Stdout.WriteString("replied\n")
		return err
	})}})
}

// killed runs a victim, and returns its output and whether it died.
func killed(t *testing.T, url string, at int) (output string, died bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimURL+"="+url, victimDies+"="+strconv.Itoa(at))
	var all bytes.Buffer
	cmd.Stdout, cmd.Stderr = &all, &all
	err := cmd.Run()
	if err == nil {
		return all.String(), false
	}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok && status.Signaled() && status.Signal() == syscall.SIGKILL, "%v: %s", err, all.String())
	return all.String(), true
}

// A payment is handled by a process that kills itself after each write to and each read from
// PostgreSQL, from the start of the handler until the update has ended: before and after each
// statement, and between its being sent and answered. Then another process goes on.
func TestAPaymentIsBookedOnceWhereverTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	const together, most = 18, 180
	var deaths, late atomic.Int64
	// There are more points or fewer from run to run: an answer is read in one piece or in two.
	for points := 0; deaths.Load() == int64(points) && points < most; points += together {
		t.Run("kill", func(t *testing.T) {
			for at := points + 1; at <= points+together; at++ {
				t.Run(strconv.Itoa(at), func(t *testing.T) {
					t.Parallel()
					died, booked := payWhileKilled(t, at)
					if died {
						deaths.Add(1)
					}
					if booked {
						late.Add(1)
					}
				})
			}
		})
	}
	t.Log(deaths.Load(), "deaths")
	assert.Greater(t, deaths.Load(), int64(10))
	assert.Less(t, deaths.Load(), int64(most), "no process has lived")
	assert.Positive(t, late.Load(), "the points must reach behind the commit")
}

// payWhileKilled has a payment handled by a process that dies at a point, and then by one that
// lives. It returns whether the first died, and whether its payment was booked then.
func payWhileKilled(t *testing.T, at int) (died, booked bool) {
	t.Helper()
	cfg := newSchema(t)
	url := shared.URL + "&default_query_exec_mode=exec&pool_max_conns=6&search_path=%22" + cfg.Schema + "%22"
	pool := connect(t, shared, "search_path="+`"`+cfg.Schema+`"`)
	q := newQueue(t, pool, tgpostgres.Config{})
	execute(t, pool, payments)
	require.NoError(t, q.Publish(t.Context(), payment(1)))
	output, died := killed(t, url, at)
	if died {
		var count, balance int
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM payments), (SELECT sum(balance) FROM accounts)").Scan(&count, &balance))
		state, err := q.State(t.Context(), 7)
		require.NoError(t, err)
		letter, err := q.DeadLetters(t.Context(), 7, 0, 10)
		require.NoError(t, err)
		require.Empty(t, letter)
		booked = count == 1
		require.Equal(t, 100*count, balance, "killed at %d, with %d pending", at, state.Pending)
		execute(t, pool, "UPDATE tghook_queue SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL") // time passes
		again, died := killed(t, url, 1<<40)
		require.False(t, died)
		output += again
	}
	assert.Contains(t, output, "replied")
	var count, balance int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM payments), (SELECT sum(balance) FROM accounts)").Scan(&count, &balance))
	assert.Equal(t, []int{1, 100}, []int{count, balance}, output)
	await(t, q, 0, 0)
	return died, booked
}

// payment is the update that tells of a payment of 100.
func payment(id int64) tghook.QueuedUpdate {
	u := message1(id)
	u.Raw = []byte(strings.Replace(string(u.Raw), `"chat":`, `"successful_payment":{"currency":"XTR","total_amount":100,"invoice_payload":"top-up","telegram_payment_charge_id":"charge-`+strconv.FormatInt(id, 10)+`","provider_payment_charge_id":""},"chat":`, 1))
	return u
}
