package tgsqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

// BenchmarkUpdate measures what the Store adds to an update whose handler is quick: a Claim and
// a Done. Beside it, in turns, it measures SQLite's own upsert of one row, in a file with the
// same settings. "times-upsert" is the ratio of the two.
//
// The upserts of 64 callers are one transaction each, as a program makes them that knows no
// better: SQLite runs them one after the other. "times-batch" compares with 64 upserts in one
// transaction.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("by_%d", callers), func(b *testing.B) {
			with := newDispatcher(b, open(b, newFile(b)))
			without := newDispatcher(b, nil)
			upsert := newUpserts(b)
			var took [4]time.Duration
			for left := b.N; left > 0; {
				n := min(left, 16*callers)
				left -= n
				took[0] += spend(callers, n, with)
				took[1] += spend(callers, n, without)
				took[2] += spend(callers, n, upsert.one)
				took[3] += spend(1, (n+callers-1)/callers, func() { upsert.batch(callers) })
			}
			each := func(i int) float64 { return float64(took[i].Nanoseconds()) / float64(b.N) }
			added := each(0) - each(1)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(added/1e3, "µs-added/update")
			b.ReportMetric(each(2)/1e3, "µs/upsert")
			b.ReportMetric(added/each(2), "times-upsert")
			b.ReportMetric(added/each(3), "times-batch")
		})
	}
}

// spend calls f n times, by so many callers at once, and returns the time that took.
func spend(callers, n int, f func()) time.Duration {
	var (
		calls   atomic.Int64
		calling sync.WaitGroup
		began   = time.Now()
	)
	for range callers {
		calling.Go(func() {
			for calls.Add(1) <= int64(n) {
				f()
			}
		})
	}
	calling.Wait()
	return time.Since(began)
}

// newDispatcher returns a function that handles a new update, of a chat of its own.
func newDispatcher(b *testing.B, store tghook.Store) func() {
	b.Helper()
	handler := func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }
	d, err := tghook.NewDispatcher(tghook.HandlerFunc(handler), tghook.DispatchConfig{Bot: 7, Store: store})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, d.Shutdown(context.Background())) })
	var ids atomic.Int64
	return func() {
		id := ids.Add(1)
		u, err := tghook.ParseUpdate(fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private"}}}`, id, id))
		if err == nil {
			_, err = d.Do(context.Background(), u)
		}
		if err != nil {
			b.Error(err)
		}
	}
}

// upserts are those of SQLite alone.
type upserts struct {
	tb   testing.TB
	db   *sql.DB
	stmt *sql.Stmt
	ids  atomic.Int64
}

func newUpserts(b *testing.B) *upserts {
	b.Helper()
	db := database(b, newFile(b), "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
		"CREATE TABLE rows (bot INTEGER, id INTEGER, fence TEXT, until INTEGER, PRIMARY KEY (bot, id)) STRICT")
	stmt, err := db.PrepareContext(b.Context(), `INSERT INTO rows VALUES (7, ?1, ?2, ?3)
		ON CONFLICT (bot, id) DO UPDATE SET fence = excluded.fence, until = excluded.until`)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, stmt.Close()) })
	return &upserts{tb: b, db: db, stmt: stmt}
}

func (u *upserts) run(stmt *sql.Stmt) {
	if _, err := stmt.ExecContext(context.Background(), u.ids.Add(1), "ABCDEFGHIJKLMNOPQRSTUVWXYZ", time.Now().UnixMilli()); err != nil {
		u.tb.Error(err)
	}
}

func (u *upserts) one() { u.run(u.stmt) }

func (u *upserts) batch(n int) {
	tx, err := u.db.BeginTx(context.Background(), nil)
	if err != nil {
		u.tb.Error(err)
		return
	}
	stmt := tx.StmtContext(context.Background(), u.stmt)
	for range n {
		u.run(stmt)
	}
	if err := tx.Commit(); err != nil {
		u.tb.Error(err)
	}
}
