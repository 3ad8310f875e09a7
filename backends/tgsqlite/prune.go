package tgsqlite

import (
	"context"
	"fmt"
)

// pruneRows is how many rows of each table a transaction of Prune removes. Other calls wait for
// it, some milliseconds.
const pruneRows = 500

// Prune removes all rows that may be forgotten. You need not call it: writes remove old rows in
// passing. Call it if nothing else writes, for example because your program publishes no updates
// while the file has no room. Other calls go on meanwhile. If ctx ends, the rows that were removed
// until then stay removed.
func (s *Store) Prune(ctx context.Context) error {
	for more := true; more; {
		err := s.writer.do(ctx, 0, func(s *session) (err error) {
			more, err = s.prune()
			return err
		})
		if err != nil {
			return fmt.Errorf("tgsqlite: Prune: %w", explain(err))
		}
	}
	return nil
}

// prune removes some of the rows that may be forgotten, and reports whether there may be more.
func (s *session) prune() (more bool, err error) {
	for _, query := range sweeps {
		n, err := s.exec(query, now(), pruneRows)
		if err != nil {
			return false, err
		}
		more = more || n == pruneRows
	}
	return more, nil
}
