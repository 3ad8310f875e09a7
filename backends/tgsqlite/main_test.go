package tgsqlite_test

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

const (
	lease = 30 * time.Second
	ttl   = 24 * time.Hour
)

// newFile is the path of a file that is not there yet.
func newFile(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "bot.db")
}

// open opens a Store as another process would, and closes it after the test.
func open(tb testing.TB, path string) *tgsqlite.Store {
	tb.Helper()
	return openWith(tb, path, tgsqlite.Config{})
}

func openWith(tb testing.TB, path string, cfg tgsqlite.Config) *tgsqlite.Store {
	tb.Helper()
	store, err := tgsqlite.Open(path, cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	return store
}

// claim is a new claim of an update of the bot 7.
func claim(id int64) tghook.Claim {
	return tghook.Claim{Key: tghook.Key{Bot: 7, ID: id}, Fence: rand.Text()}
}

// within is the context of one call, so that one that hangs fails.
func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Minute)
	tb.Cleanup(cancel)
	return ctx
}

// granted claims an update, and expects that it is granted as the attempt with this number.
func granted(tb testing.TB, s tghook.Store, c tghook.Claim, attempt int) {
	tb.Helper()
	res, err := s.Claim(within(tb), c, lease, ttl)
	require.NoError(tb, err)
	require.Equal(tb, tghook.ClaimGranted, res.State)
	require.Equal(tb, attempt, res.Attempt)
}

// isDone expects that an update has succeeded with this reply.
func isDone(tb testing.TB, s tghook.Store, id int64, reply string) {
	tb.Helper()
	res, err := s.Claim(within(tb), claim(id), lease, ttl)
	require.NoError(tb, err)
	require.Equal(tb, tghook.ClaimDone, res.State)
	require.Equal(tb, reply, string(res.Reply))
}
