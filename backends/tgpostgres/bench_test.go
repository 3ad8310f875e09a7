package tgpostgres_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

// BenchmarkStore measures what a Store on PostgreSQL adds to an update, by one caller and by
// 16 at once, each with a connection. A round has three parts, in turn, so that whatever else
// the machine does meets all alike:
//
//   - upsert: bare INSERT ... ON CONFLICT DO UPDATE of a row of 100 bytes on the same server;
//   - none: updates through a Dispatcher without a Store;
//   - store: updates through a Dispatcher with a Store: one Claim and one Done for
//     each.
//
// It reports the time of each part for one upsert or update, upserts/update, which is what the
// Store adds (store less none) divided by upsert, and the statements of an update.
func BenchmarkStore(b *testing.B) {
	for _, commit := range []string{"on", "off"} {
		for _, callers := range []int{1, 16} {
			b.Run(fmt.Sprintf("synchronous_commit=%s/callers=%d", commit, callers), func(b *testing.B) {
				pool, statements := recorded(b, newSchema(b), "synchronous_commit="+commit, fmt.Sprint("pool_max_conns=", callers))
				store := open(b, pool, tgpostgres.Config{})
				execute(b, pool, "CREATE TABLE bare (id bigint PRIMARY KEY, value bytea)")
				value := make([]byte, 100)
				parts := []struct {
					name string
					one  func(ctx context.Context, id int64) error
					took time.Duration
				}{
					{name: "upsert", one: func(ctx context.Context, id int64) error {
						_, err := pool.Exec(ctx, "INSERT INTO bare VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET value = excluded.value", id, value)
						return err
					}},
					{name: "none", one: dispatch(b, nil)},
					{name: "store", one: dispatch(b, store)},
				}
				for i := range parts { // connections and prepared statements
					each(b, callers, parts[i].one)
				}
				updates, sent := 0, 0
				b.ResetTimer()
				for range b.N {
					for i := range parts {
						statements.take()
						start := time.Now()
						each(b, callers, parts[i].one)
						parts[i].took += time.Since(start)
					}
					sent += len(statements.take())
					updates += callers * perCaller
				}
				b.StopTimer()
				perUpdate := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(updates) }
				for _, p := range parts {
					b.ReportMetric(perUpdate(p.took)/1e3, p.name+"-µs")
				}
				b.ReportMetric(float64(parts[2].took-parts[1].took)/float64(parts[0].took), "upserts/update")
				b.ReportMetric(float64(sent)/float64(updates), "statements/update")
				b.ReportMetric(0, "ns/op") // of a round: it says nothing
			})
		}
	}
}

const perCaller = 50 // calls of a caller in a part of a round

// ids are the numbers of updates that were used.
var ids atomic.Int64

// each calls one from several callers.
func each(b *testing.B, callers int, one func(ctx context.Context, id int64) error) {
	b.Helper()
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range perCaller {
				if err := one(b.Context(), ids.Add(1)); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// dispatch returns what an update through a Dispatcher is. Each update is of a chat of its own.
func dispatch(b *testing.B, store tghook.Store) func(ctx context.Context, id int64) error {
	b.Helper()
	reply := tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 1, "text": "Hello!"}}
	d, err := tghook.NewDispatcher(tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		return reply, nil
	}), tghook.DispatchConfig{Bot: 7, Store: store})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, d.Shutdown(context.Background())) })
	return func(ctx context.Context, id int64) error {
		_, err := d.Do(ctx, &tghook.Update{ID: id, Kind: tghook.KindMessage, ChatID: id, Raw: []byte(`{}`)})
		return err
	}
}
