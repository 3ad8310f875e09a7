package storage_test

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

// direct opens the database beside the storage.
func direct(tb testing.TB, cfg config.Storage) *sql.DB {
	tb.Helper()
	if cfg.Path != "" {
		return openFile(tb, filepath.Join(cfg.Path, "serve.db"))
	}
	return openWith(tb, "pgx", cfg.Postgres)
}

// openFile opens a file of SQLite beside the storage.
func openFile(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	return openWith(tb, "sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: "_pragma=busy_timeout(5000)"}).String())
}

func openWith(tb testing.TB, driver, name string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, name)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

// table returns the name of a table.
func table(cfg config.Storage, name string) string {
	if cfg.Path != "" {
		return name
	}
	return pgx.Identifier{cfg.Schema, "tghook_serve_" + name}.Sanitize()
}

func named(cfg config.Storage, query string) string {
	return inBraces.ReplaceAllStringFunc(query, func(name string) string { return table(cfg, name[1:len(name)-1]) })
}

// number returns the number that a query finds, with names of tables in braces.
func number(tb testing.TB, cfg config.Storage, query string) int64 {
	tb.Helper()
	var n int64
	require.NoError(tb, direct(tb, cfg).QueryRowContext(tb.Context(), named(cfg, query)).Scan(&n))
	return n
}

func count(tb testing.TB, cfg config.Storage, table string) int {
	tb.Helper()
	return int(number(tb, cfg, `SELECT count(*) FROM {`+table+`}`))
}

// sum is the size of all rows, and state is what the storage believes it to be.
func sum(tb testing.TB, cfg config.Storage) int64 {
	tb.Helper()
	return number(tb, cfg, `SELECT sum(size) FROM {rows}`)
}

func state(tb testing.TB, cfg config.Storage) int64 {
	tb.Helper()
	return number(tb, cfg, `SELECT size FROM {state}`)
}

// execute runs a statement, with names of tables in braces.
func execute(tb testing.TB, cfg config.Storage, statement string) {
	tb.Helper()
	_, err := direct(tb, cfg).ExecContext(tb.Context(), named(cfg, statement))
	require.NoError(tb, err)
}

// incompressible returns letters that a database cannot make shorter.
func incompressible(size int) []byte {
	var text []byte
	for len(text) < size {
		text = append(text, rand.Text()...)
	}
	return text[:size]
}
