package tghook_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

func oneLane(*tghook.Update) string { return "all" }

// What waits behind an album that fails at Shutdown comes again, as the album does.
func TestNothingOvertakesAnAlbumThatFailsAtShutdown(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := newReplicas(t)
		p := r.start(tghook.Config{Dispatch: tghook.DispatchConfig{Lane: oneLane}})
		p.fail = func(string) error { return rig.ErrBroken }
		p.sendAll(photoIn(7, 1, "a", 1))
		rig.Pass(1500 * time.Millisecond)
		behind := []*rig.Pending{p.Send(rig.MessageIn(8, 2)), p.Send(rig.MessageIn(9, 3)), p.Send(rig.MessageIn(10, 4))}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		require.NoError(t, p.Shutdown(ctx))
		assert.Zero(t, time.Since(began), "time")
		for _, answer := range behind {
			assert.Contains(t, rig.ShedAnswers, answer.Now())
		}
		assert.Equal(t, "album 1", r.Ran())
		r.start(tghook.Config{Dispatch: tghook.DispatchConfig{Lane: oneLane}})
		rig.Pass(2 * time.Second)
		r.end()
	})
}

// An album of a process that is dead is found for an update when Shutdown has given up.
func TestAnUpdateIsTurnedAwayIfAnAlbumIsFoundAfterShutdown(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := newReplicas(t)
		p, dead := r.start(tghook.Config{}), r.start(tghook.Config{})
		dead.sendAll(photoIn(7, 1, "a", 1))
		dead.kill()
		r.store.Set(func(s *rig.Store) { s.Latency = 1500 * time.Millisecond })
		answer := p.Send(rig.MessageIn(7, 2))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, p.Shutdown(ctx))
		rig.Pass(time.Second)
		assert.Contains(t, rig.ShedAnswers, answer.Now())
		assert.Zero(t, p.Stats().InFlight, "updates in flight")
		r.store.Set(func(s *rig.Store) { s.Latency = 0 })
		r.start(tghook.Config{})
		rig.Pass(2 * time.Second)
		assert.Equal(t, "album 1", r.Ran())
		r.end()
	})
}

// slowAlbums has one call of LoadAlbums take long.
type slowAlbums struct {
	*rig.Store

	next atomic.Int64 // how long it takes
}

func (s *slowAlbums) LoadAlbums(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) {
	time.Sleep(time.Duration(s.next.Swap(0)))
	return s.Store.LoadAlbums(ctx, k)
}

func TestAnItemThatComesWhileTheStoreIsAskedBelongsToItsAlbum(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		store := &slowAlbums{Store: rig.NewStore()}
		b := newAlbumBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: 1, Store: store}})
		b.sendAll(photoIn(7, 1, "a", 1))
		store.next.Store(int64(500 * time.Millisecond)) // the look when the album is quiet
		rig.Pass(1100 * time.Millisecond)
		assert.Zero(t, store.next.Load(), "the Store is being asked")
		b.sendAll(photoIn(7, 2, "a", 2))
		rig.Pass(900 * time.Millisecond)
		b.sendAll(photoIn(7, 3, "a", 3))
		rig.Pass(2 * time.Second)
		assert.Equal(t, "album 1 2 3", b.Ran())
		require.NoError(t, b.Shutdown(t.Context()))
	})
}

// The tenth item completes its album. It comes again if its claim was lost, while the album runs.
func TestAnAlbumRunsOnceIfItsLastItemComesAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg, store := rig.NewTelegram(t), rig.NewStore()
		b := &albumBot{Bot: &rig.Bot{TB: t}, runLog: &runLog{tb: t}, took: 20 * time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() {
			over <- tghook.Poll(ctx, tg.Client(t, tghook.ClientConfig{}), b.handler(tghook.AlbumConfig{}), tghook.PollConfig{Dispatch: tghook.DispatchConfig{Store: store}})
		}()
		for id := range int64(9) {
			tg.Send(t, photoIn(7, id+1, "a", id+1))
		}
		rig.Pass(100 * time.Millisecond)
		store.Set(func(s *rig.Store) { s.Refuse = "Done" })
		tg.Send(t, photoIn(7, 10, "a", 10))
		rig.Pass(5 * time.Second)
		store.Set(func(s *rig.Store) { s.Refuse = "" })
		rig.Pass(time.Minute)
		assert.Equal(t, "album 1 2 3 4 5 6 7 8 9 10", b.Ran())
		cancel()
		require.NoError(t, <-over)
	})
}

func TestTheStoreIsAskedForAlbumsFromTheStartToShutdown(t *testing.T) {
	asked := func(s *rig.Store) int { return strings.Count(s.Log(), "AlbumLanes") }
	handler := (&albumBot{Bot: &rig.Bot{TB: t}, runLog: &runLog{tb: t}}).handler(tghook.AlbumConfig{})
	t.Run("by a Webhook", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := newReplicas(t)
			p := r.start(tghook.Config{})
			assert.Equal(t, 1, asked(r.store))
			rig.Pass(90 * time.Second)
			assert.Equal(t, 2, asked(r.store))
			require.NoError(t, p.Shutdown(t.Context()))
			rig.Pass(time.Hour)
			assert.Equal(t, 2, asked(r.store))
		})
	})
	for name, cfg := range map[string]tghook.RunConfig{
		"not by a Mounted that is not made after all": {Token: rig.APIToken, URL: rig.HookURL, CertFile: "missing", KeyFile: "missing"},
		"not by a poll that has not begun":            {Token: rig.APIToken},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				store := rig.NewStore()
				cfg.Webhook.Dispatch.Store = store
				m, err := tghook.Mount(handler, cfg)
				assert.Equal(t, cfg.URL == "", err == nil, err)
				assert.Equal(t, cfg.URL == "", m != nil)
				rig.Pass(time.Hour)
				assert.Zero(t, asked(store))
			})
		})
	}
}
