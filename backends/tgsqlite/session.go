package tgsqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A session is a connection with the statements that it has prepared. One goroutine at a time
// may use it.
//
// Its statements have no context: if one ended in the middle, it would end a transaction that
// belongs to others too.
type session struct {
	conn     *sql.Conn
	stmt     map[string]*sql.Stmt
	maxPages int64 // that the file may have; 0 if there is no bound
}

// close gives the connection back. SQLite closes the file only when no statement is left.
func (s *session) close() error {
	var errs []error
	for _, stmt := range s.stmt {
		errs = append(errs, stmt.Close())
	}
	clear(s.stmt)
	if err := s.conn.Close(); !errors.Is(err, sql.ErrConnDone) { // it was closed before
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *session) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := s.stmt[query]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(context.Background(), query)
	if err == nil {
		s.stmt[query] = stmt
	}
	return stmt, err
}

// exec runs a statement, and returns how many rows it has changed.
func (s *session) exec(query string, args ...any) (int64, error) {
	stmt, err := s.prepare(query) //nolint:sqlclosecheck // close does it
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row runs a statement that returns at most one row. If it returns none, found is false.
func (s *session) row(query string, args []any, into ...any) (found bool, err error) {
	stmt, err := s.prepare(query) //nolint:sqlclosecheck // close does it
	if err != nil {
		return false, err
	}
	err = stmt.QueryRowContext(context.Background(), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// rows runs a statement, and calls f for each row that it returns.
func (s *session) rows(query string, args []any, f func(*sql.Rows) error) error {
	stmt, err := s.prepare(query) //nolint:sqlclosecheck // close does it
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// usedPages are those that hold something.
const usedPages = `SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count`

// room returns full if the file has no room for more updates. It leaves a part of MaxSize to
// what makes room: an update that ends leaves its key.
func (s *session) room() (full, err error) {
	if s.maxPages == 0 {
		return nil, nil
	}
	var used int64
	if _, err := s.row(usedPages, nil, &used); err != nil {
		return nil, err
	}
	if used > s.maxPages-s.maxPages/reserve {
		return errNoRoom, nil
	}
	return nil, nil
}

const reserve = 16 // one part of so many

var errNoRoom = errors.New("the file has reached Config.MaxSize: give a larger one, or wait until updates have been handled and old ones are forgotten")

// begin begins a transaction that has the lock of the file from the start, so that nothing in
// it finds the file busy.
func (s *session) begin() error {
	_, err := s.exec("BEGIN IMMEDIATE")
	return err
}

// end ends the transaction: what was done in it is kept if err is nil and nothing fails.
func (s *session) end(err error) error {
	if err == nil {
		_, err = s.exec("COMMIT")
	}
	if err != nil {
		_, _ = s.exec("ROLLBACK") // an error says that SQLite has done so
	}
	return err
}

// The pauses between attempts to get the lock of the file. SQLite's own would grow to 100 ms,
// and with those another process that writes all the time would leave none to this one.
const (
	firstPause = 100 * time.Microsecond
	lastPause  = 4 * time.Millisecond
)

// patiently calls f again as long as the file is busy and ctx has not ended.
func patiently(ctx context.Context, f func() error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := f()
		if !busy(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // chance against two that wait in step
		}
	}
}

// code returns the primary result code of an error of SQLite, and 0 for any other.
func code(err error) int {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func busy(err error) bool { return code(err) == sqlite3.SQLITE_BUSY }

func full(err error) bool { return code(err) == sqlite3.SQLITE_FULL }

// advice says what to do about an error of SQLite.
var advice = map[int]string{
	sqlite3.SQLITE_BUSY:     "another program holds the lock of the file",
	sqlite3.SQLITE_FULL:     "the disk is full, or the file has reached Config.MaxSize: make room, and it goes on by itself",
	sqlite3.SQLITE_READONLY: "the process must be able to write the file and its folder",
	sqlite3.SQLITE_CANTOPEN: "the folder must exist, and the process must be able to write the file and its folder",
	sqlite3.SQLITE_PERM:     "the process must be able to write the file and its folder",
	sqlite3.SQLITE_NOTADB:   "it is a file of something else: give another path",
	sqlite3.SQLITE_CORRUPT:  "the file is damaged: stop the bot, move the file away, and check the disk",
	sqlite3.SQLITE_IOERR:    "the disk has failed: see the log of the system",
}

// explain adds to an error of SQLite what to do about it.
func explain(err error) error {
	if text := advice[code(err)]; text != "" {
		return fmt.Errorf("%w (%s)", err, text)
	}
	return err
}
