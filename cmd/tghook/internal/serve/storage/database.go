package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// callTime is how long one call of the database may take.
const callTime = 10 * time.Second

// database runs SQL that SQLite and PostgreSQL both understand. Parameters are $1, $2 and so on.
// A name in braces is a table, or something that the two write in different ways.
type database struct {
	sql *sql.DB
	// durable is for what must be on the disk when a call returns. Other writes may be lost
	// with the machine's power, but not with the process.
	durable *sql.DB
	names   *strings.Replacer
	// isolation is that of transactions, whatever the default of the connections is.
	isolation sql.IsolationLevel
	// prepare is run before tables are made, in the same transaction.
	prepare string
	// explain adds to an error what the user needs to know.
	explain func(error) error
	// inTheWay reports whether a call has failed because another connection was in its way.
	// Then it has had no effect.
	inTheWay func(error) bool
}

// tables are the names of all tables but those of the queue.
var tables = []string{"bots", "paused", "roles", "rows", "exchanges", "state", "version"}

// newNames returns what takes the place of names in braces: that of a table is made by qualify.
func newNames(qualify func(table string) string, others ...string) *strings.Replacer {
	for _, table := range tables {
		others = append(others, "{"+table+"}", qualify(table))
	}
	return strings.NewReplacer(others...)
}

// text returns a statement of the engine.
func (db *database) text(query string) string { return db.names.Replace(query) }

// write runs f in a transaction, and commits it if f returns nil. f may run several times. In
// SQLite it has the lock of the file from the start.
func (db *database) write(ctx context.Context, on *sql.DB, f func(context.Context, *sql.Tx) error) error {
	return db.patiently(ctx, func(ctx context.Context) error {
		tx, err := on.BeginTx(ctx, &sql.TxOptions{Isolation: db.isolation})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // after Commit it does nothing
		if err := f(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// save runs a statement whose effect is durable when it returns. It returns how many rows have
// changed.
func (db *database) save(ctx context.Context, query string, args ...any) (changed int64, err error) {
	err = db.patiently(ctx, func(ctx context.Context) error {
		result, err := db.durable.ExecContext(ctx, db.text(query), args...)
		if err == nil {
			changed, err = result.RowsAffected()
		}
		return err
	})
	return changed, err
}

// row runs a statement that returns at most one row. If it returns none, found is false.
func (db *database) row(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	err = db.patiently(ctx, func(ctx context.Context) error {
		err := db.sql.QueryRowContext(ctx, db.text(query), args...).Scan(into...)
		found = err == nil
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return found, err
}

// list returns what scan makes of each row of a statement.
func list[T any](ctx context.Context, db *database, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	err = db.patiently(ctx, func(ctx context.Context) error {
		rows, err := db.sql.QueryContext(ctx, db.text(query), args...)
		if err != nil {
			return err
		}
		all, err = scanAll(rows, scan)
		return err
	})
	return all, err
}

func scanAll[T any](rows *sql.Rows, scan func(*sql.Rows) (T, error)) (all []T, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// scanNumber is for rows of one number.
func scanNumber(rows *sql.Rows) (n int64, err error) {
	err = rows.Scan(&n)
	return n, err
}

// The pauses between attempts while another connection is in the way.
const (
	firstPause = 200 * time.Microsecond
	lastPause  = 5 * time.Millisecond
)

func (db *database) patiently(ctx context.Context, f func(context.Context) error) error {
	return db.explain(patiently(ctx, db.inTheWay, f))
}

// patiently calls f again as long as another connection is in its way.
func patiently(ctx context.Context, inTheWay func(error) bool, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := f(ctx)
		if err == nil || !inTheWay(err) {
			return err
		}
		if ended := rest(ctx, pause/2+rand.N(pause)); ended != nil { //nolint:gosec // chance against two that wait in step
			return fmt.Errorf("%w: %w", ended, err)
		}
	}
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func (db *database) close() error {
	if db.durable == db.sql {
		return db.sql.Close()
	}
	return errors.Join(db.sql.Close(), db.durable.Close())
}
