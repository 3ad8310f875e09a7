package tgsqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tghook/tghook"
)

const (
	countLanes = `
SELECT lane, count(*), min(seq) FROM queue WHERE bot = ?1 GROUP BY lane ORDER BY min(seq)`
	countLeased = `SELECT count(*) FROM leases WHERE bot = ?1 AND until > ?2`
	countDead   = `SELECT count(*) FROM dead WHERE bot = ?1`
	publishedAt = `SELECT published FROM queue WHERE seq = ?1`
	maxLanes    = 100
)

// State implements [tghook.Letters]. It reads an index entry for each pending update, so it
// takes longer with a larger backlog.
func (q *Queue) State(ctx context.Context, bot int64) (tghook.QueueState, error) {
	var state tghook.QueueState
	err := q.read(ctx, func(tx *sql.Tx) (err error) {
		state, err = readState(ctx, tx, bot)
		return err
	})
	if err != nil {
		return tghook.QueueState{}, fmt.Errorf("tgsqlite: State of bot %d: %w", bot, explain(err))
	}
	return state, nil
}

// read calls f in a transaction, so that all rows are of one time.
func (q *Queue) read(ctx context.Context, f func(tx *sql.Tx) error) error {
	return patiently(ctx, func() error {
		tx, err := q.store.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		return f(tx)
	})
}

func readState(ctx context.Context, tx *sql.Tx, bot int64) (tghook.QueueState, error) {
	var s tghook.QueueState
	if err := tx.QueryRowContext(ctx, countLeased, bot, now()).Scan(&s.Leased); err != nil {
		return s, err
	}
	if err := tx.QueryRowContext(ctx, countDead, bot).Scan(&s.Dead); err != nil {
		return s, err
	}
	oldest, seqs, err := readLanes(ctx, tx, bot, &s)
	if err != nil || s.Pending == 0 {
		return s, err
	}
	if s.Oldest, err = readPublished(ctx, tx, oldest); err != nil {
		return s, err
	}
	for i, seq := range seqs {
		if s.Lanes[i].Oldest, err = readPublished(ctx, tx, seq); err != nil {
			return s, err
		}
	}
	return s, nil
}

// readLanes counts the updates and the lanes. It returns the first seq of all updates, and
// that of each lane.
func readLanes(ctx context.Context, tx *sql.Tx, bot int64, s *tghook.QueueState) (oldest int64, seqs []int64, err error) {
	rows, err := tx.QueryContext(ctx, countLanes, bot)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			lane    []byte
			pending int
			seq     int64
		)
		if err := rows.Scan(&lane, &pending, &seq); err != nil {
			return 0, nil, err
		}
		if s.Pending == 0 {
			oldest = seq
		}
		s.Pending += pending
		if len(lane) > 0 && len(s.Lanes) < maxLanes {
			s.Lanes = append(s.Lanes, tghook.LaneState{Lane: string(lane), Pending: pending})
			seqs = append(seqs, seq)
		}
	}
	return oldest, seqs, rows.Err()
}

func readPublished(ctx context.Context, tx *sql.Tx, seq int64) (time.Time, error) {
	var at int64
	err := tx.QueryRowContext(ctx, publishedAt, seq).Scan(&at)
	return time.UnixMilli(at), err
}

const listDead = `
SELECT id, lane, published, attempts, note, why, buried, raw FROM dead
WHERE bot = ?1 AND id > ?2 ORDER BY id LIMIT ?3`

// DeadLetters implements [tghook.Letters].
func (q *Queue) DeadLetters(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
	var letters []tghook.DeadLetter
	err := q.read(ctx, func(tx *sql.Tx) (err error) {
		letters, err = readDead(ctx, tx, bot, after, max(limit, 0))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tgsqlite: DeadLetters of bot %d: %w", bot, explain(err))
	}
	return letters, nil
}

func readDead(ctx context.Context, tx *sql.Tx, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
	rows, err := tx.QueryContext(ctx, listDead, bot, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var letters []tghook.DeadLetter
	for rows.Next() {
		var (
			l                 tghook.DeadLetter
			lane              []byte
			published, buried int64
		)
		if err := rows.Scan(&l.Key.ID, &lane, &published, &l.Attempts, &l.Note, &l.Why, &buried, &l.Raw); err != nil {
			return nil, err
		}
		l.Key.Bot, l.Lane = bot, string(lane)
		l.Published, l.Buried = time.UnixMilli(published), time.UnixMilli(buried)
		letters = append(letters, l)
	}
	return letters, rows.Err()
}

// The key is forgotten before, or the trigger would leave the update out.
const (
	forgetDead = `DELETE FROM keys WHERE bot = ?1 AND id = ?2 AND EXISTS (SELECT 1 FROM dead WHERE bot = ?1 AND id = ?2)`
	putBack    = `
INSERT OR ROLLBACK INTO queue (bot, id, lane, published, raw)
SELECT bot, id, lane, ?3, raw FROM dead WHERE bot = ?1 AND id = ?2`
	removeDead = `DELETE FROM dead WHERE bot = ?1 AND id = ?2`
)

// PutBack implements [tghook.Letters].
func (q *Queue) PutBack(ctx context.Context, k tghook.Key) error {
	err := q.letter(ctx, "PutBack", k, func(s *session) (int64, error) {
		if _, err := s.exec(forgetDead, k.Bot, k.ID); err != nil {
			return 0, err
		}
		if _, err := s.exec(putBack, k.Bot, k.ID, now()); err != nil {
			return 0, err
		}
		return s.exec(removeDead, k.Bot, k.ID)
	})
	if err == nil {
		q.change.notify(k.Bot)
	}
	return err
}

const forgetKey = `
UPDATE keys SET forget = (SELECT published FROM dead WHERE bot = ?1 AND id = ?2) + ?3
WHERE bot = ?1 AND id = ?2 AND EXISTS (SELECT 1 FROM dead WHERE bot = ?1 AND id = ?2)`

// Discard implements [tghook.Letters].
func (q *Queue) Discard(ctx context.Context, k tghook.Key) error {
	return q.letter(ctx, "Discard", k, func(s *session) (int64, error) {
		if _, err := s.exec(forgetKey, k.Bot, k.ID, keyTime); err != nil {
			return 0, err
		}
		return s.exec(removeDead, k.Bot, k.ID)
	})
}

func (q *Queue) letter(ctx context.Context, method string, k tghook.Key, f func(*session) (int64, error)) error {
	var changed int64
	err := q.store.writer.do(ctx, 0, func(s *session) (err error) {
		changed, err = f(s)
		return err
	})
	if err == nil && changed == 0 {
		err = tghook.ErrNoDeadLetter
	}
	if err != nil {
		return failed(method, k, err)
	}
	return nil
}
