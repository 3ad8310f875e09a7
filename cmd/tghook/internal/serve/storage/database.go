package storage

import (
	"context"
	"database/sql"
	"errors"
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
	// prepare is run before tables are made, in the same transaction.
	prepare string
	// explain adds to an error what the user needs to know.
	explain func(error) error
}

// tables are the names of all tables but those of the queue.
var tables = []string{"bots", "paused", "roles", "rows", "exchanges", "state", "version"}

// text returns a statement of the engine.
func (db *database) text(query string) string { return db.names.Replace(query) }

// write runs f in a transaction, and commits it if f returns nil. In SQLite it has the lock of the
// file from the start.
func (db *database) write(ctx context.Context, on *sql.DB, f func(*sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	tx, err := on.BeginTx(ctx, nil)
	if err != nil {
		return db.explain(err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err := f(tx); err != nil {
		return db.explain(err)
	}
	return db.explain(tx.Commit())
}

// save runs a statement whose effect is durable when it returns. It returns how many rows have
// changed.
func (db *database) save(ctx context.Context, query string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	result, err := db.durable.ExecContext(ctx, db.text(query), args...)
	if err != nil {
		return 0, db.explain(err)
	}
	return result.RowsAffected()
}

// row runs a statement that returns at most one row. If it returns none, found is false.
func (db *database) row(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err = db.sql.QueryRowContext(ctx, db.text(query), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, db.explain(err)
}

// rows runs a statement, and calls f for each row that it returns.
func (db *database) rows(ctx context.Context, query string, args []any, f func(*sql.Rows) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	rows, err := db.sql.QueryContext(ctx, db.text(query), args...)
	if err != nil {
		return db.explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return db.explain(rows.Err())
}

func (db *database) close() error {
	if db.durable == db.sql {
		return db.sql.Close()
	}
	return errors.Join(db.sql.Close(), db.durable.Close())
}
