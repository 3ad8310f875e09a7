package main

import (
	"context"
	"database/sql"
	"errors"

	_ "modernc.org/sqlite" // the driver for lockSQLite

	"github.com/tghook/tghook/backends/tgsqlite"
)

func openSQLite(_ context.Context, path string) (opened, error) {
	store, err := tgsqlite.Open(path, tgsqlite.Config{})
	if err != nil {
		return opened{}, err
	}
	queue := store.Queue()
	return opened{Queue: queue, Letters: queue, close: func() { _ = store.Close() }}, nil
}

// lockSQLite takes the lock of the writer, as a backup or a command at a terminal does.
func lockSQLite(ctx context.Context, path string) (unlock func() error, err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		_, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, conn.Close(), db.Close())
	}, nil
}
