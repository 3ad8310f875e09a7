package tgpostgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	forgetTime  = time.Second      // how long a removal by Done may take
	forgetEvery = 10 * time.Minute // how often a process looks whether there is something to remove
)

// memory is when a Queue forgets updates that it has handled.
type memory struct {
	slotTime int64 // how long a partition is written, in seconds

	mu   sync.Mutex
	next time.Time // when Done looks again
}

// due reports whether it is time to look.
func (m *memory) due() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if now.Before(m.next) {
		return false
	}
	m.next = now.Add(forgetEvery)
	return true
}

// Prune forgets the updates that were handled long ago: it empties the partition of
// tghook_queue_done that is written next. You need not call it: Done does so now and then.
// Several processes may call it at once. It never touches an update that is pending, or a dead
// letter.
func (q *Queue) Prune(ctx context.Context) error {
	if err := q.forget(ctx); err != nil {
		return fmt.Errorf("tgpostgres: Prune: %w", q.explain(err))
	}
	return nil
}

func (q *Queue) forgetInPassing() {
	if !q.memory.due() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), forgetTime)
	defer cancel()
	if err := q.forget(ctx); err != nil && ctx.Err() == nil && code(err) != lockNotAvailable {
		q.logger.WarnContext(ctx, "tgpostgres: cannot forget the updates that were handled long ago, so the tables grow", slog.Any("error", q.explain(err)))
	}
}

// forget empties the partition that is written next, unless another process does so.
func (q *Queue) forget(ctx context.Context) error {
	return pgx.BeginTxFunc(ctx, q.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		// TRUNCATE waits for a lock behind all users of the partition, and later ones wait behind
		// TRUNCATE.
		const begin = `SELECT pg_try_advisory_xact_lock($1::bigint), set_config('lock_timeout', '500ms', true)`
		var alone bool
		if err := tx.QueryRow(ctx, begin, hash("forget", 0, q.done)).Scan(&alone, nil); err != nil || !alone {
			return err
		}
		next, err := q.nextSlot(ctx, tx)
		if err != nil {
			return err
		}
		table := q.doneSlots[next]
		var filled bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+table+")").Scan(&filled); err != nil || !filled {
			return err
		}
		if _, err := tx.Exec(ctx, "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		// While this waited for the lock, the partition may have become the one that is written.
		if now, err := q.nextSlot(ctx, tx); err != nil || now != next {
			return err
		}
		_, err = tx.Exec(ctx, "TRUNCATE "+table)
		return err
	})
}

// nextSlot returns the partition that is written next. The last rows were put into it two
// partitions ago.
func (q *Queue) nextSlot(ctx context.Context, tx pgx.Tx) (slot int, err error) {
	const next = `SELECT (floor(extract(epoch FROM clock_timestamp()) / $1::bigint)::bigint + 1) % 3`
	err = tx.QueryRow(ctx, next, q.memory.slotTime).Scan(&slot)
	return slot, err
}
