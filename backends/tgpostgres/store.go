package tgpostgres

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tghook/tghook"
)

// Config says how a [Store] or a [Queue] uses PostgreSQL. The zero value of each field is its default.
type Config struct {
	// Schema is the schema of the tables. It must exist. If empty, PostgreSQL looks for the
	// tables in the search_path of the connection. All replicas of a bot must have the same
	// tables.
	Schema string
	// Prefix begins the names of the tables. The default is "tghook_", for
	// tghook_updates and tghook_albums. All bots may share the tables. Names are quoted, so
	// upper case stays upper case. A prefix has at most 43 bytes.
	Prefix string
	// Logger gets a line when expired rows cannot be removed, or when LISTEN does not work. The
	// default is slog.Default.
	Logger *slog.Logger
}

// Store is a [tghook.Store] and a [tghook.AlbumStore] on PostgreSQL. Every method may be
// called concurrently.
type Store struct {
	database

	sql     statements
	passing int         // a Claim removes expired rows one time in so many, on average
	pruning atomic.Bool // whether a Claim removes expired rows at the moment
}

var (
	_ tghook.Store      = (*Store)(nil)
	_ tghook.AlbumStore = (*Store)(nil)
)

// New returns a Store that uses pool. It sends nothing. Close the pool yourself when the
// Dispatcher, or the Webhook, has shut down.
//
// A Store calls the pool concurrently, so a single connection or a transaction will not do.
// Its statements work in every QueryExecMode of pgx, and with every isolation level that the
// connections have by default.
func New(pool *pgxpool.Pool, cfg Config) (*Store, error) {
	d, err := newDatabase("New", pool, cfg)
	if err != nil {
		return nil, err
	}
	d.user, d.tables = "Store", d.updates+" and "+d.albums
	return &Store{database: d, sql: newStatements(d.names), passing: pruneEvery}, nil
}

// Claim implements [tghook.Store]. It is one statement. About one in 256 calls then removes
// some expired rows.
func (s *Store) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	res, err := s.claim(ctx, c, lease, ttl)
	if err != nil {
		return tghook.ClaimResult{}, s.failed("Claim", c, err)
	}
	if rand.N(s.passing) == 0 { //nolint:gosec // which call it is need not be secret
		s.pruneInPassing(ctx)
	}
	return res, nil
}

func (s *Store) claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (res tghook.ClaimResult, err error) {
	err = s.again(ctx, func() error {
		var state string
		var left int64
		row := s.pool.QueryRow(ctx, s.sql.claim, c.Key.Bot, c.Key.ID, c.Fence, lease.Microseconds(), ttl.Microseconds())
		if err := row.Scan(&state, &res.Attempt, &res.Note, &res.Reply, &left); err != nil {
			return err
		}
		switch state {
		case "granted":
			res.State = tghook.ClaimGranted
		case "done":
			res.State = tghook.ClaimDone
		default:
			res.State, res.RetryIn = tghook.ClaimElsewhere, time.Duration(max(0, left))*time.Microsecond
		}
		return nil
	})
	return res, err
}

// Renew implements [tghook.Store].
func (s *Store) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	return s.end(ctx, "Renew", c, s.sql.renew, lease.Microseconds())
}

// Done implements [tghook.Store].
func (s *Store) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	return s.end(ctx, "Done", c, s.sql.done, reply)
}

// Fail implements [tghook.Store].
func (s *Store) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	return s.end(ctx, "Fail", c, s.sql.fail, note)
}

// Release implements [tghook.Store].
func (s *Store) Release(ctx context.Context, c tghook.Claim) error {
	return s.end(ctx, "Release", c, s.sql.release)
}

// end runs a statement that changes the row of a claim that holds.
func (s *Store) end(ctx context.Context, method string, c tghook.Claim, statement string, args ...any) error {
	changed, err := s.exec(ctx, statement, append([]any{c.Key.Bot, c.Key.ID, c.Fence}, args...)...)
	if err == nil && changed == 0 {
		err = tghook.ErrClaimLost
	}
	if err != nil {
		return s.failed(method, c, err)
	}
	return nil
}

// exec runs a statement, and returns how many rows it has changed.
func (s *Store) exec(ctx context.Context, statement string, args ...any) (changed int64, err error) {
	err = s.again(ctx, func() error {
		tag, err := s.pool.Exec(ctx, statement, args...)
		changed = tag.RowsAffected()
		return err
	})
	return changed, err
}
