package main

import (
	"context"
	"database/sql"
	"errors"
	"time"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

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
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err == nil {
		_, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	}
	// SQLite's own wait asks every 100 ms. Beside workers that write all the time it may never
	// find the lock free.
	for ; isBusy(err) && ctx.Err() == nil; _, err = conn.ExecContext(ctx, "BEGIN IMMEDIATE") {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, conn.Close(), db.Close())
	}, nil
}

// isBusy reports whether another connection has the lock.
func isBusy(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.Code()&0xff == codes.SQLITE_BUSY
}
