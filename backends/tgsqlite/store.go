package tgsqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tghook/tghook"
)

// Config says how a [Store] uses its file. The zero value of each field is its default.
type Config struct {
	// MaxSize bounds the file, in bytes. The file of its log comes on top: it has the name of
	// the file with "-wal", and about 8 MiB unless replies are larger. When there is no room,
	// updates are answered 503 until enough others may be forgotten. The least is 1 MiB. The
	// default is no bound but the disk's.
	MaxSize int64
}

// Store is a [tghook.Store] and a [tghook.AlbumStore] in a file. Every method may be called
// concurrently. A call that has begun to write returns when it has written, also if its
// context has ended: then its outcome is known.
type Store struct {
	db     *sql.DB
	writer *writer
	queue  *Queue
	load   *sql.Stmt
	lanes  *sql.Stmt
	ready  *sql.Stmt
}

var (
	_ tghook.Store      = (*Store)(nil)
	_ tghook.AlbumStore = (*Store)(nil)
)

// Close closes the file. Calls that wait fail, and so do all later ones. Call it when the
// Dispatcher, or the Webhook, has shut down.
func (s *Store) Close() error {
	if err := errors.Join(s.writer.close(), s.load.Close(), s.lanes.Close(), s.ready.Close(), s.db.Close()); err != nil {
		return fmt.Errorf("tgsqlite: Close: %w", explain(err))
	}
	return nil
}

// The column state is 1 if a claim was granted and has not ended (its lease may have run out),
// 2 if Fail or Release has ended it, and done if Done has.
const done = 3

const grantClaim = `
INSERT INTO updates (bot, id, state, fence, lease, until, failed, ttl, forget)
VALUES (?1, ?2, 1, ?3, ?5, ?4 + ?5, 0, ?6, ?4 + max(?5, ?6))
ON CONFLICT (bot, id) DO UPDATE SET
	failed = failed + (state = 1 AND fence <> excluded.fence),
	state = 1, fence = excluded.fence, lease = excluded.lease, until = excluded.until,
	ttl = excluded.ttl, forget = excluded.forget
WHERE state = 2 OR state = 1 AND (fence = excluded.fence OR until <= ?4)
RETURNING failed + 1, note`

const readUpdate = `SELECT state, until - ?3, lease, reply FROM updates WHERE bot = ?1 AND id = ?2`

// shortenLease is for a clock that was set back: no lease runs longer than it was granted for.
const shortenLease = `UPDATE updates SET until = ?3 + lease WHERE bot = ?1 AND id = ?2`

const renewClaim = `
UPDATE updates SET lease = ?5, until = ?4 + ?5, forget = ?4 + max(?5, ttl)
WHERE bot = ?1 AND id = ?2 AND fence = ?3 AND state = 1`

const doneClaim = `
UPDATE updates SET state = 3, note = NULL, reply = ?5, forget = ?4 + ttl
WHERE bot = ?1 AND id = ?2 AND fence = ?3 AND state = 1`

const isDone = `SELECT 1 FROM updates WHERE bot = ?1 AND id = ?2 AND fence = ?3 AND state = 3`

const failClaim = `
UPDATE updates SET state = 2, failed = failed + 1, note = ?4
WHERE bot = ?1 AND id = ?2 AND fence = ?3 AND state = 1`

const releaseClaim = `UPDATE updates SET state = 2 WHERE bot = ?1 AND id = ?2 AND fence = ?3 AND state = 1`

// Claim implements [tghook.Store].
func (s *Store) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	var res tghook.ClaimResult
	err := s.writer.do(ctx, 0, func(s *session) (err error) {
		res, err = s.claim(c, lease, ttl)
		return err
	})
	if err != nil {
		return tghook.ClaimResult{}, failed("Claim", c.Key, err)
	}
	return res, nil
}

func (s *session) claim(c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	res, now := tghook.ClaimResult{State: tghook.ClaimGranted}, now()
	args := []any{c.Key.Bot, c.Key.ID, c.Fence, now, milliseconds(lease), milliseconds(ttl)}
	granted, err := s.row(grantClaim, args, &res.Attempt, &res.Note)
	if granted || err != nil {
		return res, err
	}
	var (
		state         int
		left, longest int64
	)
	_, err = s.row(readUpdate, []any{c.Key.Bot, c.Key.ID, now}, &state, &left, &longest, &res.Reply)
	if state == done || err != nil {
		res.State = tghook.ClaimDone
		return res, err
	}
	if left > longest {
		left = longest
		_, err = s.exec(shortenLease, c.Key.Bot, c.Key.ID, now)
	}
	return tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: time.Duration(left) * time.Millisecond}, err
}

// Renew implements [tghook.Store].
func (s *Store) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	return s.end(ctx, "Renew", c, 0, func(s *session) (int64, error) {
		return s.exec(renewClaim, c.Key.Bot, c.Key.ID, c.Fence, now(), milliseconds(lease))
	})
}

// Done implements [tghook.Store].
func (s *Store) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	return s.end(ctx, "Done", c, len(reply), func(s *session) (int64, error) {
		n, err := s.exec(doneClaim, c.Key.Bot, c.Key.ID, c.Fence, now(), reply)
		if n > 0 || err != nil {
			return n, err
		}
		_, err = s.row(isDone, []any{c.Key.Bot, c.Key.ID, c.Fence}, &n)
		return n, err
	})
}

// Fail implements [tghook.Store].
func (s *Store) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	return s.end(ctx, "Fail", c, 0, func(s *session) (int64, error) {
		return s.exec(failClaim, c.Key.Bot, c.Key.ID, c.Fence, note)
	})
}

// Release implements [tghook.Store].
func (s *Store) Release(ctx context.Context, c tghook.Claim) error {
	return s.end(ctx, "Release", c, 0, func(s *session) (int64, error) {
		return s.exec(releaseClaim, c.Key.Bot, c.Key.ID, c.Fence)
	})
}

// end does what only the holder of a claim may do. If f changes no row, the claim is lost.
func (s *Store) end(ctx context.Context, method string, c tghook.Claim, size int, f func(*session) (int64, error)) error {
	var changed int64
	err := s.writer.do(ctx, size, func(s *session) (err error) {
		changed, err = f(s)
		return err
	})
	if err == nil && changed == 0 {
		err = tghook.ErrClaimLost
	}
	if err != nil {
		return failed(method, c.Key, err)
	}
	return nil
}

func failed(method string, k tghook.Key, err error) error {
	return fmt.Errorf("tgsqlite: %s of update %d of bot %d: %w", method, k.ID, k.Bot, explain(err))
}

// now is the time of this machine's clock, which all processes that use the file share.
func now() int64 { return time.Now().UnixMilli() }

// milliseconds rounds up.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
