package tgsqlite_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
	"github.com/tghook/tghook/tghooktest"
)

func TestTheContractOfAStore(t *testing.T) {
	t.Parallel()
	tghooktest.TestStore(t, func(tb testing.TB) tghooktest.Backend {
		path := newFile(tb)
		one, other := reopen(tb, path), reopen(tb, path)
		return tghooktest.Backend{
			Store: one, Other: other,
			Stop:  func() { one.stop(tb); other.stop(tb) },
			Start: func() { one.start(tb); other.start(tb) },
		}
	})
}

// A restarted Store is that of a process that can be restarted.
type restarted struct {
	path  string
	store atomic.Pointer[tgsqlite.Store]
}

func reopen(tb testing.TB, path string) *restarted {
	tb.Helper()
	r := &restarted{path: path}
	r.start(tb)
	tb.Cleanup(func() { r.stop(tb) })
	return r
}

// opening lets one file be opened at a time: many that make their files at once on a slow disk
// take longer than Open waits.
var opening sync.Mutex

func (r *restarted) start(tb testing.TB) {
	tb.Helper()
	opening.Lock()
	defer opening.Unlock()
	store, err := tgsqlite.Open(r.path, tgsqlite.Config{})
	require.NoError(tb, err)
	r.store.Store(store)
}

func (r *restarted) stop(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, r.store.Load().Close())
}

func (r *restarted) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	return r.store.Load().Claim(ctx, c, lease, ttl)
}

func (r *restarted) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	return r.store.Load().Renew(ctx, c, lease)
}

func (r *restarted) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	return r.store.Load().Done(ctx, c, reply)
}

func (r *restarted) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	return r.store.Load().Fail(ctx, c, note)
}

func (r *restarted) Release(ctx context.Context, c tghook.Claim) error {
	return r.store.Load().Release(ctx, c)
}

func (r *restarted) LoadAlbums(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) {
	return r.store.Load().LoadAlbums(ctx, k)
}

func (r *restarted) SaveAlbums(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
	return r.store.Load().SaveAlbums(ctx, k, value, old, version, ttl)
}

func (r *restarted) AlbumLanes(ctx context.Context, bot int64) ([]string, error) {
	return r.store.Load().AlbumLanes(ctx, bot)
}
