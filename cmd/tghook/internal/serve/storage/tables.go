package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// versions has the statements that turn each version of the tables into the next. While a gateway
// is upgraded, one with an older version may still run. It continues to work if a step only adds
// tables, indexes, and columns with a default.
//
// rows has a line of the history: doc is its JSON, at is in microseconds since 1970, failed is 0
// or 1, and words are what the filter looks through, in lower case. The size of a row counts its
// exchange too. exchanges has the bodies, so that a list of rows does not read them. state has one
// row: the size of all rows, and how many times rows were written.
//
// A role is its owner's until a time in milliseconds since 1970. lease is for how long it was
// taken.
var versions = [][]string{{
	`CREATE TABLE {bots} (name text PRIMARY KEY, sealed {blob} NOT NULL)`,
	`CREATE TABLE {paused} (bot bigint PRIMARY KEY)`,
	`CREATE TABLE {roles} (role text PRIMARY KEY, owner text NOT NULL, until bigint NOT NULL, lease bigint NOT NULL)`,
	`CREATE TABLE {rows} (
		seq {seq}, id text NOT NULL UNIQUE, bot bigint NOT NULL, at bigint NOT NULL,
		update_id bigint NOT NULL, chat bigint NOT NULL, failed smallint NOT NULL, size bigint NOT NULL,
		kind text NOT NULL, type text NOT NULL, method text NOT NULL, {pad} words text NOT NULL, doc text NOT NULL)`,
	`CREATE INDEX {index}rows_bot ON {rows} (bot, seq)`,
	`CREATE INDEX {index}rows_chat ON {rows} (chat, seq)`,
	`CREATE INDEX {index}rows_update ON {rows} (update_id)`,
	`CREATE INDEX {index}rows_failed ON {rows} (seq) WHERE failed = 1`,
	`CREATE INDEX {index}rows_at ON {rows} (at)`,
	`CREATE TABLE {exchanges} (
		id text PRIMARY KEY REFERENCES {rows} (id) ON DELETE CASCADE,
		{pad} head text NOT NULL, body {blob}, answer {blob})`,
	`CREATE TABLE {state} (size bigint NOT NULL, written bigint NOT NULL)`,
	`INSERT INTO {state} VALUES (0, 0)`,
}}

// migrate brings the tables up to date. exist says whether there are any.
func migrate(ctx context.Context, db *database, exist func(context.Context) (bool, error)) error {
	found, err := exist(ctx)
	if err != nil {
		return err
	}
	if found { // an up-to-date database needs no lock, and no right to make tables
		var made int
		err := db.patiently(ctx, func(ctx context.Context) (err error) {
			made, err = madeVersion(ctx, db.durable, db)
			return err
		})
		if err != nil || made == len(versions) {
			return err
		}
	}
	return db.write(ctx, db.durable, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, db.prepare); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, db.text(`CREATE TABLE IF NOT EXISTS {version} (version bigint NOT NULL)`)); err != nil {
			return err
		}
		made, err := madeVersion(ctx, tx, db)
		if err != nil || made == len(versions) {
			return err
		}
		return upgrade(ctx, tx, db, made)
	})
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// madeVersion returns the version of the tables, 0 if there are none.
func madeVersion(ctx context.Context, q querier, db *database) (int, error) {
	var made int
	err := q.QueryRowContext(ctx, db.text(`SELECT version FROM {version}`)).Scan(&made)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil
	case err != nil:
		return 0, err
	case made > len(versions):
		return 0, fmt.Errorf("a newer tghook has made it: its tables have version %d, and this tghook knows %d; update tghook", made, len(versions))
	}
	return made, nil
}

func upgrade(ctx context.Context, tx *sql.Tx, db *database, made int) error {
	var steps []string
	for _, statements := range versions[made:] {
		steps = append(steps, statements...)
	}
	for _, step := range append(steps, `DELETE FROM {version}`, fmt.Sprintf(`INSERT INTO {version} VALUES (%d)`, len(versions))) {
		if _, err := tx.ExecContext(ctx, db.text(step)); err != nil {
			return err
		}
	}
	return nil
}
