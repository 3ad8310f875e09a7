package tgpostgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tghook/tghook"
)

// stateLanes is how many lanes State returns at most.
const stateLanes = 100

// State implements [tghook.Letters]. It counts the rows of the bot, which takes about a second
// for a million.
func (q *Queue) State(ctx context.Context, bot int64) (s tghook.QueueState, err error) {
	var oldest *time.Time
	batch := new(pgx.Batch)
	batch.Queue(q.sql.state, bot).QueryRow(func(row pgx.Row) error {
		return row.Scan(&s.Pending, &s.Leased, &s.Dead, &oldest)
	})
	batch.Queue(useIndexes)
	batch.Queue(q.sql.lanes, bot, stateLanes).Query(func(rows pgx.Rows) error {
		s.Lanes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l tghook.LaneState, err error) {
			var lane []byte
			err = row.Scan(&lane, &l.Pending, &l.Oldest)
			l.Lane = string(lane)
			return l, err
		})
		return err
	})
	batch.Queue("COMMIT")
	if err := q.transact(ctx, batch); err != nil {
		return tghook.QueueState{}, fmt.Errorf("tgpostgres: State of bot %d: %w", bot, q.explain(err))
	}
	if oldest != nil {
		s.Oldest = *oldest
	}
	return s, nil
}

// DeadLetters implements [tghook.Letters].
func (q *Queue) DeadLetters(ctx context.Context, bot, after int64, limit int) (letters []tghook.DeadLetter, err error) {
	batch := new(pgx.Batch)
	batch.Queue(useIndexes)
	batch.Queue(q.sql.letters, bot, after, max(0, limit)).Query(func(rows pgx.Rows) error {
		letters, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l tghook.DeadLetter, err error) {
			var lane, why []byte
			err = row.Scan(&l.Key.ID, &lane, &l.Raw, &l.Published, &l.Attempts, &l.Note, &why, &l.Buried)
			l.Key.Bot, l.Lane, l.Why = bot, string(lane), string(why)
			return l, err
		})
		return err
	})
	batch.Queue("COMMIT")
	if err := q.transact(ctx, batch); err != nil {
		return nil, fmt.Errorf("tgpostgres: DeadLetters of bot %d: %w", bot, q.explain(err))
	}
	return letters, nil
}

// PutBack implements [tghook.Letters].
func (q *Queue) PutBack(ctx context.Context, k tghook.Key) error {
	return q.letter(ctx, "PutBack", k, func(batch *pgx.Batch) *pgx.QueuedQuery {
		return batch.Queue(q.sql.putBack, k.Bot, k.ID)
	})
}

// Discard implements [tghook.Letters].
func (q *Queue) Discard(ctx context.Context, k tghook.Key) error {
	return q.letter(ctx, "Discard", k, func(batch *pgx.Batch) *pgx.QueuedQuery {
		return batch.Queue(q.sql.discard, k.Bot, k.ID, 0, q.memory.slotTime)
	})
}

// letter runs a statement that changes a dead letter.
func (q *Queue) letter(ctx context.Context, method string, k tghook.Key, change func(*pgx.Batch) *pgx.QueuedQuery) error {
	var laneKey, changed int64
	err := q.pool.QueryRow(ctx, q.sql.laneOf, k.Bot, k.ID).Scan(&laneKey)
	if err == nil {
		batch := new(pgx.Batch)
		batch.Queue(q.sql.lock, []int64{lockOf(k, laneKey)})
		change(batch).Exec(count(&changed))
		batch.Queue("COMMIT")
		batch.Queue(wakeStatement, []int64{k.Bot})
		err = q.transact(ctx, batch)
	}
	if errors.Is(err, pgx.ErrNoRows) || err == nil && changed == 0 {
		err = tghook.ErrNoDeadLetter
	}
	if err != nil {
		return fmt.Errorf("tgpostgres: %s of update %d of bot %d: %w", method, k.ID, k.Bot, q.explain(err))
	}
	return nil
}
