package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	shrinkPages = 500 // that are given back in one transaction
	// shrinkTime is how long shrink waits for readers. Writers wait for it.
	shrinkTime = 250 * time.Millisecond
)

// shrink implements engine. It gives free pages of serve.db back to the disk. Then it writes the
// log to the file and empties it, because the log still has what was removed. A reader may be in
// the way.
func (s *sqlite) shrink(ctx context.Context) (done bool, err error) {
	for {
		var free int
		if err := s.db.sql.QueryRowContext(ctx, `PRAGMA freelist_count`).Scan(&free); err != nil {
			return false, s.db.explain(err)
		}
		if free == 0 {
			break
		}
		began := time.Now()
		if _, err := s.db.sql.ExecContext(ctx, fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, shrinkPages)); err != nil {
			return false, s.db.explain(err)
		}
		if err := rest(ctx, time.Since(began)); err != nil {
			return false, err
		}
	}
	conn, err := s.db.sql.Conn(ctx)
	if err != nil {
		return false, s.db.explain(err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	done, err = emptyLog(ctx, conn)
	return done, s.db.explain(err)
}

func emptyLog(ctx context.Context, conn *sql.Conn) (done bool, err error) {
	if err := setBusyTime(ctx, conn, shrinkTime); err != nil {
		return false, err
	}
	var busy, pages, moved int
	err = conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
	if isBusy(err) {
		busy, err = 1, nil
	}
	return err == nil && busy == 0, errors.Join(err, setBusyTime(context.WithoutCancel(ctx), conn, busyTime))
}

func setBusyTime(ctx context.Context, conn *sql.Conn, d time.Duration) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA busy_timeout = %d`, d.Milliseconds()))
	return err
}

// isBusy reports whether another connection holds a lock of the file.
func isBusy(err error) bool {
	e := (*driver.Error)(nil)
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}
