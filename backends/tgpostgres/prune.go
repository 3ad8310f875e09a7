package tgpostgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	// pruneEvery is how many claims there are for each removal in passing, on average. The
	// rows that are removed are twice as many as these claims can have made.
	pruneEvery = 256
	pruneBatch = 2 * pruneEvery
	pruneTime  = time.Second // how long a removal in passing may take
)

// Prune removes all expired rows, in batches of 512, and returns how many. You need not call
// it: Claim removes rows in passing, as many as it makes. Call it if the table has become
// large while no claims were made, or at a quiet time of the day. Several processes may call
// it at once.
func (s *Store) Prune(ctx context.Context) (removed int64, err error) {
	for {
		n, err := s.prune(ctx)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("tgpostgres: Prune: %w", s.explain(err))
		}
		if n < pruneBatch {
			return removed, nil
		}
	}
}

// prune removes a batch.
func (s *Store) prune(ctx context.Context) (removed int64, err error) {
	err = s.again(ctx, func() error { return s.pool.QueryRow(ctx, s.sql.prune, pruneBatch).Scan(&removed) })
	return removed, err
}

// pruneInPassing removes a batch, unless another call does so.
func (s *Store) pruneInPassing(caller context.Context) {
	if !s.pruning.CompareAndSwap(false, true) {
		return
	}
	defer s.pruning.Store(false)
	ctx, cancel := context.WithTimeout(caller, pruneTime)
	defer cancel()
	if _, err := s.prune(ctx); err != nil && caller.Err() == nil {
		s.logger.WarnContext(caller, "tgpostgres: cannot remove expired rows, so the tables grow", slog.Any("error", s.explain(err)))
	}
}
