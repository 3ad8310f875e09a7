package tgsqlite

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
	"time"

	"github.com/tghook/tghook"
)

const (
	pageSize    = 4096
	leastSize   = 1 << 20
	logSize     = 8 << 20 // what the log may keep of the disk after a large write
	connections = 5       // one writes, and the others read albums
)

var openPatience = 10 * time.Second // tests change it

// Open opens the file at path. If there is none, it makes one that only the user of the process
// may read. The folder must exist. SQLite keeps two more files beside it while it is open.
//
// The file is the Store's alone: Open refuses a file of another program. All processes of the
// machine may have it open at a time, for any number of bots. It must be on a disk of this
// machine: on a network file system SQLite's locks do not hold.
func Open(path string, cfg Config) (*Store, error) {
	if err := check(path, cfg); err != nil {
		return nil, err
	}
	s, err := open(path, cfg)
	if err != nil {
		return nil, fmt.Errorf("tgsqlite: Open: %s: %w", path, explain(err))
	}
	return s, nil
}

func check(path string, cfg Config) error {
	switch {
	case path == "":
		return &tghook.ConfigError{Field: "tgsqlite.Open", Problem: "the path is empty; give the path of a file, such as \"/var/lib/bot/tghook.db\""}
	case strings.HasPrefix(path, ":memory:") || strings.HasPrefix(path, "file:"):
		return &tghook.ConfigError{Field: "tgsqlite.Open", Problem: "give the path of a file, such as \"/var/lib/bot/tghook.db\", not a name of SQLite"}
	case cfg.MaxSize != 0 && cfg.MaxSize < leastSize:
		return &tghook.ConfigError{Field: "tgsqlite.Config.MaxSize", Problem: fmt.Sprintf("%d bytes are too few; give at least %d, or 0 for no bound", cfg.MaxSize, leastSize)}
	}
	return nil
}

func open(path string, cfg Config) (*Store, error) {
	path, err := filepath.Abs(path) // connections are opened later too
	if err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", name(path, cfg))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	s, err := start(db, cfg)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// creating is held while a file is made. When a process closes a file, all its locks of that
// file are gone, also those that SQLite has by then.
var creating sync.Mutex

// create makes an empty file, which SQLite takes for a new database. SQLite itself would let
// everybody read it.
func create(path string) error {
	creating.Lock()
	defer creating.Unlock()
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return errors.New("it is a folder: give the path of a file in it")
	case err == nil && !info.Mode().IsRegular():
		return errors.New("it is not a file")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the path is the user's
	switch {
	case errors.Is(err, fs.ErrExist): // another process has made it
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (make the folder first)", err)
	case err != nil:
		return err
	}
	return file.Close()
}

// name is the data source name of the file for the driver.
func name(path string, cfg Config) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/bot.db
	}
	pragmas := []string{"synchronous(FULL)", "journal_size_limit(" + strconv.Itoa(logSize) + ")"}
	if cfg.MaxSize > 0 {
		pragmas = append(pragmas, "max_page_count("+strconv.FormatInt(cfg.MaxSize/pageSize, 10)+")")
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": pragmas}.Encode()}).String()
}

func start(db *sql.DB, cfg Config) (*Store, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openPatience)
	defer cancel()
	s := &Store{db: db}
	s.queue = &Queue{store: s, scans: scans{}, jumps: newJumps(time.Now())}
	s.queue.change = signal{look: s.queue.ready, waiting: map[int64]*waiters{}}
	return s, patiently(ctx, func() error { return s.connect(ctx, cfg) })
}

// connect takes a connection for the writer, sees to it that the file has the tables, and
// prepares what the other connections do.
func (s *Store) connect(ctx context.Context, cfg Config) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	session := &session{conn: conn, stmt: map[string]*sql.Stmt{}, maxPages: cfg.MaxSize / pageSize}
	err = session.setUp()
	if err == nil {
		s.load, err = s.db.PrepareContext(ctx, loadAlbums)
	}
	if err == nil {
		s.lanes, err = s.db.PrepareContext(ctx, albumLanes)
	}
	if err == nil {
		s.ready, err = s.db.PrepareContext(ctx, readyBots)
	}
	if err != nil {
		return errors.Join(err, session.close())
	}
	s.writer = newWriter(session)
	return nil
}

func (s *session) setUp() error {
	if _, err := s.inspect(); err != nil { // before anything is written
		return err
	}
	var mode string
	if _, err := s.row("PRAGMA journal_mode = WAL", nil, &mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("SQLite cannot keep a log (WAL) of the file, only %q: the file must be on a disk of this machine", mode)
	}
	if err := s.begin(); err != nil {
		return err
	}
	return s.end(s.makeTables())
}
