package tgsqlite

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/tghook/tghook"
)

// maxShare is how many updates of one lane Take leases at most.
const maxShare = 4

// readyBots finds the bots that may have something to take. It reads one entry of heads for each
// of them. A lease that began in the future shows that the clock was set back: Take then shortens
// it.
const readyBots = `
WITH RECURSIVE ready (bot) AS (
	SELECT min(bot) FROM heads
	UNION ALL SELECT (SELECT min(bot) FROM heads WHERE bot > ready.bot) FROM ready WHERE bot IS NOT NULL)
SELECT bot FROM ready WHERE bot IS NOT NULL
UNION SELECT bot FROM leases WHERE until <= ?1 OR until - lease > ?1`

// ready returns the bots that may have something to take. It only reads.
func (q *Queue) ready() (bots []int64, err error) {
	err = patiently(q.store.writer.open, func() error {
		bots, err = readBots(q.store.ready)
		return err
	})
	return bots, err
}

func readBots(stmt *sql.Stmt) ([]int64, error) {
	rows, err := stmt.QueryContext(context.Background(), now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var bots []int64
	for rows.Next() {
		var bot int64
		if err := rows.Scan(&bot); err != nil {
			return nil, err
		}
		bots = append(bots, bot)
	}
	return bots, rows.Err()
}

// Take implements [tghook.Queue]. It leases at most 4 updates of a lane at a time, so that chats
// that stand still do not fill the consumer. It notices updates of other processes, and leases that
// have run out, within a quarter of a second.
func (q *Queue) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	if limit < 1 || lease <= 0 {
		return nil, fmt.Errorf("tgsqlite: Take for bot %d: limit is %d and lease is %v; both must be positive", bot, limit, lease)
	}
	q.change.join(bot)
	defer q.change.leave(bot)
	for ctx.Err() == nil {
		changed := q.change.next(bot) // before the look
		updates, err := q.take(ctx, bot, limit, lease)
		switch {
		case err != nil && ctx.Err() != nil: // it has had no effect
			return nil, nil // the end of ctx is the end of the wait
		case err != nil:
			return nil, fmt.Errorf("tgsqlite: Take for bot %d: %w", bot, explain(err))
		case len(updates) > 0:
			return updates, nil
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
	return nil, nil
}

func (q *Queue) take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	var updates []tghook.QueuedUpdate
	err := q.store.writer.do(ctx, 0, func(s *session) (err error) {
		now := time.Now()
		t := &taking{session: s, bot: bot, limit: limit, now: now.UnixMilli(), lease: milliseconds(lease), fence: 1 + rand.Int64N(math.MaxInt64)} //nolint:gosec // two must differ, nobody guesses it
		if q.scans.due(bot) {
			q.jumps.look(now)
			t.jumps = q.jumps
			if err := t.freeEnded(); err != nil {
				return err
			}
		}
		updates, err = t.run()
		return err
	})
	return updates, err
}

// A taking is one look of a Take, in a transaction.
type taking struct {
	session *session
	bot     int64
	limit   int
	now     int64
	lease   int64
	fence   int64
	jumps   jumps
}

// The statements of a Take. The heads are the first rows of their table, and the updates behind
// one are the next ones of the index queue_lanes.
const (
	columns   = `q.seq, q.id, q.lane, q.published, q.attempts, q.note, q.raw`
	readHeads = `
SELECT ` + columns + `, q.lane <> x'' AND EXISTS (SELECT 1 FROM queue AS f WHERE f.bot = ?1 AND f.lane = q.lane AND f.seq > q.seq)
FROM heads AS h CROSS JOIN queue AS q ON q.seq = h.seq WHERE h.bot = ?1 ORDER BY h.seq LIMIT ?2`
	leaseHeads = `
INSERT OR ROLLBACK INTO leases SELECT ?1, q.lane, q.seq, ?3, ?4 + ?5, ?5
FROM heads AS h CROSS JOIN queue AS q ON q.seq = h.seq WHERE h.bot = ?1 AND h.seq <= ?2`
	removeHeads = `DELETE FROM heads WHERE bot = ?1 AND seq <= ?2`
	readLane    = `
SELECT ` + columns + `, FALSE FROM queue AS q WHERE q.bot = ?1 AND q.lane = ?2 AND q.seq > ?3 ORDER BY q.seq LIMIT ?4`
	leaseLane = `
INSERT OR ROLLBACK INTO leases SELECT ?1, ?2, q.seq, ?5, ?6 + ?7, ?7
FROM queue AS q WHERE q.bot = ?1 AND q.lane = ?2 AND q.seq > ?3 AND q.seq <= ?4`
)

func (t *taking) run() ([]tghook.QueuedUpdate, error) {
	updates, long, err := t.read(readHeads, t.bot, t.limit)
	if len(updates) == 0 || err != nil {
		return nil, err
	}
	last := seqOf(&updates[len(updates)-1])
	if _, err := t.session.exec(leaseHeads, t.bot, last, t.fence, t.now, t.lease); err != nil {
		return nil, err
	}
	if _, err := t.session.exec(removeHeads, t.bot, last); err != nil {
		return nil, err
	}
	for i, head := range long {
		lanes, room := len(long)-i, t.limit-len(updates)
		share := min((room+lanes-1)/lanes, maxShare-1)
		if share == 0 {
			break
		}
		more, err := t.follow(&updates[head], share)
		if err != nil {
			return nil, err
		}
		updates = append(updates, more...)
	}
	return updates, nil
}

// follow leases at most share updates behind the head of a lane.
func (t *taking) follow(head *tghook.QueuedUpdate, share int) ([]tghook.QueuedUpdate, error) {
	lane, seq := []byte(head.Lane), seqOf(head)
	updates, _, err := t.read(readLane, t.bot, lane, seq, share)
	if err != nil {
		return nil, err
	}
	_, err = t.session.exec(leaseLane, t.bot, lane, seq, seqOf(&updates[len(updates)-1]), t.fence, t.now, t.lease)
	return updates, err
}

// read returns updates in their order, and the places of those with others behind them.
func (t *taking) read(query string, args ...any) (updates []tghook.QueuedUpdate, long []int, err error) {
	err = t.session.rows(query, args, func(rows *sql.Rows) error {
		var (
			u              tghook.QueuedUpdate
			seq, published int64
			lane           []byte
			more           bool
		)
		err := rows.Scan(&seq, &u.Key.ID, &lane, &published, &u.Attempts, &u.Note, &u.Raw, &more)
		u.Key.Bot, u.Lane, u.Published = t.bot, string(lane), time.UnixMilli(published)
		u.Receipt = receipt{t.bot, u.Lane, seq, t.fence}
		if more {
			long = append(long, len(updates))
		}
		updates = append(updates, u)
		return err
	})
	return updates, long, err
}

func seqOf(u *tghook.QueuedUpdate) int64 { return u.Receipt.(receipt).seq }
