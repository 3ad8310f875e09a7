package tghooktest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memstore"
)

type (
	claimFunc func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error)
	renewFunc func(ctx context.Context, c tghook.Claim, lease time.Duration) error
	endFunc   func(ctx context.Context, c tghook.Claim, text []byte) error
	saveFunc  func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error
	loadFunc  func(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error)
	lanesFunc func(ctx context.Context, bot int64) ([]string, error)
)

// A bentStore is a correct Store whose methods can be replaced.
type bentStore struct {
	*memstore.Store

	claim      claimFunc
	renew      renewFunc
	done, fail endFunc
	release    endFunc // without a text
	save       saveFunc
	load       loadFunc
	lanes      lanesFunc
	stop       func() // runs when the server ends

	mu   sync.Mutex
	last map[tghook.Key]lastGrant
}

// A lastGrant is the claim that was granted last for an update.
type lastGrant struct {
	claim tghook.Claim
	until time.Time
	note  []byte
	count int // of grants
}

func newBentStore() *bentStore {
	s := &bentStore{Store: memstore.New(), last: map[tghook.Key]lastGrant{}}
	s.claim, s.renew, s.done, s.fail = s.Claim, s.Renew, s.Done, s.Fail
	s.release = func(ctx context.Context, c tghook.Claim, _ []byte) error { return s.Release(ctx, c) }
	s.save, s.load, s.lanes, s.stop = s.SaveAlbums, s.LoadAlbums, s.AlbumLanes, func() {}
	return s
}

// lastOf returns the claim of an update that was granted last.
func (s *bentStore) lastOf(k tghook.Key) lastGrant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[k]
}

// ranOut reports whether the lease of the last claim of an update has run out, and whether
// that claim is c.
func (s *bentStore) ranOut(c tghook.Claim) (out, own bool) {
	last := s.lastOf(c.Key)
	return last.count > 0 && !time.Now().Before(last.until), last.claim == c
}

// backend is s with a server that can be stopped. The server takes a moment to start.
func (s *bentStore) backend() Backend {
	store := bentFace{s}
	return Backend{Store: store, Stop: func() {
		s.stop()
		s.Set(func(s *memstore.Store) { s.Down = true })
	}, Start: func() {
		time.Sleep(50 * time.Millisecond)
		s.Set(func(s *memstore.Store) { s.Down = false })
	}}
}

// A bentFace is what TestStore sees of a bentStore.
type bentFace struct{ s *bentStore }

func (f bentFace) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	res, err := f.s.claim(ctx, c, lease, ttl)
	if err == nil && res.State == tghook.ClaimGranted {
		f.s.mu.Lock()
		defer f.s.mu.Unlock()
		f.s.last[c.Key] = lastGrant{c, time.Now().Add(lease), res.Note, f.s.last[c.Key].count + 1}
	}
	return res, err
}

func (f bentFace) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	err := f.s.renew(ctx, c, lease)
	if last := f.s.lastOf(c.Key); err == nil && last.claim == c {
		f.s.mu.Lock()
		defer f.s.mu.Unlock()
		last.until = time.Now().Add(lease)
		f.s.last[c.Key] = last
	}
	return err
}

func (f bentFace) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	return f.s.done(ctx, c, reply)
}

func (f bentFace) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	return f.s.fail(ctx, c, note)
}

func (f bentFace) Release(ctx context.Context, c tghook.Claim) error { return f.s.release(ctx, c, nil) }

func (f bentFace) LoadAlbums(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) {
	return f.s.load(ctx, k)
}

func (f bentFace) SaveAlbums(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
	return f.s.save(ctx, k, value, old, version, ttl)
}

func (f bentFace) AlbumLanes(ctx context.Context, bot int64) ([]string, error) {
	return f.s.lanes(ctx, bot)
}

// A storeBreakage is a Store with one fault, and the cases that find it.
type storeBreakage struct {
	name  string
	bend  func(s *bentStore)
	finds []string
	among bool // other cases may find it too, and are not run
}

func allStoreCases() []storeCase {
	return slices.Concat(quickStoreCases(), waitingStoreCases(), awayCases)
}

// findInStore runs cases in small, each on a Store of its own, and returns the names of those
// that fail.
func findInStore(t *testing.T, cases []storeCase, bend func(s *bentStore)) []string {
	t.Helper()
	return findInBubbles(t, cases, func(tb testing.TB) *storeTrial {
		s := newBentStore()
		bend(s)
		trial := newStoreTrial(judge{tb, hurry}, s.backend())
		trial.large, trial.crowd = 1<<20+1, 8
		return trial
	})
}

func storeBreakages() []storeBreakage {
	return slices.Concat(claimBreakages, endBreakages, ttlBreakages, callBreakages, albumBreakages)
}

// byChance reports whether the order of two goroutines decides if a case of this name finds a
// fault.
func byChance(name string) bool {
	return strings.Contains(name, "a takeover at once") || name == keptByConsume
}

// Consume itself keeps the order of this case. A faulty Queue breaks it by chance alone.
const keptByConsume = "an update whose handler fails is run again before the next one of its chat"

// large reports whether a case takes long because it moves many bytes.
func large(c storeCase) bool {
	return strings.Contains(c.name, " MiB") || strings.Contains(c.name, " MB")
}

// ofAlbums tells the faults and cases of albums from those of claims.
func ofAlbums(name string) bool { return strings.HasPrefix(name, "albums: ") }

func TestBrokenStoresFail(t *testing.T) {
	t.Parallel()
	for _, b := range storeBreakages() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			cases := allStoreCases()
			cases = slices.DeleteFunc(cases, func(c storeCase) bool {
				return !slices.Contains(b.finds, c.name) && (b.among || byChance(c.name) || large(c) || ofAlbums(b.name) != ofAlbums(c.name))
			})
			got, want := findInStore(t, cases, b.bend), slices.Sorted(slices.Values(b.finds))
			assert.Equal(t, strings.Join(want, "\n\t"), strings.Join(got, "\n\t"))
		})
	}
}

func TestACorrectStorePassesInABubble(t *testing.T) {
	t.Parallel()
	assert.Empty(t, findInStore(t, allStoreCases(), func(*bentStore) {}), "cases that fail")
}

// A case that no fault makes fail proves nothing.
func TestEveryStoreCaseCanFail(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, b := range storeBreakages() {
		for _, name := range b.finds {
			found[name] = true
		}
	}
	cases := allStoreCases()
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = c.name
	}
	slices.Sort(names)
	assert.Equal(t, strings.Join(names, "\n"), strings.Join(slices.Sorted(maps.Keys(found)), "\n"))
}

// errRefused is an error that says nothing of claims.
var errRefused = errors.New("refused")

func lost(err error) bool { return errors.Is(err, tghook.ErrClaimLost) }
