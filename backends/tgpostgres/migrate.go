package tgpostgres

import (
	"context"
	_ "embed"
	"fmt"
)

//go:embed schema.sql
var schema string

// migrationLock is the advisory lock of PostgreSQL that is held while tables are made. Any
// number will do that others do not use.
const migrationLock = 0x7467686f6f6b // "tghook"

// Migration returns the SQL that makes the tables, with the names that cfg has: the file
// schema.sql of this package. Use it in your own migrations. It may run again without harm. The
// changelog says when a later version of this package changes the tables.
func Migration(cfg Config) (string, error) {
	n, err := newNames(cfg)
	if err != nil {
		return "", err
	}
	return n.in(schema), nil
}

// Migrate makes the tables if they are missing. Several processes may call it at once. If the
// tables of a Store exist, it changes nothing, and needs no right but to read them. Otherwise it
// needs the right to create tables in the schema.
func (s *Store) Migrate(ctx context.Context) error { return s.migrate(ctx, s.updates, s.albums) }

// Migrate makes the tables if they are missing. Several processes may call it at once. If the
// tables of a Queue exist, it changes nothing, and needs no right but to read them. Otherwise it
// needs the right to create tables in the schema. If the tables of a Store
// exist already, it adds the tables of the Queue.
func (q *Queue) Migrate(ctx context.Context) error { return q.migrate(ctx, q.queue, q.done) }

func (d *database) migrate(ctx context.Context, first, second string) error {
	var exist bool
	const look = `SELECT to_regclass($1::text) IS NOT NULL AND to_regclass($2::text) IS NOT NULL`
	if err := d.pool.QueryRow(ctx, look, first, second).Scan(&exist); err != nil {
		return fmt.Errorf("tgpostgres: Migrate: look for the tables: %w", d.explain(err))
	}
	if exist {
		return nil
	}
	// Statements without parameters go to PostgreSQL as one text, which is one transaction.
	// The lock is held until its end.
	text := fmt.Sprintf("SELECT pg_advisory_xact_lock(%d);\n%s", migrationLock, d.in(schema))
	if err := d.again(ctx, func() error { _, err := d.pool.Exec(ctx, text); return err }); err != nil {
		return fmt.Errorf("tgpostgres: Migrate: make the tables: %w", d.explain(err))
	}
	return nil
}
