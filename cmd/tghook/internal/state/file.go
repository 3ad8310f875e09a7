// Package state keeps what tghook dev knows in a file, so that it lives on over restarts of
// the command: users, chats, files, bots, and the updates that wait.
//
// The file is a SQLite database with a table of records: a key and a value. The records
// whose keys begin with server/ are those of [tghooktest.Server.Save]. Those that begin with
// desk/ are of the other parts of the command. While the command runs, there is a second file
// beside it, whose name ends with -wal. If the process is killed, the next start takes what is
// there.
//
// The file has no token of a bot. It has the secrets of webhooks and all that was written in
// the chats, so nobody but its owner can read it.
package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"modernc.org/sqlite" // registers the driver too
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tghook/tghook/tghooktest"
)

const (
	application = 0x7467686b // application_id of SQLite's header: tghk
	version     = 1          // user_version: of the table; a newer one is refused
)

const (
	serverPrefix = "server/"
	deskPrefix   = "desk/"
)

// File is an open state file. Nobody else can open it meanwhile. Several goroutines may use it
// at once.
type File struct {
	path string
	db   *sql.DB

	writing sync.Mutex // held by Save

	mu      sync.Mutex
	read    map[string][]byte // records of the Server, until Keep
	values  map[string][]byte
	unsaved map[string][]byte  // values that were not written yet
	server  *tghooktest.Server // whose records are in the file; nil before Keep
	replace bool               // the file has the records of another Server
	saving  *saving            // nil if nobody saves
}

// Open opens the state file at the path, or makes a new one. It reads all that is in it. The
// errors name the flag --state.
func Open(path string) (*File, error) {
	if path == "" {
		return nil, errors.New("--state: the name of the file is empty; give one, such as --state dev.db")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := prepare(path); err != nil {
		return nil, err
	}
	// The names of the parameters are the driver's. With an exclusive lock there is no third
	// file, and no other process can read a half of what belongs together.
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: "_txlock=exclusive&_pragma=locking_mode(exclusive)&_pragma=busy_timeout(0)"}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	f := &File{path: path, db: db, values: map[string][]byte{}, unsaved: map[string][]byte{}}
	if err := f.begin(); err != nil {
		_ = db.Close() // err says more
		return nil, f.explain(err)
	}
	return f, nil
}

// begin makes the table if it is not there yet, and reads the records.
func (f *File) begin() error {
	if err := f.create(); err != nil {
		return err
	}
	if _, err := f.db.ExecContext(context.Background(), "PRAGMA journal_mode = wal"); err != nil {
		return err
	}
	if _, err := f.db.ExecContext(context.Background(), "PRAGMA synchronous = normal"); err != nil { // a killed process loses nothing; a power cut loses the newest
		return err
	}
	return f.load()
}

// create makes the table in a new file, and checks that another file has it.
func (f *File) create() error {
	tx, err := f.db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // an error after Commit, which is fine
	var id, format, tables int
	for query, to := range map[string]*int{"PRAGMA application_id": &id, "PRAGMA user_version": &format, "SELECT count(*) FROM sqlite_schema": &tables} {
		if err := tx.QueryRowContext(context.Background(), query).Scan(to); err != nil {
			return err
		}
	}
	switch {
	case tables == 0 && id == 0:
		if _, err := tx.ExecContext(context.Background(), fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; CREATE TABLE record (key TEXT PRIMARY KEY, value BLOB NOT NULL)", application, version)); err != nil {
			return err
		}
		return tx.Commit()
	case id != application:
		return errForeign
	case format > version:
		return errNewer
	}
	return nil
}

func (f *File) load() error {
	rows, err := f.db.QueryContext(context.Background(), "SELECT key, value FROM record")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err says more
	f.read = map[string][]byte{}
	for rows.Next() {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return err
		}
		if name, ok := strings.CutPrefix(key, serverPrefix); ok {
			f.read[name] = value
		} else if name, ok := strings.CutPrefix(key, deskPrefix); ok {
			f.values[name] = value
		}
	}
	return rows.Err()
}

var (
	errForeign = errors.New("another program has made this file; give the name of a new file")
	errNewer   = errors.New("a newer tghook has written this file; use that version, or give the name of a new file")
)

// header has the first bytes of a database.
const (
	magic     = "SQLite format 3\x00"
	versionAt = 60
	idAt      = 68
	headerLen = 100
)

// prepare makes the file if there is none, so that its owner alone can read it. It looks at
// one that is there without changing it.
func prepare(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the user names the file
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--state %s: there is no such directory; make it first", path)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("--state %s: the file or its directory cannot be written; give the name of a file that can", path)
	case err != nil:
		return fmt.Errorf("--state: %w; give the name of a file", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("--state %s: it is not a file; give the name of a file", path)
	}
	header := make([]byte, headerLen)
	n, _ := file.ReadAt(header, 0) // a short file is a foreign one, too
	switch {
	case n == 0:
		return nil
	case n < headerLen || string(header[:len(magic)]) != magic || number(header[idAt:]) != application:
		return fmt.Errorf("--state %s: %w", path, errForeign)
	case number(header[versionAt:]) > version:
		return fmt.Errorf("--state %s: %w", path, errNewer)
	}
	return nil
}

func number(b []byte) int { return int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3]) }

// explain adds advice to an error of the database.
func (f *File) explain(err error) error {
	var of *sqlite.Error
	if !errors.As(err, &of) {
		return fmt.Errorf("--state %s: %w", f.path, err)
	}
	const primary = 0xff // the rest says more about the same
	switch of.Code() & primary {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("--state %s: another tghook has the file open; end it, or give the name of another file", f.path)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("--state %s: the disk is full; make room, or the changes are lost when tghook ends", f.path)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("--state %s: the file or its directory cannot be written; give the name of a file that can", f.path)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("--state %s: the file is damaged (%w); give the name of a new file", f.path, err)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("--state %s: the file cannot be read or written (%w); look at the disk", f.path, err)
	}
	return fmt.Errorf("--state %s: %w", f.path, err)
}

// Records yields the records for [tghooktest.ServerConfig].State. They are there until Keep.
func (f *File) Records() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		f.mu.Lock()
		read := f.read
		f.mu.Unlock()
		for key, value := range read {
			if !yield(key, value) {
				return
			}
		}
	}
}

// Value returns a value of the command that is beside the Server's; nil if there is none. It
// must not be changed.
func (f *File) Value(name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.values[name]
}

// Set sets a value, which the next save writes. nil deletes it.
func (f *File) Set(name string, value []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[name], f.unsaved[name] = value, value
}
