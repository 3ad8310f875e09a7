package tgredis

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/tghook/tghook"
)

// lanes returns the key of the lanes of a bot. The braces are a hash tag: the keys that begin
// with it are in one slot of a cluster.
func (s *Store) lanes(bot int64) string {
	return s.prefix + "{albums:" + strconv.FormatInt(bot, 10) + "}"
}

// lane returns the key of the value of a lane.
func (s *Store) lane(k tghook.AlbumKey) string { return s.lanes(k.Bot) + ":lane:" + k.Lane }

// LoadAlbums implements [tghook.AlbumStore].
func (s *Store) LoadAlbums(ctx context.Context, k tghook.AlbumKey) (value []byte, version string, err error) {
	_, values, err := s.run(ctx, loadScript, []string{s.lane(k)})
	if err != nil {
		return nil, "", fmt.Errorf("tgredis: LoadAlbums of bot %d: %w", k.Bot, err)
	}
	version, _ = values[1].(string)
	return bytes(values[0]), version, nil
}

// SaveAlbums implements [tghook.AlbumStore].
func (s *Store) SaveAlbums(ctx context.Context, k tghook.AlbumKey, value []byte, old, new string, ttl time.Duration) error { //nolint:predeclared // as the interface has it
	lanes := s.lanes(k.Bot)
	keys := []string{lanes, s.lane(k), lanes + ":saved:" + new}
	state, _, err := s.run(ctx, saveScript, keys, k.Lane, value, old, new, milliseconds(ttl))
	if err == nil && state == lost {
		err = tghook.ErrAlbumChanged
	}
	if err != nil {
		return fmt.Errorf("tgredis: SaveAlbums of bot %d: %w", k.Bot, err)
	}
	return nil
}

// AlbumLanes implements [tghook.AlbumStore].
func (s *Store) AlbumLanes(ctx context.Context, bot int64) ([]string, error) {
	_, values, err := s.run(ctx, lanesScript, []string{s.lanes(bot)})
	if err != nil {
		return nil, fmt.Errorf("tgredis: AlbumLanes of bot %d: %w", bot, err)
	}
	found, _ := values[0].([]any)
	lanes := make([]string, len(found))
	for i, lane := range found {
		lanes[i], _ = lane.(string)
	}
	return lanes, nil
}
