package storage

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

const pruneRows = 500 // that are removed in one transaction

// pruner removes the oldest rows of the history.
type pruner struct {
	engine engine
	db     *database

	mu   sync.Mutex // one at a time
	left bool       // bytes of removed rows may be left in the files
}

// Prune removes the oldest rows of the history: those older than the retention's Age, and as many
// as take more than its MaxSize. SQLite's files do not have their bytes any more after that;
// PostgreSQL overwrites them when it uses their room again. Prune costs little if there is
// nothing to remove.
func (s *Storage) Prune(ctx context.Context, keep config.Retention) error {
	if err := s.pruner.run(ctx, keep); err != nil {
		return fmt.Errorf("storage: remove old rows of the history: %w", err)
	}
	return nil
}

func (p *pruner) run(ctx context.Context, keep config.Retention) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if keep.Age > 0 {
		if err := p.repeat(ctx, func() (int, error) { return p.pruneOld(ctx, time.Now().Add(-keep.Age)) }); err != nil {
			return err
		}
	}
	if keep.MaxSize > 0 {
		if err := p.repeat(ctx, func() (int, error) { return p.pruneLarge(ctx, keep.MaxSize) }); err != nil {
			return err
		}
	}
	if !p.left {
		return nil
	}
	done, err := p.engine.shrink(ctx)
	p.left = !done || err != nil // a reader may be in the way: the next Prune tries again
	return err
}

// repeat calls step until it removes nothing. It leaves others as much time as it takes.
func (p *pruner) repeat(ctx context.Context, step func() (removed int, err error)) error {
	for {
		began := time.Now()
		removed, err := step()
		if err != nil || removed == 0 {
			return err
		}
		p.left = true
		if err := rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
}

func (p *pruner) pruneOld(ctx context.Context, before time.Time) (removed int, err error) {
	limit := before.UnixMicro()
	found, err := p.db.row(ctx, `SELECT 1 FROM {rows} WHERE at < $1 LIMIT 1`, []any{limit}, new(int))
	if !found || err != nil {
		return 0, err
	}
	return p.remove(ctx, `SELECT seq FROM {rows} WHERE at < $1 ORDER BY at LIMIT $2`, limit)
}

// oldestRows are the oldest ones that have $1 bytes together, or somewhat more.
const oldestRows = `
SELECT seq FROM (
	SELECT seq, sum(size) OVER (ORDER BY seq) - size AS older
	FROM (SELECT seq, size FROM {rows} ORDER BY seq LIMIT $2) AS oldest) AS counted
WHERE older < $1`

func (p *pruner) pruneLarge(ctx context.Context, most int64) (removed int, err error) {
	var size int64
	if _, err := p.db.row(ctx, `SELECT size FROM {state}`, nil, &size); err != nil || size <= most {
		return 0, err
	}
	return p.remove(ctx, oldestRows, size-most)
}

// remove removes the rows that a statement selects, at most so many as its $2 says.
func (p *pruner) remove(ctx context.Context, which string, arg int64) (removed int, err error) {
	err = p.db.write(ctx, p.db.sql, func(ctx context.Context, tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, p.db.text(`DELETE FROM {rows} WHERE seq IN (`+which+`) RETURNING size`), arg, pruneRows)
		if err != nil {
			return err
		}
		sizes, err := scanAll(rows, scanNumber)
		if err != nil {
			return err
		}
		removed = len(sizes)
		_, err = tx.ExecContext(ctx, p.db.text(`UPDATE {state} SET size = size - $1`), sum(sizes))
		return err
	})
	return removed, err
}

func sum(numbers []int64) (total int64) {
	for _, n := range numbers {
		total += n
	}
	return total
}
