package tghooktest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// relaned changes the keys of lanes. The names of lanes are listed as they are kept.
func relaned(f func(k tghook.AlbumKey) tghook.AlbumKey) func(*bentStore) {
	return func(s *bentStore) {
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			return s.SaveAlbums(ctx, f(k), value, old, version, ttl)
		}
		s.load = func(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) { return s.LoadAlbums(ctx, f(k)) }
		s.lanes = func(ctx context.Context, bot int64) ([]string, error) {
			return s.AlbumLanes(ctx, f(tghook.AlbumKey{Bot: bot}).Bot)
		}
	}
}

func renamed(f func(lane string) string) func(*bentStore) {
	return relaned(func(k tghook.AlbumKey) tghook.AlbumKey {
		k.Lane = f(k.Lane)
		return k
	})
}

// saved changes the arguments of SaveAlbums.
func saved(f func(ctx context.Context, s *bentStore, k tghook.AlbumKey, value []byte, old string) ([]byte, string)) func(*bentStore) {
	return func(s *bentStore) {
		var mu sync.Mutex
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			value, old = f(ctx, s, k, value, old)
			return s.SaveAlbums(ctx, k, value, old, version, ttl)
		}
	}
}

// current returns the version of a lane.
func (s *bentStore) current(ctx context.Context, k tghook.AlbumKey) string {
	_, version, _ := s.LoadAlbums(context.WithoutCancel(ctx), k)
	if version == "" {
		live, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_, version, _ = s.LoadAlbums(live, k)
	}
	return version
}

// listing changes what AlbumLanes returns.
func listing(f func(s *bentStore, bot int64, lanes []string) []string) func(*bentStore) {
	return func(s *bentStore) {
		s.lanes = func(ctx context.Context, bot int64) ([]string, error) {
			lanes, err := s.AlbumLanes(ctx, bot)
			return f(s, bot, lanes), err
		}
	}
}

// changedErrors gives the errors of SaveAlbums to f.
func changedErrors(f func(ctx context.Context, err error) error) func(*bentStore) {
	return func(s *bentStore) {
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			return f(ctx, s.SaveAlbums(ctx, k, value, old, version, ttl))
		}
	}
}

var albumBreakages = []storeBreakage{
	{"albums: no version is compared", saved(func(ctx context.Context, s *bentStore, k tghook.AlbumKey, value []byte, _ string) ([]byte, string) {
		return value, s.current(ctx, k)
	}), []string{
		"albums: a removal needs the version too",
		"albums: a version is refused if the lane has no value",
		"albums: a version that is not the lane's is refused, and changes nothing",
		"albums: an empty value removes the lane's",
		"albums: many who save what they have loaded lose nothing",
		"albums: of many who save at once, exactly one succeeds with each version",
	}, false},
	{"albums: a version is compared only if it is not empty", saved(func(ctx context.Context, s *bentStore, k tghook.AlbumKey, value []byte, old string) ([]byte, string) {
		if old == "" {
			old = s.current(ctx, k)
		}
		return value, old
	}), []string{
		"albums: a removal needs the version too",
		"albums: a version that is not the lane's is refused, and changes nothing",
		"albums: many who save what they have loaded lose nothing",
		"albums: of many who save at once, exactly one succeeds with each version",
	}, false},
	{"albums: what is not there has every version", saved(func(ctx context.Context, s *bentStore, k tghook.AlbumKey, value []byte, old string) ([]byte, string) {
		if s.current(ctx, k) == "" {
			old = ""
		}
		return value, old
	}), []string{
		"albums: a version is refused if the lane has no value",
		"albums: an empty value removes the lane's",
		"albums: of many who save at once, exactly one succeeds with each version",
	}, false},
	{"albums: a removal compares no version", saved(func(ctx context.Context, s *bentStore, k tghook.AlbumKey, value []byte, old string) ([]byte, string) {
		if len(value) == 0 {
			old = s.current(ctx, k)
		}
		return value, old
	}), []string{
		"albums: a removal needs the version too",
		"albums: of many who save at once, exactly one succeeds with each version",
	}, false},
	{"albums: what is not there cannot be removed", func(s *bentStore) {
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			if len(value) == 0 && s.current(ctx, k) == "" {
				return tghook.ErrAlbumChanged
			}
			return s.SaveAlbums(ctx, k, value, old, version, ttl)
		}
	}, []string{"albums: what is not there may be removed"}, false},
	{"albums: a removal keeps its version", func(s *bentStore) {
		var removed sync.Map
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			err := s.SaveAlbums(ctx, k, value, old, version, ttl)
			if err == nil && len(value) == 0 {
				removed.Store(k, version)
			}
			return err
		}
		s.load = func(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) {
			value, version, err := s.LoadAlbums(ctx, k)
			if last, ok := removed.Load(k); ok && version == "" {
				version = last.(string)
			}
			return value, version, err
		}
	}, []string{
		"albums: a call whose context has ended returns, and says nothing that is not so",
		"albums: an empty value removes the lane's",
		"albums: of many who save at once, exactly one succeeds with each version",
		"albums: what is not there may be removed",
		"albums: what was saved is known after the server was killed",
	}, false},
	{"albums: nothing is removed", saved(func(_ context.Context, _ *bentStore, _ tghook.AlbumKey, value []byte, old string) ([]byte, string) {
		if len(value) == 0 {
			value = []byte("[]")
		}
		return value, old
	}), []string{
		"albums: a call whose context has ended returns, and says nothing that is not so",
		"albums: an empty value removes the lane's",
		"albums: lanes of many bots do not meet",
		"albums: of many who save at once, exactly one succeeds with each version",
		"albums: the name of a lane may be any text",
		"albums: what is not there may be removed",
		"albums: what was saved is known after the server was killed",
	}, false},
	{"albums: a lane that was removed is listed", func(s *bentStore) {
		var mu sync.Mutex
		all := map[int64][]string{}
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			if !slices.Contains(all[k.Bot], k.Lane) && len(value) > 0 {
				all[k.Bot] = append(all[k.Bot], k.Lane)
			}
			return s.SaveAlbums(ctx, k, value, old, version, ttl)
		}
		s.lanes = func(_ context.Context, bot int64) ([]string, error) {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all[bot]), nil
		}
	}, []string{
		"albums: an empty value removes the lane's",
		"albums: lanes of many bots do not meet",
		"albums: the name of a lane may be any text",
		"albums: what was saved is known after the server was killed",
	}, false},
	{"albums: a lane is listed twice", listing(func(_ *bentStore, _ int64, lanes []string) []string {
		if len(lanes) > 100 {
			lanes = append(lanes, lanes[0])
		}
		return lanes
	}), []string{"albums: all of many lanes are listed once"}, false},
	{"albums: a hundred lanes are listed", listing(func(_ *bentStore, _ int64, lanes []string) []string {
		return lanes[:min(len(lanes), 100)]
	}), []string{"albums: all of many lanes are listed once"}, false},
	{"albums: bots are mixed up", relaned(func(k tghook.AlbumKey) tghook.AlbumKey { return tghook.AlbumKey{Lane: k.Lane} }), []string{"albums: lanes of many bots do not meet"}, false},
	{"albums: lanes have no case", renamed(strings.ToLower), []string{"albums: the name of a lane may be any text"}, false},
	{"albums: lanes are trimmed", renamed(strings.TrimSpace), []string{"albums: the name of a lane may be any text"}, false},
	{"albums: lanes end at a zero byte", renamed(func(lane string) string {
		lane, _, _ = strings.Cut(lane, "\x00")
		return lane
	}), []string{"albums: the name of a lane may be any text"}, false},
	{"albums: lanes are text", renamed(func(lane string) string { return strings.ToValidUTF8(lane, "\ufffd") }), []string{"albums: the name of a lane may be any text"}, false},
	{"albums: lanes have 128 bytes", renamed(func(lane string) string { return lane[:min(len(lane), 128)] }), []string{"albums: the name of a lane may be any text"}, false},
	{"albums: values are text", saved(func(_ context.Context, _ *bentStore, _ tghook.AlbumKey, value []byte, old string) ([]byte, string) {
		return []byte(strings.ToValidUTF8(string(value), "\ufffd")), old
	}), []string{"albums: a value is kept byte for byte, up to 1 MiB"}, false},
	{"albums: values are cut at 64 KiB", saved(func(_ context.Context, _ *bentStore, _ tghook.AlbumKey, value []byte, old string) ([]byte, string) {
		return value[:min(len(value), 64<<10)], old
	}), []string{"albums: a value is kept byte for byte, up to 1 MiB"}, false},
	{"albums: the first value stays", func(s *bentStore) {
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			if old != "" && len(value) > 0 {
				value, _, _ = s.LoadAlbums(ctx, k)
			}
			return s.SaveAlbums(ctx, k, value, old, version, ttl)
		}
	}, []string{
		"albums: a value is kept byte for byte, up to 1 MiB",
		"albums: a value is kept for its ttl",
		"albums: a value is saved, replaced and loaded with its version",
		"albums: many who save what they have loaded lose nothing",
		"albums: the ttl of the last SaveAlbums applies",
	}, true},
	{"albums: a version that is refused is no error", changedErrors(func(_ context.Context, err error) error {
		if errors.Is(err, tghook.ErrAlbumChanged) {
			return nil
		}
		return err
	}), []string{
		"albums: a removal needs the version too",
		"albums: a version is refused if the lane has no value",
		"albums: a version that is not the lane's is refused, and changes nothing",
		"albums: an empty value removes the lane's",
		"albums: many who save what they have loaded lose nothing",
		"albums: of many who save at once, exactly one succeeds with each version",
	}, false},
	{"albums: a version that is refused is an error of another kind", changedErrors(func(_ context.Context, err error) error {
		if errors.Is(err, tghook.ErrAlbumChanged) {
			return errRefused
		}
		return err
	}), []string{
		"albums: a removal needs the version too",
		"albums: a version is refused if the lane has no value",
		"albums: a version that is not the lane's is refused, and changes nothing",
		"albums: an empty value removes the lane's",
		"albums: many who save what they have loaded lose nothing",
		"albums: of many who save at once, exactly one succeeds with each version",
	}, false},
	{"albums: a call whose context has ended says that the lane has changed", changedErrors(func(ctx context.Context, err error) error {
		if ctx.Err() != nil {
			return tghook.ErrAlbumChanged
		}
		return err
	}), []string{"albums: a call whose context has ended returns, and says nothing that is not so"}, false},
	{"albums: no call is atomic", func(s *bentStore) {
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			if s.current(ctx, k) != old {
				return tghook.ErrAlbumChanged
			}
			time.Sleep(time.Millisecond)
			return s.SaveAlbums(ctx, k, value, s.current(ctx, k), version, ttl)
		}
	}, []string{
		"albums: many who save what they have loaded lose nothing",
		"albums: of many who save at once, exactly one succeeds with each version",
	}, false},
	{"albums: all lanes have the ttl of the last", func(s *bentStore) {
		var mu sync.Mutex
		until := time.Now().Add(longTTL)
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			mu.Lock()
			until = time.Now().Add(ttl)
			mu.Unlock()
			return s.SaveAlbums(ctx, k, value, old, version, ttl)
		}
		s.load = func(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) {
			mu.Lock()
			defer mu.Unlock()
			if time.Now().After(until) {
				return nil, "", nil
			}
			return s.LoadAlbums(ctx, k)
		}
	}, []string{"albums: a value is kept for its ttl"}, false},
	{"albums: the first ttl applies", func(s *bentStore) {
		var mu sync.Mutex
		first := map[tghook.AlbumKey]time.Time{}
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			mu.Lock()
			if _, ok := first[k]; !ok {
				first[k] = time.Now().Add(ttl)
			}
			ttl = time.Until(first[k])
			mu.Unlock()
			return s.SaveAlbums(ctx, k, value, old, version, ttl)
		}
	}, []string{
		"albums: a value that was forgotten is as one that is not there",
		"albums: the ttl of the last SaveAlbums applies",
	}, false},
	{"albums: a value that was forgotten leaves its version", func(s *bentStore) {
		var versions sync.Map
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			err := s.SaveAlbums(ctx, k, value, old, version, ttl)
			if err == nil {
				if len(value) == 0 {
					version = ""
				}
				versions.Store(k, version)
			}
			return err
		}
		s.load = func(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) {
			value, version, err := s.LoadAlbums(ctx, k)
			if last, ok := versions.Load(k); ok {
				version = last.(string)
			}
			return value, version, err
		}
	}, []string{"albums: a value that was forgotten is as one that is not there"}, false},
	{"albums: Done removes the lane with the id of its update", func(s *bentStore) {
		done := s.done
		s.done = func(ctx context.Context, c tghook.Claim, reply []byte) error {
			k := tghook.AlbumKey{Bot: c.Key.Bot, Lane: "1"}
			_ = s.SaveAlbums(ctx, k, nil, s.current(ctx, k), "", longTTL)
			return done(ctx, c, reply)
		}
	}, []string{"albums: albums and claims of a bot do not meet"}, false},
	{"albums: the server forgets them", func(s *bentStore) {
		var saved sync.Map
		var mu sync.Mutex
		gone := map[tghook.AlbumKey]bool{}
		s.save = func(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
			saved.Store(k, true)
			return s.SaveAlbums(ctx, k, value, old, version, ttl)
		}
		s.stop = func() {
			mu.Lock()
			defer mu.Unlock()
			saved.Range(func(k, _ any) bool {
				gone[k.(tghook.AlbumKey)] = true
				return true
			})
		}
		s.load = func(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) {
			mu.Lock()
			defer mu.Unlock()
			if gone[k] {
				return nil, "", nil
			}
			return s.LoadAlbums(ctx, k)
		}
	}, []string{"albums: what was saved is known after the server was killed"}, false},
	{"albums: the Store has a value at first", func(s *bentStore) {
		s.load = func(ctx context.Context, k tghook.AlbumKey) ([]byte, string, error) {
			value, version, err := s.LoadAlbums(ctx, k)
			if version == "" {
				value = []byte("[]")
			}
			return value, version, err
		}
	}, []string{
		"albums: a call whose context has ended returns, and says nothing that is not so",
		"albums: a lane without a value has no version",
		"albums: a value that was forgotten is as one that is not there",
		"albums: a version is refused if the lane has no value",
		"albums: what is not there may be removed",
	}, true},
}
