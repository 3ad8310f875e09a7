package tgpostgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tghook/tghook"
)

// database is what a [Store] and a [Queue] have in common: a pool, and the names of the tables.
type database struct {
	names

	user   string // Store or Queue
	tables string // the tables that the user needs rights for
	rights string // which
	pool   *pgxpool.Pool
	logger *slog.Logger
}

// newDatabase checks what New or NewQueue has got.
func newDatabase(constructor string, pool *pgxpool.Pool, cfg Config) (database, error) {
	if pool == nil {
		return database{}, &tghook.ConfigError{Field: "tgpostgres." + constructor, Problem: "the pool is nil; make one with pgxpool.New"}
	}
	n, err := newNames(cfg)
	if err != nil {
		return database{}, err
	}
	logger := cfg.Logger
	if logger == nil {
		logger = slog.Default()
	}
	return database{names: n, pool: pool, logger: logger, rights: "SELECT, INSERT, UPDATE and DELETE"}, nil
}

// again runs a statement until no other transaction has changed its row while it ran. With the
// isolation level read committed, only a claim ever runs again, and rarely.
func (d *database) again(ctx context.Context, run func() error) error {
	for {
		err := run()
		if err == nil || ctx.Err() != nil || !errors.Is(err, pgx.ErrNoRows) && !isSerialization(err) {
			return err
		}
	}
}

// explain adds advice to an error, if there is any.
func (d *database) explain(err error) error {
	advice := ""
	switch code(err) {
	case undefinedTable:
		advice = fmt.Sprintf("call %s.Migrate once, or run the SQL that tgpostgres.Migration returns", d.user)
	case undefinedColumn:
		advice = "the table is not the one of this version of tgpostgres; compare it with tgpostgres.Migration"
	case invalidSchemaName:
		advice = "create the schema, or set tgpostgres.Config.Schema to one that exists"
	case insufficientPrivilege:
		advice = fmt.Sprintf("the user needs %s on %s, and for Migrate also CREATE on the schema", d.rights, d.tables)
	case readOnlyTransaction:
		advice = "the server is read-only, perhaps a standby; add target_session_attrs=read-write to the URL"
	case outOfSharedMemory:
		advice = "the server has no room for more locks; set its max_locks_per_transaction higher"
	case invalidStatementName, duplicatePreparedStatement:
		advice = "a pooler gives each transaction another connection; add default_query_exec_mode=exec to the URL"
	default:
		if errors.Is(err, context.DeadlineExceeded) {
			if st := d.pool.Stat(); st.AcquiredConns() == st.MaxConns() {
				advice = fmt.Sprintf("all %d connections of the pool are in use; set pool_max_conns higher", st.MaxConns())
			}
		}
	}
	if advice == "" {
		return err
	}
	return fmt.Errorf("%s: %w", advice, err)
}
