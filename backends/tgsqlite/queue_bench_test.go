package tgsqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

const benchLanes = 500

// message is an update of about 400 bytes.
func message(id int64) tghook.QueuedUpdate {
	chat := id % benchLanes
	raw := fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private"},"text":"%s"}}`,
		id, id, chat, strings.Repeat("x", 300))
	return tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: id}, Lane: fmt.Sprintf("chat:%d", chat), Raw: json.RawMessage(raw)}
}

// bare is what a program does that knows no lanes, leases or retries: rows of a key and bytes, in
// a file with the same settings, by one writer with the same group commit.
type bare struct {
	tb    testing.TB
	db    *sql.DB
	stmts map[string]*sql.Stmt
	jobs  chan *bareJob
}

type bareJob struct {
	query string
	args  []any
	done  chan error
}

const (
	bareInsert = `INSERT INTO rows (bot, id, until, raw) VALUES (7, ?1, 0, ?2) ON CONFLICT (bot, id) DO NOTHING`
	bareClaim  = `UPDATE rows SET until = ?1 WHERE rowid IN (SELECT rowid FROM rows WHERE until <= ?2 ORDER BY rowid LIMIT ?3) RETURNING id, raw`
	bareDelete = `DELETE FROM rows WHERE bot = 7 AND id = ?1`
)

func newBare(b *testing.B) *bare {
	b.Helper()
	db := database(b, newFile(b), "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
		"CREATE TABLE rows (bot INTEGER NOT NULL, id INTEGER NOT NULL, until INTEGER NOT NULL, raw BLOB, PRIMARY KEY (bot, id)) STRICT",
		"CREATE INDEX rows_until ON rows (until)")
	r := &bare{tb: b, db: db, jobs: make(chan *bareJob, 1024), stmts: map[string]*sql.Stmt{}}
	for _, query := range []string{bareInsert, bareClaim, bareDelete} {
		stmt, err := db.PrepareContext(b.Context(), query) //nolint:sqlclosecheck // the cleanup does it
		require.NoError(b, err)
		r.stmts[query] = stmt
	}
	var writing sync.WaitGroup
	writing.Go(r.write)
	b.Cleanup(func() {
		close(r.jobs)
		writing.Wait()
		for _, stmt := range r.stmts {
			require.NoError(b, stmt.Close())
		}
	})
	return r
}

// write is the group commit: all jobs that wait share a transaction.
func (r *bare) write() {
	ctx := context.Background()
	for job := range r.jobs {
		tx, err := r.db.BeginTx(ctx, nil)
		require.NoError(r.tb, err)
		some := []*bareJob{job}
		for {
			_, err = tx.StmtContext(ctx, r.stmts[job.query]).ExecContext(ctx, job.args...) //nolint:sqlclosecheck // the end of the transaction does it
			require.NoError(r.tb, err)
			select {
			case job = <-r.jobs:
			default:
				job = nil
			}
			if job == nil {
				break
			}
			some = append(some, job)
		}
		err = tx.Commit()
		for _, it := range some {
			it.done <- err
		}
	}
}

func (r *bare) do(query string, args ...any) {
	job := &bareJob{query, args, make(chan error, 1)}
	r.jobs <- job
	if err := <-job.done; err != nil {
		r.tb.Error(err)
	}
}

// claim claims rows and returns their ids.
func (r *bare) claim(n int) (ids []int64) {
	rows, err := r.stmts[bareClaim].QueryContext(context.Background(), time.Now().Add(time.Hour).UnixMilli(), time.Now().UnixMilli(), n)
	require.NoError(r.tb, err)
	defer rows.Close()
	for rows.Next() {
		var (
			id  int64
			raw []byte
		)
		require.NoError(r.tb, rows.Scan(&id, &raw))
		ids = append(ids, id)
	}
	require.NoError(r.tb, rows.Err())
	return ids
}

// BenchmarkPublish compares Publish with a bare insert by the same group commit, in turns.
func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("by_%d", callers), func(b *testing.B) {
			q, plain := open(b, newFile(b)).Queue(), newBare(b)
			var ids, bareIDs atomic.Int64
			var took [2]time.Duration
			for left := b.N; left > 0; {
				n := min(left, 16*callers)
				left -= n
				took[0] += spend(callers, n, func() {
					if err := q.Publish(context.Background(), message(ids.Add(1))); err != nil {
						b.Error(err)
					}
				})
				took[1] += spend(callers, n, func() {
					u := message(bareIDs.Add(1))
					plain.do(bareInsert, u.Key.ID, []byte(u.Raw))
				})
			}
			report(b, took[0], took[1], "insert")
		})
	}
}

// report reports the ratio of two speeds.
func report(b *testing.B, took, plain time.Duration, what string) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took.Microseconds())/float64(b.N), "µs/update")
	b.ReportMetric(float64(plain.Microseconds())/float64(b.N), "µs/bare-"+what)
	b.ReportMetric(float64(plain)/float64(took), "x/bare-"+what)
}

// BenchmarkConsume compares Consume, whose handler does nothing, with bare claims of 100 rows and
// a delete of each, by the same group commit.
func BenchmarkConsume(b *testing.B) {
	q, plain := open(b, newFile(b)).Queue(), newBare(b)
	var took [2]time.Duration
	const most = 5000
	for first := 0; first < b.N; first += most {
		n := min(most, b.N-first)
		fill(b, q, plain, int64(first), n)
		took[0] += consume(b, q, n)
		took[1] += plain.consume(n)
	}
	report(b, took[0], took[1], "claim-and-delete")
}

func fill(b *testing.B, q *tgsqlite.Queue, plain *bare, first int64, n int) {
	b.Helper()
	updates := make([]tghook.QueuedUpdate, 0, 500)
	for i := range int64(n) {
		u := message(first + i + 1)
		updates = append(updates, u)
		if len(updates) == 500 || int(i) == n-1 {
			require.NoError(b, q.Publish(b.Context(), updates...))
			updates = nil
		}
	}
	spend(64, n, func() func() {
		var ids atomic.Int64
		return func() {
			u := message(first + ids.Add(1))
			plain.do(bareInsert, u.Key.ID, []byte(u.Raw))
		}
	}())
}

func consume(b *testing.B, q tghook.Queue, n int) time.Duration {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	var handled atomic.Int64
	began := time.Now()
	var took time.Duration
	counting := counted{q, func() {
		if handled.Add(1) == int64(n) {
			took = time.Since(began)
			cancel()
		}
	}}
	nothing := tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil })
	require.NoError(b, tghook.Consume(ctx, counting, nothing, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 7}}))
	require.Equal(b, int64(n), handled.Load())
	return took
}

// counted reports each update that has ended.
type counted struct {
	tghook.Queue

	ended func()
}

func (c counted) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	err := c.Queue.Done(ctx, u)
	if err == nil {
		c.ended()
	}
	return err
}

func (r *bare) consume(n int) time.Duration {
	var (
		deleting sync.WaitGroup
		began    = time.Now()
		flight   = make(chan struct{}, 1024)
	)
	for n > 0 {
		ids := r.claim(100)
		n -= len(ids)
		for _, id := range ids {
			flight <- struct{}{}
			deleting.Go(func() {
				r.do(bareDelete, id)
				<-flight
			})
		}
	}
	deleting.Wait()
	return time.Since(began)
}

// BenchmarkTake measures a Take of 10 updates, and Return, with a short and with a long backlog:
// of 500 lanes, and of a lane that has 10,000 of them alone. "times-short" is the ratio to the
// short one.
func BenchmarkTake(b *testing.B) {
	const short, long = 100, 100_000
	var queues [2]*tgsqlite.Queue
	for i, n := range []int{short, long} {
		queues[i] = open(b, newFile(b)).Queue()
		var updates []tghook.QueuedUpdate
		for id := range int64(n) {
			u := message(id + 1)
			if id%10 == 0 {
				u.Lane = "chat:long"
			}
			updates = append(updates, u)
		}
		require.NoError(b, queues[i].Publish(b.Context(), updates...))
	}
	var took [2]time.Duration
	b.ResetTimer()
	for range b.N {
		for i, q := range queues {
			began := time.Now()
			us, err := q.Take(b.Context(), 7, 10, time.Minute)
			took[i] += time.Since(began)
			require.NoError(b, err)
			require.Len(b, us, 10)
			require.NoError(b, q.Return(b.Context(), us))
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[0].Microseconds())/float64(b.N), "µs/take-of-100")
	b.ReportMetric(float64(took[1].Microseconds())/float64(b.N), "µs/take-of-100000")
	b.ReportMetric(float64(took[1])/float64(took[0]), "times-short")
}
