package memstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tghook/tghook"
)

// albums are what a Store keeps of a lane.
type albums struct {
	value   []byte
	version string
	forget  time.Time
}

// lane returns the albums of a lane now.
func (s *Store) lane(k tghook.AlbumKey) albums {
	if a, ok := s.kept[k]; ok && time.Now().Before(a.forget) {
		return a
	}
	delete(s.kept, k)
	return albums{}
}

// LoadAlbums implements [tghook.AlbumStore].
func (s *Store) LoadAlbums(ctx context.Context, k tghook.AlbumKey) (value []byte, version string, err error) {
	err = s.call(ctx, "LoadAlbums", k.Lane, func() error {
		a := s.lane(k)
		value, version = slices.Clone(a.value), a.version
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return value, version, nil
}

// SaveAlbums implements [tghook.AlbumStore].
func (s *Store) SaveAlbums(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
	return s.call(ctx, "SaveAlbums", k.Lane, func() error {
		if s.lane(k).version != old {
			return fmt.Errorf("store: %w", tghook.ErrAlbumChanged)
		}
		if len(value) == 0 {
			delete(s.kept, k)
			return nil
		}
		s.kept[k] = albums{slices.Clone(value), version, time.Now().Add(ttl)}
		return nil
	})
}

// AlbumLanes implements [tghook.AlbumStore].
func (s *Store) AlbumLanes(ctx context.Context, bot int64) (lanes []string, err error) {
	err = s.call(ctx, "AlbumLanes", strconv.FormatInt(bot, 10), func() error {
		for k := range s.kept {
			if k.Bot == bot && s.lane(k).version != "" {
				lanes = append(lanes, k.Lane)
			}
		}
		slices.Sort(lanes)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lanes, nil
}
