package tgpostgres_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

// chats is how many chats the updates of the benchmarks are of.
const chats = 500

// message is an update as Telegram sends it, of about 400 bytes.
func message(id int64) []byte {
	return fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private"},"text":"%0270d"}}`, id, id, 1+id%chats, id)
}

// bareTable has the rows of a queue that somebody writes in five minutes.
const bareTable = `CREATE TABLE bare (bot bigint, id bigint, lane text, raw bytea, published timestamptz DEFAULT now(), PRIMARY KEY (bot, id))`

func bareInsert(pool *pgxpool.Pool) func(ctx context.Context, id int64) error {
	return func(ctx context.Context, id int64) error {
		_, err := pool.Exec(ctx, "INSERT INTO bare (bot, id, lane, raw) VALUES (7, $1, $2, $3)", id, fmt.Sprint("chat:", id%chats), message(id))
		return err
	}
}

// bareClaim claims a row and removes it.
func bareClaim(pool *pgxpool.Pool) func(ctx context.Context, id int64) error {
	return func(ctx context.Context, _ int64) error {
		var raw []byte
		return pool.QueryRow(ctx, "DELETE FROM bare WHERE (bot, id) = (SELECT bot, id FROM bare WHERE bot = 7 ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING raw").Scan(&raw)
	}
}

// BenchmarkQueuePublish measures what it costs to keep an update in a Queue and answer
// Telegram, by one client and by 16 at once. A round has three parts, in turn:
//
//   - bare: INSERT of the same row into a table with a primary key, by as many clients, each
//     with a connection;
//   - keep: Queue.Publish alone;
//   - publish: the update through a Webhook and its publisher, until the answer.
//
// It reports the time of each part for one update. keep/bare and publish/bare are how many times
// as many updates a part handles in the same time.
func BenchmarkQueuePublish(b *testing.B) {
	for _, clients := range []int{1, 16} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) {
			pool, _ := recorded(b, newSchema(b), fmt.Sprint("pool_max_conns=", clients))
			execute(b, pool, bareTable)
			q := newQueue(b, pool, tgpostgres.Config{})
			parts := []struct {
				name string
				one  func(ctx context.Context, id int64) error
				took time.Duration
			}{
				{name: "bare", one: bareInsert(pool)},
				{name: "keep", one: func(ctx context.Context, id int64) error {
					return q.Publish(ctx, tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: id}, Lane: fmt.Sprint("chat:", id%chats), Raw: message(id)})
				}},
				{name: "publish", one: publishing(b, q)},
			}
			for _, p := range parts {
				each(b, clients, p.one) // connections and prepared statements
			}
			b.ResetTimer()
			for range b.N {
				for i, p := range parts {
					start := time.Now()
					each(b, clients, p.one)
					parts[i].took += time.Since(start)
				}
			}
			b.StopTimer()
			for i, p := range parts {
				b.ReportMetric(float64(p.took.Microseconds())/float64(b.N*clients*perCaller), p.name+"-µs")
				if i > 0 {
					b.ReportMetric(float64(parts[0].took)/float64(p.took), p.name+"/bare")
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// publishing returns what an update through a Webhook is.
func publishing(b *testing.B, q tghook.Queue) func(ctx context.Context, id int64) error {
	b.Helper()
	cfg := tghook.DispatchConfig{Bot: 7}
	publisher, err := tghook.NewPublisher(q, cfg)
	require.NoError(b, err)
	hook, err := tghook.New(publisher, tghook.Config{Secret: "my-secret", Dispatch: cfg})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, hook.Shutdown(context.Background())) })
	return func(ctx context.Context, id int64) error {
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/telegram", bytes.NewReader(message(id)))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", "my-secret")
		answer := httptest.NewRecorder()
		hook.ServeHTTP(answer, req)
		if answer.Code != http.StatusOK {
			return fmt.Errorf("answered %d", answer.Code)
		}
		return nil
	}
}

// BenchmarkQueueConsume measures what it costs to consume a backlog of 500 chats with an empty
// handler. A round has two parts, in turn:
//
//   - bare: 16 clients, each with a connection, claim a row of a table by SKIP LOCKED and
//     remove it, until none is left;
//   - consume: one Consume with a pool of 16 connections, until all is handled.
func BenchmarkQueueConsume(b *testing.B) {
	const clients, backlog = 16, 4000
	pool, _ := recorded(b, newSchema(b), fmt.Sprint("pool_max_conns=", clients))
	execute(b, pool, bareTable)
	q := newQueue(b, pool, tgpostgres.Config{})
	claim := bareClaim(pool)
	var took [2]time.Duration
	b.ResetTimer()
	for range b.N {
		for range backlog / 100 {
			fillBoth(b, pool, q)
		}
		start := time.Now()
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				for claim(b.Context(), 0) == nil {
				}
			})
		}
		all.Wait()
		took[0] += time.Since(start)
		start = time.Now()
		consumed(b, backlog, q, 0, 0)
		took[1] += time.Since(start)
	}
	b.StopTimer()
	b.ReportMetric(float64(took[0].Microseconds())/float64(b.N*backlog), "bare-µs")
	b.ReportMetric(float64(took[1].Microseconds())/float64(b.N*backlog), "consume-µs")
	b.ReportMetric(float64(took[0])/float64(took[1]), "consume/bare")
	b.ReportMetric(0, "ns/op")
}

// fillBoth adds 100 updates to the bare table and to the queue.
func fillBoth(b *testing.B, pool *pgxpool.Pool, q tghook.Queue) {
	b.Helper()
	updates := make([]tghook.QueuedUpdate, 100)
	rows := new(pgx.Batch)
	for i := range updates {
		id := ids.Add(1)
		updates[i] = tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: id}, Lane: fmt.Sprint("chat:", id%chats), Raw: message(id)}
		rows.Queue("INSERT INTO bare (bot, id, lane, raw) VALUES (7, $1, $2, $3)", id, updates[i].Lane, []byte(updates[i].Raw))
	}
	require.NoError(b, pool.SendBatch(b.Context(), rows).Close())
	require.NoError(b, q.Publish(b.Context(), updates...))
}

// consumed runs Consume until it has handled n updates, each of which takes a time. Workers is
// how many it handles at a time; zero is the default.
func consumed(b *testing.B, n int64, q tghook.Queue, each time.Duration, workers int) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	var handled atomic.Int64
	h := tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		time.Sleep(each)
		if handled.Add(1) == n {
			cancel()
		}
		return tghook.NoReply, nil
	})
	require.NoError(b, tghook.Consume(ctx, q, h, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 7, MaxInFlight: workers}}))
}

// BenchmarkQueueWorkers measures how a handler that takes 20 ms scales with the updates that
// are handled at a time. It reports how many times as many updates are handled as by one at a
// time.
func BenchmarkQueueWorkers(b *testing.B) {
	const takes = 20 * time.Millisecond
	for _, workers := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			pool, _ := recorded(b, newSchema(b), "pool_max_conns=8")
			execute(b, pool, bareTable)
			q := newQueue(b, pool, tgpostgres.Config{})
			var took time.Duration
			updates := int64(20 * workers)
			b.ResetTimer()
			for range b.N {
				for n := int64(0); n < updates; n += 100 {
					fillBoth(b, pool, q)
				}
				start := time.Now()
				consumed(b, updates, q, takes, workers)
				took += time.Since(start)
				execute(b, pool, "TRUNCATE tghook_queue")
			}
			b.StopTimer()
			b.ReportMetric(float64(updates)*float64(b.N)*takes.Seconds()/took.Seconds(), "x/handler")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkQueueTake measures Take and Done with a backlog of 100 and of 100,000 updates in
// one lane, in turn, and reports how many times as long the long one takes.
func BenchmarkQueueTake(b *testing.B) {
	var pools [2]*pgxpool.Pool
	var queues [2]*tgpostgres.Queue
	for i, backlog := range []int{100, 100_000} {
		pools[i], _ = recorded(b, newSchema(b), "pool_max_conns=2")
		queues[i] = newQueue(b, pools[i], tgpostgres.Config{})
		require.NoError(b, queues[i].Publish(b.Context(), tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: ids.Add(1)}, Lane: "chat:1", Raw: message(1)}))
		execute(b, pools[i], fmt.Sprintf(`INSERT INTO tghook_queue (bot, id, lane_key, published, head, lane, raw)
			SELECT bot, id + 1000000000 + n, lane_key, published, false, lane, raw FROM tghook_queue, generate_series(1, %d) n`, backlog))
	}
	var took [2]time.Duration
	rounds := 0
	b.ResetTimer()
	for range b.N {
		for range 20 {
			rounds++
			for i, q := range queues {
				start := time.Now()
				taken, err := q.Take(b.Context(), 7, 10, lease)
				require.NoError(b, err)
				require.Len(b, taken, 1)
				require.NoError(b, q.Done(b.Context(), taken[0]))
				took[i] += time.Since(start)
				_, err = pools[i].Exec(b.Context(), `INSERT INTO tghook_queue (bot, id, lane_key, published, head, lane, raw)
					SELECT bot, id + 2000000000, lane_key, published, false, lane, raw FROM tghook_queue WHERE bot = 7 ORDER BY bot DESC, id DESC LIMIT 1`)
				require.NoError(b, err)
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(took[0].Microseconds())/float64(rounds), "100-µs")
	b.ReportMetric(float64(took[1].Microseconds())/float64(rounds), "100000-µs")
	b.ReportMetric(float64(took[1])/float64(took[0]), "x/100")
	b.ReportMetric(0, "ns/op")
}
