package tgsqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

// firstVersion makes the tables as the first version of this package did.
var firstVersion = []string{
	"PRAGMA journal_mode = WAL",
	`CREATE TABLE updates (
		bot INTEGER NOT NULL, id INTEGER NOT NULL,
		state INTEGER NOT NULL, fence TEXT NOT NULL,
		lease INTEGER NOT NULL, until INTEGER NOT NULL,
		failed INTEGER NOT NULL, ttl INTEGER NOT NULL, forget INTEGER NOT NULL,
		note BLOB, reply BLOB,
		PRIMARY KEY (bot, id)) STRICT`,
	`CREATE INDEX updates_forget ON updates (forget)`,
	`CREATE TABLE albums (
		bot INTEGER NOT NULL, lane BLOB NOT NULL,
		version TEXT NOT NULL, forget INTEGER NOT NULL, value BLOB NOT NULL,
		PRIMARY KEY (bot, lane)) STRICT`,
	`CREATE INDEX albums_forget ON albums (forget)`,
	"PRAGMA application_id = 1952925803",
	"PRAGMA user_version = 1",
}

func TestAFileOfTheFirstVersionKeepsWhatItHas(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		db := database(t, path, firstVersion...)
		for _, statement := range []string{
			`INSERT INTO updates VALUES (7, 1, 3, 'f', 1, 1, 0, 1, 1000000000000000, NULL, CAST('reply' AS BLOB))`,
			`INSERT INTO albums VALUES (7, CAST('lane' AS BLOB), 'v', 1000000000000000, CAST('value' AS BLOB))`,
		} {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		// db stays open: the process of the first version still runs, as in a rolling restart.
		store := open(t, path)
		isDone(t, store, 1, "reply")
		value, _, err := store.LoadAlbums(within(t), tghook.AlbumKey{Bot: 7, Lane: "lane"})
		require.NoError(t, err)
		assert.Equal(t, "value", string(value))
		publish(t, store.Queue(), queued(1, "a"))
		assert.Equal(t, []int64{1}, ids(take(t, store.Queue(), 10)))
		assert.Equal(t, 2, number(t, db, "PRAGMA user_version"))
		_, err = db.ExecContext(t.Context(), `UPDATE updates SET forget = 0`)
		require.NoError(t, err)
		sound(t, path)
	})
}

func TestAMigrationThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	db := database(t, path, append(firstVersion, "CREATE TABLE dead (x)")...) // in the way
	_, err := tgsqlite.Open(path, tgsqlite.Config{})
	require.ErrorContains(t, err, "table dead already exists")
	assert.Equal(t, 1, number(t, db, "PRAGMA user_version"))
	_, err = db.ExecContext(t.Context(), "DROP TABLE dead")
	require.NoError(t, err)
	publish(t, open(t, path).Queue(), queued(1, ""))
}

// A day of traffic is 200 updates a minute here, with a backlog of an hour, and the clock of
// the test goes through three days of them.
func TestTheFileOfAQueueIsBoundedByItsLargestDay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		q := open(t, path).Queue()
		db := database(t, path)
		const hours, each = 72, 100
		var pages []int
		id := int64(0)
		for hour := range hours {
			updates := make([]tghook.QueuedUpdate, 0, each)
			for range each {
				id++
				u := queued(id, strconv.FormatInt(id%10, 10))
				u.Raw = json.RawMessage(`"` + strings.Repeat("x", 2000) + `"`)
				updates = append(updates, u)
			}
			publish(t, q, updates...)
			if hour > 0 {
				handle(t, q, each)
			}
			if hour%24 == 23 {
				pages = append(pages, number(t, db, "PRAGMA page_count"))
			}
			time.Sleep(time.Hour)
		}
		handle(t, q, each)
		for range 30 { // in passing
			_, _ = q.Renew(within(t), []tghook.QueuedUpdate{{Receipt: lostReceipt(t, q)}}, lease)
		}
		t.Log("pages after each day:", pages)
		assert.LessOrEqual(t, pages[2], pages[1]+pages[1]/20)
		assert.Less(t, pages[2], 200+2*each*2100/4096*2, "a backlog of two hours, and small keys")
		assert.LessOrEqual(t, number(t, db, "SELECT count(*) FROM keys"), 26*each, "keys are forgotten")
		assert.Less(t, logFrames(t, path), 3000, "the log")
	})
}

// handle takes n updates and ends them.
func handle(tb testing.TB, q tghook.Queue, n int) {
	tb.Helper()
	for n > 0 {
		for _, u := range take(tb, q, n) {
			require.NoError(tb, q.Done(within(tb), u))
			n--
		}
	}
}

// lostReceipt is of a lease that does not hold.
func lostReceipt(tb testing.TB, q *tgsqlite.Queue) any {
	tb.Helper()
	publish(tb, q, queued(1<<40, "lost"))
	u := take(tb, q, 1)
	if len(u) == 0 {
		return nil
	}
	require.NoError(tb, q.Done(within(tb), u[0]))
	return u[0].Receipt
}

func TestAKeyIsForgottenWhenTelegramIsDoneWithIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		q := open(t, path).Queue()
		db := database(t, path)
		keys := func() int { return number(t, db, "SELECT count(*) FROM keys") }
		publish(t, q, queued(1, "a"), queued(2, "a"), queued(3, "b"))
		us := take(t, q, 10)
		require.NoError(t, q.Done(within(t), us[0]))
		require.NoError(t, q.Bury(within(t), us[1], "why"))
		passing := func() {
			require.NoError(t, q.Fail(within(t), us[2], nil)) // of 2, which stays
			synctest.Wait()
		}
		time.Sleep(24 * time.Hour)
		passing()
		assert.Equal(t, 3, keys())
		publish(t, q, queued(1, "a"), queued(2, "a"), queued(3, "b"))
		state, err := q.State(within(t), 7)
		require.NoError(t, err)
		assert.Equal(t, 1, state.Pending)
		time.Sleep(6 * time.Minute)
		passing()
		assert.Equal(t, 2, keys(), "the handled one")
		time.Sleep(1000 * time.Hour)
		passing()
		assert.Equal(t, 2, keys(), "what is in the queue or dead is known")
		require.NoError(t, q.Discard(within(t), us[1].Key))
		require.NoError(t, q.Done(within(t), us[2]))
		time.Sleep(2 * time.Second)
		_, err = q.Renew(within(t), us[:1], lease)
		require.NoError(t, err)
		synctest.Wait()
		assert.Zero(t, keys())
	})
}

func TestAFullFileRefusesUpdatesUntilOthersAreHandled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		gate := make(chan struct{})
		s := openSpool(t, newFile(t), func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-gate
			return tghook.NoReply, nil
		}, func(cfg *tgsqlite.SpoolConfig) {
			cfg.MaxSize = 1 << 20
			cfg.Consume.Dispatch.HandlerTimeout = -1
		})
		var failure error
		hook, err := tghook.New(s, tghook.Config{Secret: "my-secret", Dispatch: tghook.DispatchConfig{
			Bot: 7, Logger: slog.New(slog.DiscardHandler),
			Observe: func(_ context.Context, d tghook.Delivery) { failure = errors.Join(failure, d.Err) },
		}})
		require.NoError(t, err)
		kept := int64(0)
		for strings.HasPrefix(post(hook, padded(kept+1, kept%5)), "200 ") {
			kept++
			require.Less(t, kept, int64(5000))
		}
		t.Log(kept, "updates of 1 KiB in a file of 1 MiB")
		assert.Greater(t, kept, int64(500))
		require.ErrorContains(t, failure, "tgsqlite: Publish of update "+strconv.FormatInt(kept+1, 10)+" of bot 7: the file has reached Config.MaxSize")
		assert.Contains(t, post(hook, padded(kept+1, 1)), "503 ")
		close(gate) // the handlers go on, and make room
		time.Sleep(time.Minute)
		state, err := s.Queue().State(within(t), 7)
		require.NoError(t, err)
		assert.Zero(t, state.Pending)
		for id := range kept {
			require.Equal(t, "200 ", post(hook, padded(kept+1+id, id%5)))
		}
		require.NoError(t, hook.Shutdown(t.Context()))
		shutDown(t, s)
	})
}

// padded is an update of 1 KiB.
func padded(id, chat int64) string {
	return fmt.Sprintf(`{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private"},"text":"%s"}}`, id, chat, strings.Repeat("x", 930))
}
