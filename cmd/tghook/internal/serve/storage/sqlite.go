package storage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// The files of a folder. SQLite keeps two more beside each while it is open.
const (
	queueFile   = "queue.db" // of tgsqlite
	historyFile = "serve.db" // everything else
	roomFile    = "room.tmp" // is written to see whether the disk has room
)

const (
	application = 0x74674853 // marks a file as one of this package; it is "tgHS" in ASCII
	logSize     = 8 << 20    // what the log of serve.db may keep of the disk
	connections = 4
	leastRoom   = 256 << 10 // of the disk
)

// sqlite is a folder with files of SQLite.
type sqlite struct {
	folder  string
	store   *tgsqlite.Store
	queue   *sql.DB // reads queue.db
	db      *database
	maxSize int64
}

func openSQLite(ctx context.Context, cfg config.Storage) (engine, *database, Queue, error) {
	folder, err := filepath.Abs(cfg.Path) // connections are opened later too
	if err != nil {
		return nil, nil, nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, nil, fmt.Errorf("storage.path: make the folder: %w", err)
	}
	store, err := tgsqlite.Open(filepath.Join(folder, queueFile), tgsqlite.Config{MaxSize: cfg.MaxSize})
	if err != nil {
		return nil, nil, nil, err
	}
	s := &sqlite{folder: folder, store: store, maxSize: cfg.MaxSize}
	if err := s.open(ctx); err != nil {
		return nil, nil, nil, errors.Join(err, s.close())
	}
	return s, s.db, store.Queue(), nil
}

func (s *sqlite) open(ctx context.Context) (err error) {
	if s.queue, err = openFile(filepath.Join(s.folder, queueFile), 1, url.Values{"mode": {"ro"}}); err != nil {
		return err
	}
	path := filepath.Join(s.folder, historyFile)
	if err := create(path); err != nil {
		return err // it names the path
	}
	s.db = &database{
		names:   sqliteNames(),
		prepare: `PRAGMA application_id = ` + strconv.Itoa(application),
		explain: func(err error) error {
			if err == nil {
				return nil
			}
			return fmt.Errorf("%s: %w", path, err)
		},
		inTheWay: isBusy,
	}
	if s.db.sql, err = openFile(path, connections, historyOptions("NORMAL")); err != nil {
		return err
	}
	if s.db.durable, err = openFile(path, 1, historyOptions("FULL")); err != nil {
		return errors.Join(err, s.db.sql.Close())
	}
	if err = s.setUp(ctx); err != nil {
		return errors.Join(err, s.db.close())
	}
	return nil
}

// historyOptions are those of a connection to serve.db. Deleted content is overwritten.
func historyOptions(synchronous string) url.Values {
	return url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			"synchronous(" + synchronous + ")", "secure_delete(ON)", "foreign_keys(ON)",
			"journal_size_limit(" + strconv.Itoa(logSize) + ")",
			"wal_autocheckpoint(" + strconv.Itoa(logSize/pageSize/2) + ")",
		},
	}
}

func openFile(path string, most int, options url.Values) (*sql.DB, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/tghook
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// SQLite overwrites what is deleted (secure_delete). But when it moves rows between pages, it leaves
// copies of the old places in them. So pages are small, and a row is padded to be longer than a
// page. Then what stands behind the padding is in pages of its own, which are not moved and which
// are overwritten whole.
const (
	pageSize = 512
	padding  = "pad blob NOT NULL DEFAULT (zeroblob(512)),"
)

func sqliteNames() *strings.Replacer {
	return newNames(func(table string) string { return table },
		"{seq}", "INTEGER PRIMARY KEY AUTOINCREMENT", "{blob}", "blob", "{pad}", padding, "{index}", "",
		"{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)")
}

// creating is held while a file is made. When a process closes a file, all its locks of that
// file are gone, also those that SQLite has by then.
var creating sync.Mutex

// create makes an empty file, which SQLite takes for a new database. SQLite itself would let
// everybody read it.
func create(path string) error {
	creating.Lock()
	defer creating.Unlock()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the path is the user's
	if errors.Is(err, fs.ErrExist) {                                         // another process has made it
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// setUp sees to it that serve.db has a log and the tables.
func (s *sqlite) setUp(ctx context.Context) error {
	made, err := s.inspect(ctx)
	if err != nil {
		return err
	}
	if !made {
		if err := s.prepareFile(ctx); err != nil {
			return err
		}
	}
	return migrate(ctx, s.db, s.inspect)
}

// inspect reports whether serve.db has tables. It fails if they are another program's.
func (s *sqlite) inspect(ctx context.Context) (bool, error) {
	var id, count int
	_, err := s.db.row(ctx, `SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)`, nil, &id, &count)
	if err == nil && count > 0 && id != application {
		err = s.db.explain(errors.New("it is a database of another program: set storage.path to another folder"))
	}
	return count > 0, err
}

// prepareFile sets what SQLite can only set in an empty file, and turns its log on.
func (s *sqlite) prepareFile(ctx context.Context) error {
	return s.db.patiently(ctx, func(ctx context.Context) error {
		mode, err := s.turnLogOn(ctx)
		if err == nil && mode != "wal" {
			err = fmt.Errorf("SQLite cannot keep a log (WAL) of the file, only %q: storage.path must be on a disk of this machine", mode)
		}
		return err
	})
}

func (s *sqlite) turnLogOn(ctx context.Context) (mode string, err error) {
	conn, err := s.db.sql.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA page_size = %d; PRAGMA auto_vacuum = INCREMENTAL`, pageSize)); err != nil {
		return "", err
	}
	err = conn.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode)
	return mode, err
}

// answers implements engine. It ends a claim that nobody has, which takes a turn of the writer and
// the lock of the file, and writes nothing.
func (s *sqlite) answers(ctx context.Context) error {
	err := s.store.Release(ctx, tghook.Claim{Fence: "check"})
	if err != nil && !errors.Is(err, tghook.ErrClaimLost) {
		return fmt.Errorf("the database does not answer: %w", err)
	}
	if _, err := s.db.row(ctx, `SELECT 1 FROM {state}`, nil, new(int)); err != nil {
		return fmt.Errorf("the database does not answer: %w", err)
	}
	return s.diskHasRoom()
}

// diskHasRoom writes a small file and removes it.
func (s *sqlite) diskHasRoom() error {
	path := filepath.Join(s.folder, roomFile)
	if err := remove(path); err != nil {
		return fmt.Errorf("storage.path cannot be written: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the path is the user's
	switch {
	case errors.Is(err, fs.ErrExist): // another process does the same
		return nil
	case err != nil:
		return fmt.Errorf("storage.path cannot be written: %w", err)
	}
	_, err = file.Write(make([]byte, leastRoom))
	if err = errors.Join(err, file.Close(), remove(path)); err != nil {
		return fmt.Errorf("the disk has no room: %w", err)
	}
	return nil
}

// remove removes a file, if there is one.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// full implements engine. The bound is that of tgsqlite, which leaves a part to what makes room.
func (s *sqlite) full(ctx context.Context, _ bool) (full, err error) {
	if s.maxSize == 0 {
		return nil, nil
	}
	full, err = s.count(ctx)
	if full == nil || err != nil {
		return nil, err
	}
	if err := forget(ctx, s.store.Prune); err != nil {
		return fmt.Errorf("%w; %w", full, err), nil
	}
	return s.count(ctx)
}

// count returns an error if too many pages of queue.db are in use.
func (s *sqlite) count(ctx context.Context) (full, err error) {
	var used, page int64
	err = patiently(ctx, isBusy, func(ctx context.Context) error {
		return s.queue.QueryRowContext(ctx, `SELECT page_count - freelist_count, page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&used, &page)
	})
	if err != nil {
		return nil, fmt.Errorf("the database does not answer: %s: %w", queueFile, err)
	}
	if most := s.maxSize / page; used > most-most/16 {
		return errFull(used*page, s.maxSize), nil
	}
	return nil, nil
}

// size implements engine.
func (s *sqlite) size(context.Context) (int64, error) {
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return 0, err
	}
	var size int64
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), queueFile) && !strings.HasPrefix(entry.Name(), historyFile) {
			continue
		}
		if info, err := entry.Info(); err == nil { // it may be gone
			size += info.Size()
		}
	}
	return size, nil
}

// close implements engine. The database is closed before.
func (s *sqlite) close() error {
	var err error
	if s.queue != nil { // first: the last one to close a file moves its log into it, and this one only reads
		err = s.queue.Close()
	}
	return errors.Join(err, s.store.Close())
}
