package tghook_test

import (
	"context"
	"errors"
	"fmt"
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

// A link is the way of one process to the Store that all share. Once it is cut, the process
// can neither claim nor keep anything, as one that is dead.
type link struct {
	*rig.Store

	dead atomic.Bool
}

var errCut = errors.New("cut")

func (l *link) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	if l.dead.Load() {
		return tghook.ClaimResult{}, errCut
	}
	return l.Store.Claim(ctx, c, lease, ttl)
}

func (l *link) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	if l.dead.Load() {
		return errCut
	}
	return l.Store.Renew(ctx, c, lease)
}

func (l *link) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	if l.dead.Load() {
		return errCut
	}
	return l.Store.Done(ctx, c, reply)
}

func (l *link) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	if l.dead.Load() {
		return errCut
	}
	return l.Store.Fail(ctx, c, note)
}

func (l *link) Release(ctx context.Context, c tghook.Claim) error {
	if l.dead.Load() {
		return errCut
	}
	return l.Store.Release(ctx, c)
}

func (l *link) LoadAlbums(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) {
	if l.dead.Load() {
		return nil, "", errCut
	}
	return l.Store.LoadAlbums(ctx, k)
}

func (l *link) SaveAlbums(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
	if l.dead.Load() {
		return errCut
	}
	return l.Store.SaveAlbums(ctx, k, value, old, version, ttl)
}

// replicas are processes that share a Store.
type replicas struct {
	*runLog

	t     *testing.T
	store *rig.Store
	all   []*replica
}

type replica struct {
	*albumBot

	link *link
}

func newReplicas(t *testing.T) *replicas {
	return &replicas{runLog: &runLog{tb: t}, t: t, store: rig.NewStore()}
}

func (r *replicas) start(cfg tghook.Config) *replica {
	l := &link{Store: r.store}
	cfg.Dispatch.Bot, cfg.Dispatch.Store = 1, l
	p := &replica{joinAlbumBot(r.t, r.runLog, cfg), l}
	r.all = append(r.all, p)
	synctest.Wait() // it has looked for albums
	return p
}

// kill cuts p off at once. Later actions of p have no effect outside of it.
func (p *replica) kill() { p.link.dead.Store(true) }

// end ends all processes, and checks that no album is left.
func (r *replicas) end() {
	r.t.Helper()
	for _, p := range r.all {
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
		err := p.Shutdown(ctx)
		cancel()
		if !p.link.dead.Load() {
			require.NoError(r.t, err)
		}
	}
	rig.Pass(15 * time.Minute) // past albums are forgotten
	lanes, err := r.store.AlbumLanes(inAMinute(r.t), 1)
	require.NoError(r.t, err)
	assert.Empty(r.t, lanes)
}

func inAMinute(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestWhatTheStoreIsAskedForAnAlbum(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := newReplicas(t)
		p := r.start(tghook.Config{})
		p.sendAll(rig.MessageIn(7, 1), photoIn(7, 2, "a", 2), photoIn(7, 3, "a", 3))
		rig.Pass(2 * time.Second)
		want := []string{
			"AlbumLanes 1",
			"LoadAlbums chat:7, Claim 1, Done 1",
			"LoadAlbums chat:7, Claim 2, LoadAlbums chat:7, SaveAlbums chat:7, Done 2",
			"LoadAlbums chat:7, Claim 3, LoadAlbums chat:7, SaveAlbums chat:7, Done 3",
			"LoadAlbums chat:7, Claim -2, LoadAlbums chat:7, SaveAlbums chat:7, Done -2, LoadAlbums chat:7, SaveAlbums chat:7",
		}
		assert.Equal(t, strings.Join(want, ", "), r.store.Log())
		assert.Equal(t, "1, album 2 3", r.Ran())
		r.end()
	})
}

func TestACrashLosesNoItemThatTheStoreHas(t *testing.T) {
	for name, test := range map[string]struct {
		took    time.Duration
		crash   time.Duration // after the last item
		restart bool          // the other process starts only after the crash
		within  time.Duration
		runs    string
	}{
		"while the album gathers":               {0, 500 * time.Millisecond, false, 90 * time.Second, "album 1 2"},
		"before a restart":                      {0, 500 * time.Millisecond, true, 2 * time.Second, "album 1 2"},
		"while the handler runs":                {20 * time.Second, 5 * time.Second, false, 2 * time.Minute, "album 1 2, album 1 2"},
		"while the handler runs, and a restart": {20 * time.Second, 5 * time.Second, true, time.Minute, "album 1 2, album 1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := newReplicas(t)
				var other *replica
				if !test.restart {
					other = r.start(tghook.Config{})
				}
				crashed := r.start(tghook.Config{})
				crashed.took = test.took
				crashed.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2))
				rig.Pass(test.crash)
				crashed.kill()
				if test.restart {
					other = r.start(tghook.Config{})
				}
				rig.Pass(test.within)
				assert.Equal(t, test.runs, r.Ran())
				assert.Contains(t, other.Outcomes(), "handled/")
				r.end()
			})
		})
	}
}

func TestReplicasHandleAnAlbumOnceAndInOrder(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := newReplicas(t)
		a, b := r.start(tghook.Config{}), r.start(tghook.Config{})
		a.took, b.took = time.Second, time.Second
		for round := range int64(20) {
			id := round*10 + 1
			album := fmt.Sprint("album", round)
			a.sendAll(photoIn(7, id, album, id))
			rig.Pass(100 * time.Millisecond)
			b.sendAll(photoIn(7, id+1, album, id+1))
			rig.Pass(time.Duration(round) * 77 * time.Millisecond)
			a.sendAll(photoIn(7, id+2, album, id+2))
			behind := []*replica{a, b}[round%2]
			answer := behind.Send(rig.MessageIn(7, id+3))
			got, took := answer.Wait()
			assert.Equal(t, "200", got)
			assert.LessOrEqual(t, took, 4*time.Second)
		}
		runs := r.Ran()
		for round := range 20 {
			id := round*10 + 1
			whole := fmt.Sprintf("album %d %d %d, %d", id, id+1, id+2, id+3)
			// The first two may have been complete before the third came.
			parts := fmt.Sprintf("album %d %d, album %d (straggler), %d", id, id+1, id+2, id+3)
			assert.True(t, strings.Contains(runs, whole) || round > 10 && strings.Contains(runs, parts), "%s in %s", whole, runs)
		}
		r.end()
	})
}

func TestAnAlbumThatFailsInOneReplicaHoldsItsLaneInAll(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := newReplicas(t)
		a, b := r.start(tghook.Config{}), r.start(tghook.Config{})
		var failures atomic.Int32
		for _, p := range r.all {
			p.fail = func(run string) error {
				if strings.HasPrefix(run, "album") && failures.Add(1) <= 3 {
					return rig.ErrBroken
				}
				return nil
			}
		}
		a.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2))
		rig.Pass(1500 * time.Millisecond)
		behind := b.Send(rig.MessageIn(7, 3))
		straggler := b.Send(photoIn(7, 4, "a", 4))
		rig.Pass(8 * time.Second)
		assert.Equal(t, "200", rig.MustWait(behind))
		assert.Equal(t, "200", rig.MustWait(straggler))
		rig.Pass(2 * time.Second)
		assert.Equal(t, "album 1 2, album 1 2, album 1 2, album 1 2, 3, album 4 (straggler)", r.Ran())
		r.end()
	})
}

func TestAnItemWhoseAnswerWasLostIsNotAddedTwice(t *testing.T) {
	for name, test := range map[string]struct {
		lose  string
		after time.Duration
		want  string
	}{
		"as its process has crashed before the claim was ended": {"Done", 0, "album 1 2"},
		"as its process has crashed, and the album was handled": {"Done", 3 * time.Minute, "album 1, album 2 (straggler)"},
		"as the Store's answer was lost":                        {"SaveAlbums", 0, "album 1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := newReplicas(t)
				crashed, other := r.start(tghook.Config{}), r.start(tghook.Config{})
				if test.lose == "Done" {
					r.store.Set(func(s *rig.Store) { s.Break = "Done" })
					crashed.Send(photoIn(7, 1, "a", 1)).Wait()
					crashed.kill()
					r.store.Set(func(s *rig.Store) { s.Break = "" })
				} else {
					r.store.Set(func(s *rig.Store) { s.Lose = "SaveAlbums" })
					assert.Contains(t, rig.ShedAnswers, crashed.Post(photoIn(7, 1, "a", 1)))
					r.store.Set(func(s *rig.Store) { s.Lose = "" })
				}
				rig.Pass(test.after)
				for rig.MustWait(other.Send(photoIn(7, 1, "a", 1))) != "200" {
					rig.Pass(200 * time.Millisecond)
				}
				other.sendAll(photoIn(7, 2, "a", 2))
				rig.Pass(2 * time.Minute)
				got := r.Ran()
				if test.after == 0 && strings.HasPrefix(got, "album 1, ") { // the scan was first
					test.want = "album 1, album 2 (straggler)"
				}
				assert.Equal(t, test.want, got)
				r.end()
			})
		})
	}
}

func TestWhileTheStoreIsAwayNoItemIsAcknowledgedAndNoneIsLost(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := newReplicas(t)
		p := r.start(tghook.Config{})
		p.sendAll(photoIn(7, 1, "a", 1))
		r.store.Set(func(s *rig.Store) { s.Down = true })
		assert.Contains(t, rig.ShedAnswers, p.Post(photoIn(7, 2, "a", 2)))
		assert.Contains(t, rig.ShedAnswers, p.Post(rig.MessageIn(7, 3)))
		rig.Pass(time.Minute)
		assert.Empty(t, r.Ran())
		assert.Zero(t, p.Buried())
		r.store.Set(func(s *rig.Store) { s.Down = false })
		p.sendAll(photoIn(7, 2, "a", 2))
		rig.Pass(10 * time.Second)
		assert.Contains(t, []string{"album 1 2", "album 1, album 2 (straggler)"}, r.Ran())
		r.end()
	})
}

func TestAnAlbumInTheStoreIsGivenUpOnce(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := newReplicas(t)
		a, b := r.start(tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 3}}), r.start(tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 3}})
		a.fail = func(string) error { return rig.ErrBroken }
		b.fail = a.fail
		a.sendAll(photoIn(7, 1, "a", 1))
		b.sendAll(photoIn(7, 2, "a", 2))
		rig.Pass(time.Hour)
		assert.Equal(t, "album 1 2, album 1 2, album 1 2", r.Ran())
		assert.Equal(t, 2, a.Buried()+b.Buried())
		r.end()
	})
}

func TestAnAlbumInTheStoreAtShutdownStaysThereIfItFails(t *testing.T) {
	for name, before := range map[string]time.Duration{"while it gathers": 0, "while it waits for its next attempt": 2500 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := newReplicas(t)
				p := r.start(tghook.Config{})
				p.fail = func(string) error { return rig.ErrBroken }
				p.sendAll(photoIn(7, 1, "a", 1), photoIn(7, 2, "a", 2))
				rig.Pass(before)
				require.NoError(t, p.Shutdown(t.Context()))
				assert.Zero(t, p.Buried())
				next := r.start(tghook.Config{})
				rig.Pass(time.Second)
				assert.Contains(t, next.Outcomes(), "handled/")
				assert.True(t, strings.HasSuffix(r.Ran(), "album 1 2, album 1 2"), r.Ran())
				r.end()
			})
		})
	}
}

func TestAlbumsOfAStoreThatMisbehaves(t *testing.T) {
	for name, broken := range map[string]func() ([]byte, string, error){
		"panics":                         func() ([]byte, string, error) { panic("broken") },
		"returns what is no album":       func() ([]byte, string, error) { return []byte("x"), "v", nil },
		"returns an album without items": func() ([]byte, string, error) { return []byte(`{"groups":[{}]}`), "v", nil },
		"returns an item that is no update": func() ([]byte, string, error) {
			return []byte(`{"groups":[{"items":[{"id":1,"raw":"eA=="}]}]}`), "v", nil
		},
		"returns a value without a version": func() ([]byte, string, error) { return []byte(`{}`), "", nil },
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				store := rig.NewStore()
				b := newAlbumBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: 1, Store: brokenAlbums{store, broken}}})
				assert.Contains(t, rig.ShedAnswers, b.Post(photoIn(7, 1, "a", 1)))
				assert.Contains(t, rig.ShedAnswers, b.Post(rig.MessageIn(7, 2)))
				assert.Empty(t, b.Ran())
				require.NoError(t, b.Shutdown(t.Context()))
			})
		})
	}
}

type brokenAlbums struct {
	*rig.Store

	load func() ([]byte, string, error)
}

func (s brokenAlbums) LoadAlbums(context.Context, tghook.AlbumKey) ([]byte, string, error) {
	return s.load()
}
