package tghooktest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memstore"
)

// before runs f before each method of s for updates. If f returns true, its error is the
// method's.
func before(s *bentStore, f func(ctx context.Context, method string, c tghook.Claim) (over bool, err error)) {
	claim, renew := s.claim, s.renew
	s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
		if over, err := f(ctx, "Claim", c); over {
			return tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 1}, err
		}
		return claim(ctx, c, lease, ttl)
	}
	s.renew = func(ctx context.Context, c tghook.Claim, lease time.Duration) error {
		if over, err := f(ctx, "Renew", c); over {
			return err
		}
		return renew(ctx, c, lease)
	}
	end := func(method string, next endFunc) endFunc {
		return func(ctx context.Context, c tghook.Claim, text []byte) error {
			if over, err := f(ctx, method, c); over {
				return err
			}
			return next(ctx, c, text)
		}
	}
	s.done, s.fail, s.release = end("Done", s.done), end("Fail", s.fail), end("Release", s.release)
}

// down reports whether the server is away.
func (s *bentStore) down() (is bool) {
	s.Set(func(s *memstore.Store) { is = s.Down })
	return is
}

// callBreakages are faults when a context ends or the server is away.
var callBreakages = []storeBreakage{
	{"a call whose context has ended does not return", func(s *bentStore) {
		before(s, func(ctx context.Context, _ string, _ tghook.Claim) (bool, error) {
			if ctx.Err() != nil {
				time.Sleep(time.Hour)
			}
			return false, nil
		})
	}, []string{"a call whose context has ended returns, and says nothing that is not so"}, false},
	{"a call whose context has ended says that the claim is lost", func(s *bentStore) {
		before(s, func(ctx context.Context, _ string, _ tghook.Claim) (bool, error) {
			return ctx.Err() != nil, tghook.ErrClaimLost
		})
	}, []string{"a call whose context has ended returns, and says nothing that is not so"}, false},
	{"a call whose context has ended succeeds and does nothing", func(s *bentStore) {
		before(s, func(ctx context.Context, _ string, _ tghook.Claim) (bool, error) { return ctx.Err() != nil, nil })
	}, []string{"a call whose context has ended returns, and says nothing that is not so"}, false},
	{"no call succeeds after one whose context has ended", func(s *bentStore) {
		var broken atomic.Bool
		before(s, func(ctx context.Context, _ string, _ tghook.Claim) (bool, error) {
			if ctx.Err() != nil {
				broken.Store(true)
			}
			return broken.Load(), errRefused
		})
	}, []string{"a call whose context has ended returns, and says nothing that is not so"}, false},
	{"a call that takes longer than its context has no effect, and says that the claim is lost", func(s *bentStore) {
		before(s, func(ctx context.Context, method string, _ tghook.Claim) (bool, error) {
			select {
			case <-time.After(time.Millisecond):
				return false, nil
			case <-ctx.Done():
				return true, fmt.Errorf("%w: %w", tghook.ErrClaimLost, ctx.Err())
			}
		})
	}, []string{
		"a call whose context ends on the way may be repeated",
		"a call whose context has ended returns, and says nothing that is not so",
	}, false},
	{"a Store whose server is away grants", func(s *bentStore) {
		before(s, func(_ context.Context, method string, _ tghook.Claim) (bool, error) {
			return method == "Claim" && s.down(), nil
		})
	}, []string{
		"a Store whose server is away returns an error soon, and works again by itself",
		"calls that the end of the server cuts off may be repeated, and nothing that was answered is lost",
	}, false},
	{"a Store whose server is away says that the claim is lost", func(s *bentStore) {
		before(s, func(_ context.Context, method string, _ tghook.Claim) (bool, error) {
			return method != "Claim" && s.down(), tghook.ErrClaimLost
		})
	}, []string{"a Store whose server is away returns an error soon, and works again by itself"}, false},
	{"a Store whose server is away hangs", func(s *bentStore) {
		before(s, func(context.Context, string, tghook.Claim) (bool, error) {
			if s.down() {
				time.Sleep(time.Hour)
			}
			return false, nil
		})
	}, []string{
		"a Store whose server is away returns an error soon, and works again by itself",
		"calls that the end of the server cuts off may be repeated, and nothing that was answered is lost",
	}, false},
	{"a Store whose server was away does not come back", func(s *bentStore) {
		var broken atomic.Bool
		before(s, func(context.Context, string, tghook.Claim) (bool, error) {
			if s.down() {
				broken.Store(true)
			}
			return broken.Load(), errRefused
		})
	}, []string{
		"a Store whose server is away returns an error soon, and works again by itself",
		"calls that the end of the server cuts off may be repeated, and nothing that was answered is lost",
	}, false},
	{"the server forgets everything", func(s *bentStore) {
		s.stop = func() { s.Set(func(s *memstore.Store) { clear(s.Rows) }) }
	}, []string{
		"a Store whose server is away returns an error soon, and works again by itself",
		"a lease runs out while the server is away, and counts",
		"calls that the end of the server cuts off may be repeated, and nothing that was answered is lost",
		"what the Store has answered is known after its server was killed",
	}, false},
	{"the process alone knows who has succeeded", func(s *bentStore) {
		var lives atomic.Int64
		var ended sync.Map
		s.stop = func() { lives.Add(1) }
		done := s.done
		s.done = func(ctx context.Context, c tghook.Claim, reply []byte) error {
			err := done(ctx, c, reply)
			life, again := ended.LoadOrStore(c, lives.Load())
			if err == nil && again && life != lives.Load() {
				return tghook.ErrClaimLost
			}
			return err
		}
	}, []string{"what the Store has answered is known after its server was killed"}, false},
	{"the clock of the server stands still while it is away", func(s *bentStore) {
		s.stop = func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, last := range s.last {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				_ = s.Renew(ctx, last.claim, time.Hour)
				cancel()
			}
		}
	}, []string{"a lease runs out while the server is away, and counts"}, false},
	{"a call that was cut off counts", func(s *bentStore) {
		var cut sync.Map
		claim := s.claim
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := claim(ctx, c, lease, ttl)
			if errors.Is(err, memstore.ErrDown) {
				cut.Store(c, true)
			}
			if _, counts := cut.Load(c); counts {
				res.Attempt++
			}
			return res, err
		}
	}, []string{"calls that the end of the server cuts off may be repeated, and nothing that was answered is lost"}, false},
}
