package tgsqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tghook/tghook"
)

// Queue is a [tghook.Queue] and a [tghook.Letters] in the file of a [Store]. [Store.Queue]
// returns it. Every method may be called concurrently, by all processes of the machine. Once a
// call has begun to write, it returns when the write is done, even if its context has ended.
//
// When Publish returns nil, the updates are on the disk (synchronous=FULL): a loss of power does
// not lose them. Concurrent calls share one flush of the disk. The Queue remembers the key of an
// update for 24 hours and 5 minutes after it was published, and in any case until it is handled.
//
// If Take leases the oldest update of a lane whose leases have run out, it ends all these leases,
// even those of updates that it does not return.
type Queue struct {
	store  *Store
	change signal // an update of a bot may have become free to be taken
	scans  scans
	jumps  jumps
}

var (
	_ tghook.Queue   = (*Queue)(nil)
	_ tghook.Letters = (*Queue)(nil)
)

// Queue returns the queue of updates in the file. Each call returns the same Queue.
func (s *Store) Queue() *Queue { return s.queue }

// A receipt names a lease.
type receipt struct {
	bot        int64
	lane       string
	seq, fence int64
}

// args are the first arguments of the statements for a lease, before others.
func (r *receipt) args(others ...any) []any {
	return append([]any{r.bot, []byte(r.lane), r.seq, r.fence}, others...)
}

var errReceipt = errors.New("its Receipt is not from this Queue: pass the QueuedUpdate that Take returned")

const publish = `INSERT OR ROLLBACK INTO queue (bot, id, lane, published, raw) VALUES (?1, ?2, ?3, ?4, ?5)`

// holds is true if the lease of receipt.args holds.
const holds = `EXISTS (SELECT 1 FROM leases WHERE bot = ?1 AND lane = ?2 AND seq = ?3 AND fence = ?4)`

// Publish implements [tghook.Queue]. It keeps all of the updates or none. When the file is
// full, its error says so.
func (q *Queue) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	if len(updates) == 0 {
		return nil
	}
	size := 0
	for i := range updates {
		size += len(updates[i].Raw)
	}
	var noRoom error
	err := q.store.writer.do(ctx, size, func(s *session) (err error) {
		noRoom, err = s.room()
		if noRoom == nil && err == nil {
			err = s.publish(updates)
		}
		return err
	})
	if err = errors.Join(err, noRoom); err != nil {
		return fmt.Errorf("tgsqlite: Publish of update %d of bot %d: %w", updates[0].Key.ID, updates[0].Key.Bot, explain(err))
	}
	q.notify(updates)
	return nil
}

// notify wakes those who wait for updates of the same bots.
func (q *Queue) notify(updates []tghook.QueuedUpdate) {
	for i := range updates {
		if bot := updates[i].Key.Bot; i == 0 || bot != updates[i-1].Key.Bot {
			q.change.notify(bot)
		}
	}
}

func (s *session) publish(updates []tghook.QueuedUpdate) error {
	now := now()
	for i := range updates {
		u := &updates[i]
		if _, err := s.exec(publish, u.Key.Bot, u.Key.ID, []byte(u.Lane), now, []byte(u.Raw)); err != nil {
			return err
		}
	}
	return nil
}

const renewLease = `
UPDATE OR ROLLBACK leases SET until = ?5 + ?6, lease = ?6
WHERE bot = ?1 AND lane = ?2 AND seq = ?3 AND fence = ?4`

// Renew implements [tghook.Queue].
func (q *Queue) Renew(ctx context.Context, updates []tghook.QueuedUpdate, lease time.Duration) (lost []tghook.Key, err error) {
	err = q.each(ctx, "Renew", updates, func(s *session, first bool, u *tghook.QueuedUpdate, r receipt) error {
		if first {
			lost = nil
		}
		n, err := s.exec(renewLease, r.args(now(), milliseconds(lease))...)
		if n == 0 && err == nil {
			lost = append(lost, u.Key)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
}

const (
	endUpdate = `DELETE FROM queue WHERE seq = ?3 AND ` + holds
	wasEnded  = `SELECT 1 FROM keys WHERE bot = ?1 AND id = ?2 AND ended = ?3`
)

// Done implements [tghook.Queue].
func (q *Queue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	return q.end(ctx, "Done", u, func(s *session, r receipt) (int64, error) {
		n, err := s.exec(endUpdate, r.args()...)
		if n > 0 || err != nil {
			return n, err
		}
		_, err = s.row(wasEnded, []any{u.Key.Bot, u.Key.ID, r.fence}, &n)
		return n, err
	})
}

const failUpdate = `UPDATE OR ROLLBACK queue SET attempts = attempts + 1, note = ?5 WHERE seq = ?3 AND ` + holds

// Fail implements [tghook.Queue].
func (q *Queue) Fail(ctx context.Context, u tghook.QueuedUpdate, note []byte) error {
	return q.end(ctx, "Fail", u, func(s *session, r receipt) (int64, error) {
		return s.exec(failUpdate, r.args(note)...)
	})
}

const (
	buryUpdate = `
INSERT OR ROLLBACK INTO dead (bot, id, lane, fence, published, buried, attempts, note, why, raw)
SELECT bot, id, lane, ?4, published, ?5, attempts, note, ?6, raw FROM queue WHERE seq = ?3 AND ` + holds
	keepKey   = `UPDATE keys SET forget = NULL, ended = 0 WHERE bot = ?1 AND id = ?2`
	wasBuried = `SELECT 1 FROM dead WHERE bot = ?1 AND id = ?2 AND fence = ?3`
)

// Bury implements [tghook.Queue].
func (q *Queue) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	return q.end(ctx, "Bury", u, func(s *session, r receipt) (int64, error) {
		n, err := s.exec(buryUpdate, r.args(now(), why)...)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			_, err = s.row(wasBuried, []any{u.Key.Bot, u.Key.ID, r.fence}, &n)
			return n, err
		}
		if _, err := s.exec(endUpdate, r.args()...); err != nil {
			return 0, err
		}
		return s.exec(keepKey, u.Key.Bot, u.Key.ID)
	})
}

const returnUpdate = `DELETE FROM leases WHERE bot = ?1 AND lane = ?2 AND seq = ?3 AND fence = ?4`

// Return implements [tghook.Queue].
func (q *Queue) Return(ctx context.Context, updates []tghook.QueuedUpdate) error {
	err := q.each(ctx, "Return", updates, func(s *session, _ bool, _ *tghook.QueuedUpdate, r receipt) error {
		_, err := s.exec(returnUpdate, r.args()...)
		return err
	})
	if err == nil {
		q.notify(updates)
	}
	return err
}

// end calls f, which ends an update or an attempt. If f returns 0, the lease does not hold.
func (q *Queue) end(ctx context.Context, method string, u tghook.QueuedUpdate, f func(*session, receipt) (int64, error)) error {
	r, ok := u.Receipt.(receipt)
	if !ok {
		return failed(method, u.Key, errReceipt)
	}
	var changed int64
	err := q.store.writer.do(ctx, 0, func(s *session) (err error) {
		changed, err = f(s, r)
		return err
	})
	if err == nil && changed == 0 {
		err = tghook.ErrClaimLost
	}
	if err != nil {
		return failed(method, u.Key, err)
	}
	q.change.notify(r.bot)
	return nil
}

// each calls f for each of the updates, in one transaction. The transaction may run again: first
// is true at the first update of each run.
func (q *Queue) each(ctx context.Context, method string, updates []tghook.QueuedUpdate, f func(s *session, first bool, u *tghook.QueuedUpdate, r receipt) error) error {
	receipts := make([]receipt, len(updates))
	for i := range updates {
		var ok bool
		if receipts[i], ok = updates[i].Receipt.(receipt); !ok {
			return failed(method, updates[i].Key, errReceipt)
		}
	}
	if len(updates) == 0 {
		return nil
	}
	err := q.store.writer.do(ctx, 0, func(s *session) error {
		for i := range updates {
			if err := f(s, i == 0, &updates[i], receipts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("tgsqlite: %s of %d updates of bot %d: %w", method, len(updates), updates[0].Key.Bot, explain(err))
	}
	return nil
}
