package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

const (
	poolSize    = 10              // at least, if the connection string has no pool_max_conns
	connectTime = 5 * time.Second // if it has no connect_timeout
	pingTime    = 2 * time.Second
	awaitPause  = 500 * time.Millisecond
	closeTime   = 2 * time.Second // how long Close waits for connections that are in use
	tablePrefix = "tghook_serve_"
	// tablesLock is the advisory lock that is held while tables are made. Any number will do
	// that others do not use.
	tablesLock = 0x746748_5365727665 // "tgHServe"
)

// postgres is a PostgreSQL database.
type postgres struct {
	pool     *pgxpool.Pool
	db       *database
	queue    string   // the table of the queue
	handled  []string // the partitions of handled updates
	tables   []string
	prune    func(context.Context) error // empties the oldest one of these
	maxSize  int64
	password string

	mu     sync.Mutex
	pruned time.Time // when prune was last called
}

func openPostgres(ctx context.Context, cfg config.Storage) (engine, *database, Queue, error) {
	pool, err := newPool(ctx, cfg.Postgres)
	if err != nil {
		return nil, nil, nil, err
	}
	p := &postgres{pool: pool, maxSize: cfg.MaxSize, password: pool.Config().ConnConfig.Password}
	var queue Queue
	for {
		if err = p.await(ctx); err == nil {
			queue, err = p.open(ctx, cfg.Schema)
		}
		if !isAway(err) || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return nil, nil, nil, errors.Join(p.explain(err), p.close())
	}
	return p, p.db, queue, nil
}

func newPool(ctx context.Context, text string) (*pgxpool.Pool, error) {
	if u, err := url.Parse(text); err == nil && u.Fragment != "" { // all behind # would be left out
		return nil, errors.New("storage.postgres: " + badAddress)
	}
	cfg, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, errors.New("storage.postgres: " + badConnection(text, err))
	}
	if !strings.Contains(text, "pool_max_conns") {
		cfg.MaxConns = max(cfg.MaxConns, poolSize)
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTime
	}
	cfg.PingTimeout = pingTime
	return pgxpool.NewWithConfig(ctx, cfg)
}

// await waits until the database takes connections: it may start at the same time as the gateway.
func (p *postgres) await(ctx context.Context) error {
	for told := false; ; told = true {
		err := p.pool.Ping(ctx)
		if err == nil || !isAway(err) || ctx.Err() != nil {
			return err
		}
		if !told {
			slog.WarnContext(ctx, "the database does not answer yet", slog.Any("error", p.explain(err)))
		}
		if rest(ctx, awaitPause) != nil {
			return err
		}
	}
}

func (p *postgres) open(ctx context.Context, schema string) (Queue, error) {
	if err := p.makeSchema(ctx, schema); err != nil {
		return nil, err
	}
	queue, err := tgpostgres.NewQueue(p.pool, tgpostgres.Config{Schema: schema})
	if err != nil {
		return nil, err
	}
	if err := queue.Migrate(ctx); err != nil {
		return nil, err
	}
	p.prune = queue.Prune
	names := p.names(schema)
	p.db = &database{
		sql: stdlib.OpenDBFromPool(p.pool), names: names, explain: p.explain, inTheWay: isConflict,
		isolation: sql.LevelReadCommitted,
		prepare:   fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, tablesLock),
	}
	p.db.durable = p.db.sql
	err = migrate(ctx, p.db, func(ctx context.Context) (found bool, err error) {
		err = p.pool.QueryRow(ctx, `SELECT to_regclass($1::text) IS NOT NULL`, names.Replace("{version}")).Scan(&found)
		return found, err
	})
	if err != nil {
		return nil, errors.Join(err, p.db.close())
	}
	return queue, nil
}

// makeSchema makes the schema, if it is missing.
func (p *postgres) makeSchema(ctx context.Context, schema string) error {
	if schema == "" {
		return nil
	}
	var found bool
	if err := p.pool.QueryRow(ctx, `SELECT count(*) > 0 FROM pg_namespace WHERE nspname = $1::text`, schema).Scan(&found); err != nil || found {
		return err
	}
	// Statements without parameters go to PostgreSQL as one text, which is one transaction.
	_, err := p.pool.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_xact_lock(%d);\nCREATE SCHEMA IF NOT EXISTS %s", tablesLock, pgx.Identifier{schema}.Sanitize()))
	if err != nil {
		return fmt.Errorf("storage.schema: make the schema: %w", err)
	}
	return nil
}

// names also fills in the fields of names.
func (p *postgres) names(schema string) *strings.Replacer {
	qualified := func(name string) string {
		if schema == "" {
			return pgx.Identifier{name}.Sanitize()
		}
		return pgx.Identifier{schema, name}.Sanitize()
	}
	p.queue = qualified("tghook_queue")
	for i := range 3 {
		p.handled = append(p.handled, qualified("tghook_queue_done_"+strconv.Itoa(i)))
	}
	p.tables = append(append(p.tables, p.queue), p.handled...)
	return newNames(func(table string) string {
		name := qualified(tablePrefix + table)
		p.tables = append(p.tables, name)
		return name
	},
		"{seq}", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{blob}", "bytea", "{pad}", "", "{index}", tablePrefix,
		"{now}", "(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
}

// answers implements engine.
func (p *postgres) answers(ctx context.Context) error {
	var readOnly string
	err := p.pool.QueryRow(ctx, `SELECT current_setting('transaction_read_only')`).Scan(&readOnly)
	switch {
	case err != nil:
		return fmt.Errorf("the database does not answer: %w", p.explain(err))
	case readOnly == "on":
		return errors.New("the database is read-only, perhaps a standby: add target_session_attrs=read-write to storage.postgres")
	}
	return nil
}

// Deleted rows do not make the file of a table smaller: their room is used again. So if the tables
// are larger than allowed, count estimates from a sample of pages how much of the queue is in use.
// A row takes twice its bytes, because the table has a fillfactor of 50, and about 400 more. A long
// update stands in a file of its own, without such room. The partitions of handled updates count
// whole: their rows are never deleted, but a partition is emptied.
const (
	samplePages = 2000
	sampleQueue = `
SELECT coalesce(sum(400 + pg_column_size(raw) * CASE WHEN pg_column_size(raw) > 2000 THEN 1 ELSE 2 END), 0)::float8
FROM %s TABLESAMPLE SYSTEM (%f)`
	readSizes = `
SELECT pg_total_relation_size($1::text::regclass), pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint,
	(SELECT sum(pg_total_relation_size(name::regclass))::bigint FROM unnest($2::text[]) AS name)`
)

// full implements engine.
func (p *postgres) full(ctx context.Context, was bool) (full, err error) {
	if p.maxSize == 0 {
		return nil, nil
	}
	full, err = p.count(ctx, was)
	if full == nil || err != nil || !p.mayPrune() {
		return full, err
	}
	if err := forget(ctx, p.prune); err != nil {
		return fmt.Errorf("%w; %w", full, p.explain(err)), nil
	}
	return p.count(ctx, was)
}

// count returns an error if the queue and the handled updates take too much room.
func (p *postgres) count(ctx context.Context, was bool) (full, err error) {
	var size, pages, handled int64
	if err := p.pool.QueryRow(ctx, readSizes, p.queue, p.handled).Scan(&size, &pages, &handled); err != nil {
		return nil, fmt.Errorf("the database does not answer: %w", p.explain(err))
	}
	if size+handled <= p.maxSize {
		return nil, nil
	}
	share := min(1, samplePages/float64(max(pages, 1)))
	var found float64
	if err := p.pool.QueryRow(ctx, fmt.Sprintf(sampleQueue, p.queue, 100*share)).Scan(&found); err != nil {
		return nil, fmt.Errorf("the database does not answer: %w", p.explain(err))
	}
	bound := p.maxSize - p.maxSize/8
	if was {
		bound = p.maxSize - p.maxSize/4
	}
	if used := int64(found/share) + handled; used > bound {
		return errFull(used, p.maxSize), nil
	}
	return nil, nil
}

// prunePause is between two calls of prune. While a backup reads a partition, prune holds up all
// who use it, for half a second.
const prunePause = time.Minute

// mayPrune reports whether prune was not called lately.
func (p *postgres) mayPrune() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.pruned) < prunePause {
		return false
	}
	p.pruned = time.Now()
	return true
}

// size implements engine.
func (p *postgres) size(ctx context.Context) (size int64, err error) {
	const sum = `SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0)::bigint FROM unnest($1::text[]) AS name`
	err = p.pool.QueryRow(ctx, sum, p.tables).Scan(&size)
	return size, p.explain(err)
}

// shrink implements engine. PostgreSQL uses the room of removed rows again, by its autovacuum.
func (p *postgres) shrink(context.Context) (bool, error) { return true, nil }

// close implements engine. A connection that never returns cannot hold it up.
func (p *postgres) close() error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.pool.Close()
	}()
	select {
	case <-closed:
		return nil
	case <-time.After(closeTime):
		return fmt.Errorf("%d connections to the database are still in use after %v", p.pool.Stat().AcquiredConns(), closeTime)
	}
}
