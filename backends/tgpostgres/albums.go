package tgpostgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tghook/tghook"
)

// LoadAlbums implements [tghook.AlbumStore].
func (s *Store) LoadAlbums(ctx context.Context, k tghook.AlbumKey) (value []byte, version string, err error) {
	err = s.pool.QueryRow(ctx, s.sql.load, k.Bot, []byte(k.Lane)).Scan(&value, &version)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, "", s.albumsFailed("LoadAlbums", k.Bot, err)
	}
	return value, version, nil
}

// SaveAlbums implements [tghook.AlbumStore].
func (s *Store) SaveAlbums(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
	lane := []byte(k.Lane)
	var changed int64
	var err error
	switch {
	case len(value) > 0 && old == "":
		changed, err = s.exec(ctx, s.sql.insertAlbums, k.Bot, lane, value, version, ttl.Microseconds())
	case len(value) > 0:
		changed, err = s.exec(ctx, s.sql.updateAlbums, k.Bot, lane, value, version, ttl.Microseconds(), old)
	case old != "":
		changed, err = s.exec(ctx, s.sql.removeAlbums, k.Bot, lane, old)
	default: // nothing in place of nothing
		var now string
		if _, now, err = s.LoadAlbums(ctx, k); err != nil {
			return err
		}
		if now == "" {
			return nil
		}
	}
	if err == nil && changed == 0 {
		err = tghook.ErrAlbumChanged
	}
	if err != nil {
		return s.albumsFailed("SaveAlbums", k.Bot, err)
	}
	return nil
}

// AlbumLanes implements [tghook.AlbumStore].
func (s *Store) AlbumLanes(ctx context.Context, bot int64) ([]string, error) {
	rows, err := s.pool.Query(ctx, s.sql.lanes, bot)
	if err != nil {
		return nil, s.albumsFailed("AlbumLanes", bot, err)
	}
	lanes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var lane []byte
		err := row.Scan(&lane)
		return string(lane), err
	})
	if err != nil {
		return nil, s.albumsFailed("AlbumLanes", bot, err)
	}
	return lanes, nil
}
