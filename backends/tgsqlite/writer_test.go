package tgsqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

// lock takes the lock of a file, as a program does that writes for a long time.
func lock(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	return database(tb, path, "PRAGMA busy_timeout = 10000", "BEGIN IMMEDIATE") // the Store may still write
}

func unlock(tb testing.TB, db *sql.DB) {
	tb.Helper()
	_, err := db.ExecContext(tb.Context(), "COMMIT")
	require.NoError(tb, err)
}

// bubble runs a test with a clock of its own.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

func TestACallWaitsForTheLockOfTheFile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store := open(t, path)
		db := lock(t, path)
		began := time.Now()
		time.AfterFunc(4*time.Second, func() { unlock(t, db) })
		granted(t, store, claim(1), 1)
		took := time.Since(began)
		assert.GreaterOrEqual(t, took, 4*time.Second)
		assert.Less(t, took, 4*time.Second+10*time.Millisecond)
	})
}

func TestACallWhoseContextEndsWhileItWaitsHasNoEffect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store := open(t, path)
		c := claim(1)
		granted(t, store, c, 1)
		db := lock(t, path)
		soon := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		began := time.Now()
		err := store.Done(soon(), c, []byte("reply"))
		assert.Equal(t, 5*time.Second, time.Since(began))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "tgsqlite: Done of update 1 of bot 7: the file is busy: the disk is slow, or another program holds its lock")
		require.NotErrorIs(t, err, tghook.ErrClaimLost)
		_, err = store.Claim(soon(), claim(2), lease, ttl)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		unlock(t, db)
		res, err := store.Claim(within(t), claim(1), lease, ttl)
		require.NoError(t, err)
		assert.Equal(t, tghook.ClaimElsewhere, res.State)
		granted(t, store, claim(2), 1)
	})
}

func TestOpenWaitsForTheLockOfTheFile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store, err := tgsqlite.Open(path, tgsqlite.Config{})
		require.NoError(t, err)
		granted(t, store, claim(1), 1)
		require.NoError(t, store.Close())
		alone := database(t, path, "PRAGMA locking_mode = EXCLUSIVE", "BEGIN IMMEDIATE", "COMMIT")
		time.AfterFunc(100*time.Millisecond, func() { assert.NoError(t, alone.Close()) })
		granted(t, open(t, path), claim(2), 1)
	})
}

func TestCloseEndsTheWaitForTheLock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store, err := tgsqlite.Open(path, tgsqlite.Config{})
		require.NoError(t, err)
		lock(t, path)
		failed := make(chan error)
		go func() {
			_, err := store.Claim(t.Context(), claim(1), lease, ttl)
			failed <- err
		}()
		synctest.Wait()
		require.NoError(t, store.Close())
		require.ErrorContains(t, <-failed, "the Store is closed")
	})
}

// Calls that wait for the lock share a transaction.
func TestCallsAtOnceShareATransaction(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store := open(t, path)
		granted(t, store, claim(0), 1)
		db := lock(t, path)
		before := logFrames(t, path)
		var calls sync.WaitGroup
		for id := range int64(100) {
			calls.Go(func() { granted(t, store, claim(1+id), 1) })
		}
		synctest.Wait()
		unlock(t, db)
		calls.Wait()
		assert.Less(t, logFrames(t, path)-before, 30, "pages written for 100 updates")
	})
}

// logFrames is how many pages the log of a file has.
func logFrames(tb testing.TB, path string) int {
	tb.Helper()
	info, err := os.Stat(path + "-wal")
	require.NoError(tb, err)
	return int(info.Size()) / 4096
}

func TestEachCallOfATransactionHasAnOutcomeOfItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store := openWith(t, path, tgsqlite.Config{MaxSize: 1 << 20})
		large, small, lost := claim(1), claim(2), claim(3)
		granted(t, store, large, 1)
		granted(t, store, small, 1)
		db := lock(t, path)
		var calls sync.WaitGroup
		calls.Go(func() { granted(t, store, claim(4), 1) })
		calls.Go(func() {
			err := store.Done(within(t), large, make([]byte, 2<<20))
			assert.ErrorContains(t, err, "tgsqlite: Done of update 1 of bot 7: database or disk is full (13) (the disk is full, or the file has reached Config.MaxSize: make room, and it goes on by itself)")
		})
		calls.Go(func() { assert.NoError(t, store.Done(within(t), small, []byte("reply"))) })
		calls.Go(func() { assert.ErrorIs(t, store.Done(within(t), lost, nil), tghook.ErrClaimLost) })
		calls.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := store.Claim(ctx, claim(5), lease, ttl)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		time.Sleep(2 * time.Second)
		unlock(t, db)
		calls.Wait()
		isDone(t, store, 2, "reply")
		granted(t, store, claim(5), 1)
		for _, id := range []int64{1, 4, 5} {
			res, err := store.Claim(within(t), claim(id), lease, ttl)
			require.NoError(t, err)
			assert.Equal(t, tghook.ClaimElsewhere, res.State, id)
		}
		require.NoError(t, store.Done(within(t), large, []byte("a shorter one")))
	})
}

func TestAFullFileIsAnswered503UntilThereIsRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := openWith(t, newFile(t), tgsqlite.Config{MaxSize: 1 << 20})
		hook, err := tghook.New(tghook.HandlerFunc(hello), tghook.Config{
			Secret:   "my-secret",
			Dispatch: tghook.DispatchConfig{Bot: 7, Store: store, Logger: slog.New(slog.DiscardHandler)},
		})
		require.NoError(t, err)
		deliver := func(id int64) string {
			return post(hook, fmt.Sprintf(`{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":2,"type":"private"}}}`, id))
		}
		fill := func(size int) (full error) {
			for id := int64(1000 * size); full == nil; id++ {
				c := claim(id)
				_, full = store.Claim(within(t), c, time.Second, time.Minute)
				if full == nil {
					full = store.Done(within(t), c, bytes.Repeat([]byte("a"), size))
				}
			}
			return full
		}
		assert.Contains(t, deliver(1), "200 ")
		require.ErrorContains(t, fill(100_000), "the disk is full")
		require.ErrorContains(t, fill(5_000), "the disk is full")
		require.ErrorContains(t, fill(1), "the disk is full")
		assert.Contains(t, deliver(2), "503 ")
		time.Sleep(2 * time.Minute) // what is in the file may be forgotten
		_ = deliver(2)              // makes room
		assert.Contains(t, deliver(2), "200 ")
		assert.Contains(t, deliver(1), "200 ")
		require.NoError(t, hook.Shutdown(t.Context()))
	})
}

func TestWhatMayBeForgottenIsRemovedInPassing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store := open(t, path)
		db := database(t, path)
		for id := range int64(250) {
			_, err := store.Claim(within(t), claim(id), time.Millisecond, time.Minute)
			require.NoError(t, err)
			k := tghook.AlbumKey{Bot: 7, Lane: strconv.FormatInt(id, 10)}
			require.NoError(t, store.SaveAlbums(within(t), k, []byte("value"), "", claim(0).Fence, time.Minute))
		}
		kept := claim(1000)
		_, err := store.Claim(within(t), kept, time.Hour, time.Minute)
		require.NoError(t, err)
		time.Sleep(59 * time.Second)
		require.NoError(t, store.Release(within(t), claimed(t, store, 2000)))
		assert.Equal(t, 252, number(t, db, "SELECT count(*) FROM updates"), "none may be forgotten yet")
		time.Sleep(2 * time.Second)
		for _, want := range []int{150, 50, 0} {
			require.NoError(t, store.Renew(within(t), kept, time.Hour))
			synctest.Wait()
			assert.Equal(t, want+2, number(t, db, "SELECT count(*) FROM updates"), "at most 100 at a time")
			assert.Equal(t, want, number(t, db, "SELECT count(*) FROM albums"))
		}
		lanes, err := store.AlbumLanes(within(t), 7)
		require.NoError(t, err)
		assert.Empty(t, lanes)
		require.NoError(t, store.Done(within(t), kept, nil))
	})
}

func TestTheTTLBeginsAnew(t *testing.T) {
	for name, again := range map[string]func(context.Context, *tgsqlite.Store, tghook.Claim) error{
		"when a claim is granted again": func(ctx context.Context, s *tgsqlite.Store, c tghook.Claim) error {
			_, err := s.Claim(ctx, c, lease, time.Minute)
			return err
		},
		"with Renew": func(ctx context.Context, s *tgsqlite.Store, c tghook.Claim) error { return s.Renew(ctx, c, lease) },
		"with Done":  func(ctx context.Context, s *tgsqlite.Store, c tghook.Claim) error { return s.Done(ctx, c, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				path := newFile(t)
				store := open(t, path)
				db := database(t, path)
				c := claim(1)
				_, err := store.Claim(within(t), c, lease, time.Minute)
				require.NoError(t, err)
				time.Sleep(40 * time.Second)
				require.NoError(t, again(within(t), store, c))
				for _, want := range []int{1, 0} { // after 80 and after 120 seconds
					time.Sleep(40 * time.Second)
					require.ErrorIs(t, store.Release(within(t), claim(2)), tghook.ErrClaimLost) // in passing
					synctest.Wait()
					assert.Equal(t, want, number(t, db, "SELECT count(*) FROM updates"))
				}
			})
		})
	}
}

// claimed is a claim of an update that was granted.
func claimed(tb testing.TB, s tghook.Store, id int64) tghook.Claim {
	tb.Helper()
	c := claim(id)
	granted(tb, s, c, 1)
	return c
}

func TestTheFileUsesItsRoomAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store := open(t, path)
		db := database(t, path)
		pages := make([]int, 0, 4)
		for day := range int64(4) {
			for id := range int64(50) {
				c := claim(day*50 + id)
				_, err := store.Claim(within(t), c, lease, time.Minute)
				require.NoError(t, err)
				require.NoError(t, store.Done(within(t), c, []byte(strings.Repeat("reply", 2000))))
			}
			time.Sleep(2 * time.Minute)
			pages = append(pages, number(t, db, "PRAGMA page_count"))
		}
		assert.LessOrEqual(t, pages[3], pages[1])
	})
}

func TestAClockThatIsSetBackHoldsALeaseUpNoLongerThanOnceMore(t *testing.T) {
	path := newFile(t)
	c := claim(1)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(10 * time.Hour)
		granted(t, open(t, path), c, 1)
	})
	synctest.Test(t, func(t *testing.T) { // begins ten hours before
		store := open(t, path)
		next := claim(1)
		for range 2 {
			res, err := store.Claim(within(t), next, lease, ttl)
			require.NoError(t, err)
			assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: lease}, res)
		}
		time.Sleep(lease - time.Millisecond)
		res, err := store.Claim(within(t), next, lease, ttl)
		require.NoError(t, err)
		assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: time.Millisecond}, res)
		require.NoError(t, store.Renew(within(t), c, lease), "it holds")
		time.Sleep(lease)
		granted(t, store, next, 2)
		require.ErrorIs(t, store.Done(within(t), c, nil), tghook.ErrClaimLost)
	})
}

func TestAClockThatIsSetForwardEndsALeaseEarlier(t *testing.T) {
	path := newFile(t)
	first, second, success := claim(1), claim(1), claim(2)
	synctest.Test(t, func(t *testing.T) {
		store := open(t, path)
		granted(t, store, first, 1)
		granted(t, store, success, 1)
		require.NoError(t, store.Done(within(t), success, []byte("reply")))
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(20 * time.Hour)
		store := open(t, path)
		granted(t, store, second, 2)
		require.ErrorIs(t, store.Done(within(t), first, nil), tghook.ErrClaimLost)
		isDone(t, store, 2, "reply")
	})
}
