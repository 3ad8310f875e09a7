package storage

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// Added is a bot that was added over the admin API.
type Added struct {
	Name   string
	Sealed []byte // its configuration, encrypted
}

// Bots returns the bots that were added, in the order of their names.
func (s *Storage) Bots(ctx context.Context) ([]Added, error) {
	bots, err := list(ctx, s.db, func(rows *sql.Rows) (b Added, err error) {
		err = rows.Scan(&b.Name, &b.Sealed)
		return b, err
	}, `SELECT name, sealed FROM {bots}`)
	if err != nil {
		return nil, fmt.Errorf("storage: read the bots that were added: %w", err)
	}
	slices.SortFunc(bots, func(a, b Added) int { return cmp.Compare(a.Name, b.Name) })
	return bots, nil
}

// SaveBot adds a bot, or replaces the one with its name.
func (s *Storage) SaveBot(ctx context.Context, b Added) error {
	_, err := s.db.save(ctx, `INSERT INTO {bots} (name, sealed) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed`, b.Name, b.Sealed)
	if err != nil {
		return fmt.Errorf("storage: save the bot %q: %w", b.Name, err)
	}
	return nil
}

// RemoveBot removes a bot that was added. It reports whether there was one.
func (s *Storage) RemoveBot(ctx context.Context, name string) (bool, error) {
	n, err := s.db.save(ctx, `DELETE FROM {bots} WHERE name = $1`, name)
	if err != nil {
		return false, fmt.Errorf("storage: remove the bot %q: %w", name, err)
	}
	return n > 0, nil
}

// Paused returns the ids of the bots that are paused.
func (s *Storage) Paused(ctx context.Context) (map[int64]bool, error) {
	bots, err := list(ctx, s.db, scanNumber, `SELECT bot FROM {paused}`)
	if err != nil {
		return nil, fmt.Errorf("storage: read the bots that are paused: %w", err)
	}
	paused := map[int64]bool{}
	for _, bot := range bots {
		paused[bot] = true
	}
	return paused, nil
}

// SetPaused pauses or resumes a bot, for all gateways.
func (s *Storage) SetPaused(ctx context.Context, bot int64, paused bool) error {
	query := `DELETE FROM {paused} WHERE bot = $1`
	if paused {
		query = `INSERT INTO {paused} (bot) VALUES ($1) ON CONFLICT (bot) DO NOTHING`
	}
	if _, err := s.db.save(ctx, query, bot); err != nil {
		return fmt.Errorf("storage: pause or resume bot %d: %w", bot, err)
	}
	return nil
}
