package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	shrinkPages = 500 // that are given back in one transaction
	logTries    = 20  // to empty the log
	logPause    = 10 * time.Millisecond
)

// shrink implements engine. It gives free pages of serve.db back to the disk. Then it empties the
// log, which still has what was removed.
func (s *sqlite) shrink(ctx context.Context) (done bool, err error) {
	for {
		var free int
		if _, err := s.db.row(ctx, `PRAGMA freelist_count`, nil, &free); err != nil {
			return false, err
		}
		if free == 0 {
			return s.emptyLog(ctx)
		}
		began := time.Now()
		if err := s.giveBack(ctx, shrinkPages); err != nil {
			return false, err
		}
		if err := rest(ctx, time.Since(began)); err != nil {
			return false, err
		}
	}
}

func (s *sqlite) giveBack(ctx context.Context, pages int) error {
	return s.db.patiently(ctx, func(ctx context.Context) error {
		_, err := s.db.sql.ExecContext(ctx, fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, pages))
		return err
	})
}

// emptyLog moves the log to the file. A reader may be in the way. Then it gives up soon.
func (s *sqlite) emptyLog(ctx context.Context) (done bool, err error) {
	for range logTries {
		var busy, pages, moved int
		err := s.db.sql.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved)
		if err != nil && !isBusy(err) {
			return false, s.db.explain(err)
		}
		if err == nil && busy == 0 {
			return true, nil
		}
		if err := rest(ctx, logPause); err != nil {
			return false, err
		}
	}
	return false, nil
}

// isBusy reports whether another connection holds a lock of the file.
func isBusy(err error) bool {
	e := (*driver.Error)(nil)
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}
