package tgpostgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// guardedTx is a transaction or a savepoint. No goroutine can use it when the handler has
// returned. Its other methods are the methods of pgx.Tx.
type guardedTx struct {
	pgx.Tx
	*transaction

	outermost bool
}

// Begin makes a savepoint.
func (g *guardedTx) Begin(ctx context.Context) (pgx.Tx, error) {
	var inner pgx.Tx
	err := g.guard(ctx, func(ctx context.Context) (err error) { inner, err = g.Tx.Begin(ctx); return err })
	if err != nil {
		return nil, err
	}
	return &guardedTx{Tx: inner, transaction: g.transaction}, nil
}

// guard calls f unless the transaction has ended or is in use.
func (g *guardedTx) guard(ctx context.Context, f func(context.Context) error) error {
	if err := g.acquire(); err != nil {
		return err
	}
	defer g.release()
	ctx, cancel := g.during(ctx)
	defer cancel()
	return f(ctx)
}

// Commit ends a savepoint.
func (g *guardedTx) Commit(ctx context.Context) error {
	if g.outermost {
		return errEnds
	}
	return g.guard(ctx, g.Tx.Commit)
}

// Rollback undoes all writes since a savepoint.
func (g *guardedTx) Rollback(ctx context.Context) error {
	if g.outermost {
		return errEnds
	}
	return g.guard(ctx, g.Tx.Rollback)
}

func (g *guardedTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (n int64, err error) {
	err = g.guard(ctx, func(ctx context.Context) (err error) { n, err = g.Tx.CopyFrom(ctx, table, columns, source); return err })
	return n, err
}

func (g *guardedTx) Prepare(ctx context.Context, name, sql string) (sd *pgconn.StatementDescription, err error) {
	err = g.guard(ctx, func(ctx context.Context) (err error) { sd, err = g.Tx.Prepare(ctx, name, sql); return err })
	return sd, err
}

func (g *guardedTx) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	err = g.guard(ctx, func(ctx context.Context) (err error) { tag, err = g.Tx.Exec(ctx, sql, args...); return err })
	return tag, err
}

func (g *guardedTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := g.acquire(); err != nil {
		return failedRows{err}, err
	}
	defer g.release()
	ctx, cancel := g.during(ctx)
	rows, err := g.Tx.Query(ctx, sql, args...)
	guarded := newGuardedRows(rows, g.transaction, cancel)
	if err != nil { // pgx has closed them
		guarded.closed()
	}
	return guarded, err
}

func (g *guardedTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, _ := g.Query(ctx, sql, args...)
	return guardedRow{rows}
}

func (g *guardedTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if err := g.acquire(); err != nil {
		return failedResults{err}
	}
	defer g.release()
	ctx, cancel := g.during(ctx)
	results := g.Tx.SendBatch(ctx, b)
	return &guardedResults{BatchResults: results, opened: newOpened(g.transaction, cancel)}
}

// opened is something of a transaction that keeps the connection busy until it is closed.
type opened struct {
	*transaction

	once   sync.Once
	cancel context.CancelFunc
}

func newOpened(t *transaction, cancel context.CancelFunc) *opened {
	t.open.Add(1)
	return &opened{transaction: t, cancel: cancel}
}

func (o *opened) closed() {
	o.once.Do(func() {
		o.cancel()
		o.open.Add(-1)
	})
}

// guardedRows are rows that no goroutine can read when the handler has returned.
type guardedRows struct {
	pgx.Rows
	*opened

	err error
}

func newGuardedRows(rows pgx.Rows, t *transaction, cancel context.CancelFunc) *guardedRows {
	return &guardedRows{Rows: rows, opened: newOpened(t, cancel)}
}

func (r *guardedRows) Next() bool {
	if r.err = r.acquire(); r.err != nil {
		return false
	}
	defer r.release()
	if r.Rows.Next() {
		return true
	}
	r.closed()
	return false
}

func (r *guardedRows) Close() {
	if r.acquire() != nil {
		return // the transaction has ended, and the connection is closed
	}
	defer r.release()
	r.Rows.Close()
	r.closed()
}

func (r *guardedRows) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.Rows.Err()
}

// guardedRow is the first of some rows.
type guardedRow struct{ rows pgx.Rows }

func (r guardedRow) Scan(into ...any) error {
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(into...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// guardedResults are results that no goroutine can read when the handler has returned.
type guardedResults struct {
	pgx.BatchResults
	*opened
}

func (r *guardedResults) Exec() (pgconn.CommandTag, error) {
	if err := r.acquire(); err != nil {
		return pgconn.CommandTag{}, err
	}
	defer r.release()
	return r.BatchResults.Exec()
}

func (r *guardedResults) Query() (pgx.Rows, error) {
	if err := r.acquire(); err != nil {
		return failedRows{err}, err
	}
	defer r.release()
	rows, err := r.BatchResults.Query()
	guarded := newGuardedRows(rows, r.transaction, func() {})
	if err != nil {
		guarded.closed()
	}
	return guarded, err
}

func (r *guardedResults) QueryRow() pgx.Row {
	rows, _ := r.Query()
	return guardedRow{rows}
}

func (r *guardedResults) Close() error {
	if err := r.acquire(); err != nil {
		return err
	}
	defer r.release()
	defer r.closed()
	return r.BatchResults.Close()
}

// failedRows are the rows of a query that was not sent.
type failedRows struct{ err error }

func (failedRows) Close()                                       {}
func (r failedRows) Err() error                                 { return r.err }
func (failedRows) CommandTag() pgconn.CommandTag                { return pgconn.CommandTag{} }
func (failedRows) FieldDescriptions() []pgconn.FieldDescription { return nil }
func (failedRows) Next() bool                                   { return false }
func (r failedRows) Scan(...any) error                          { return r.err }
func (r failedRows) Values() ([]any, error)                     { return nil, r.err }
func (failedRows) RawValues() [][]byte                          { return nil }
func (failedRows) Conn() *pgx.Conn                              { return nil }

// failedResults are the results of a batch that was not sent.
type failedResults struct{ err error }

func (r failedResults) Exec() (pgconn.CommandTag, error) { return pgconn.CommandTag{}, r.err }
func (r failedResults) Query() (pgx.Rows, error)         { return failedRows(r), r.err }
func (r failedResults) QueryRow() pgx.Row                { return guardedRow{failedRows(r)} }
func (r failedResults) Close() error                     { return r.err }
