package storage_test

import (
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
	driver, name := "pgx", cfg.Postgres
	if cfg.Path != "" {
		driver = "sqlite"
		name = (&url.URL{Scheme: "file", Path: filepath.Join(cfg.Path, "serve.db"), RawQuery: "_pragma=busy_timeout(5000)"}).String()
	}
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

// execute runs a statement, with names of tables in braces.
func execute(tb testing.TB, cfg config.Storage, statement string) {
	tb.Helper()
	statement = inBraces.ReplaceAllStringFunc(statement, func(name string) string { return table(cfg, name[1:len(name)-1]) })
	_, err := direct(tb, cfg).ExecContext(tb.Context(), statement)
	require.NoError(tb, err)
}
