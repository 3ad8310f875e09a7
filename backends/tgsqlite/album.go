package tgsqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tghook/tghook"
)

// A value that may be forgotten is as one that is not there, also while its row still is.
const (
	loadAlbums   = `SELECT value, version FROM albums WHERE bot = ?1 AND lane = ?2 AND forget > ?3`
	albumLanes   = `SELECT lane FROM albums WHERE bot = ?1 AND forget > ?2`
	insertAlbums = `
INSERT INTO albums (bot, lane, version, forget, value) VALUES (?1, ?2, ?4, ?5, ?6)
ON CONFLICT DO UPDATE SET version = excluded.version, forget = excluded.forget, value = excluded.value
WHERE forget <= ?3`
	updateAlbums = `UPDATE albums SET version = ?4, forget = ?5, value = ?6 WHERE bot = ?1 AND lane = ?2 AND forget > ?3 AND version = ?7`
	deleteAlbums = `DELETE FROM albums WHERE bot = ?1 AND lane = ?2 AND forget > ?3 AND version = ?4`
	countAlbums  = `SELECT count(*) FROM albums WHERE bot = ?1 AND lane = ?2 AND forget > ?3`
)

// LoadAlbums implements [tghook.AlbumStore].
func (s *Store) LoadAlbums(ctx context.Context, k tghook.AlbumKey) (value []byte, version string, err error) {
	err = patiently(ctx, func() error {
		err := s.load.QueryRowContext(ctx, k.Bot, []byte(k.Lane), now()).Scan(&value, &version)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("tgsqlite: LoadAlbums of bot %d: %w", k.Bot, explain(err))
	}
	return value, version, nil
}

// SaveAlbums implements [tghook.AlbumStore].
func (s *Store) SaveAlbums(ctx context.Context, k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) error {
	changed := false
	err := s.writer.do(ctx, len(value), func(s *session) error {
		n, err := s.saveAlbums(k, value, old, version, ttl)
		changed = n == 0
		return err
	})
	if err == nil && changed {
		err = tghook.ErrAlbumChanged
	}
	if err != nil {
		return fmt.Errorf("tgsqlite: SaveAlbums of bot %d: %w", k.Bot, explain(err))
	}
	return nil
}

// saveAlbums returns 0 if the version is not old.
func (s *session) saveAlbums(k tghook.AlbumKey, value []byte, old, version string, ttl time.Duration) (int64, error) {
	lane, now := []byte(k.Lane), now()
	forget := now + milliseconds(ttl)
	switch {
	case len(value) > 0 && old == "":
		return s.exec(insertAlbums, k.Bot, lane, now, version, forget, value)
	case len(value) > 0:
		return s.exec(updateAlbums, k.Bot, lane, now, version, forget, value, old)
	case old != "":
		return s.exec(deleteAlbums, k.Bot, lane, now, old)
	}
	var n int64
	_, err := s.row(countAlbums, []any{k.Bot, lane, now}, &n)
	return 1 - n, err
}

// AlbumLanes implements [tghook.AlbumStore].
func (s *Store) AlbumLanes(ctx context.Context, bot int64) ([]string, error) {
	var lanes []string
	err := patiently(ctx, func() (err error) {
		lanes, err = s.albumLanes(ctx, bot)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tgsqlite: AlbumLanes of bot %d: %w", bot, explain(err))
	}
	return lanes, nil
}

func (s *Store) albumLanes(ctx context.Context, bot int64) ([]string, error) {
	rows, err := s.lanes.QueryContext(ctx, bot, now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var lanes []string
	for rows.Next() {
		var lane []byte
		if err := rows.Scan(&lane); err != nil {
			return nil, err
		}
		lanes = append(lanes, string(lane))
	}
	return lanes, rows.Err()
}
