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
	// application marks a file as one of this package. It is "tgHk" in ASCII.
	application = 0x7467486b
	// version is that of the tables.
	version = 1

	pageSize     = 4096
	leastSize    = 1 << 20
	logSize      = 8 << 20 // what the log may keep of the disk after a large write
	connections  = 5       // the writer's, and those that read albums
	openPatience = 10 * time.Second
)

// Of an update, until is when the lease runs out, and forget is when the row may be removed:
// Unix times in milliseconds. lease and ttl are in milliseconds too. failed counts the
// attempts that Fail has ended or whose lease had run out.
//
// The tables have row ids, and the large column stands last. Without row ids SQLite would read
// a large reply whole whenever it compares its key with another.
var tables = []string{
	`CREATE TABLE updates (
		bot INTEGER NOT NULL, id INTEGER NOT NULL,
		state INTEGER NOT NULL, fence TEXT NOT NULL,
		lease INTEGER NOT NULL, until INTEGER NOT NULL,
		failed INTEGER NOT NULL, ttl INTEGER NOT NULL, forget INTEGER NOT NULL,
		note BLOB, reply BLOB,
		PRIMARY KEY (bot, id)) STRICT`,
	`CREATE INDEX updates_forget ON updates (forget)`,
	`CREATE TABLE albums (
		bot INTEGER NOT NULL, lane BLOB NOT NULL,
		version TEXT NOT NULL, forget INTEGER NOT NULL, value BLOB NOT NULL,
		PRIMARY KEY (bot, lane)) STRICT`,
	`CREATE INDEX albums_forget ON albums (forget)`,
	`PRAGMA application_id = ` + strconv.Itoa(application),
}

var setVersion = `PRAGMA user_version = ` + strconv.Itoa(version)

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
	s, err := start(db)
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

func start(db *sql.DB) (*Store, error) {
	ctx, cancel := context.WithTimeout(context.Background(), openPatience)
	defer cancel()
	s := &Store{db: db}
	return s, patiently(ctx, func() error { return s.connect(ctx) })
}

// connect takes a connection for the writer, sees to it that the file has the tables, and
// prepares what the other connections do.
func (s *Store) connect(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	session := &session{conn: conn, stmt: map[string]*sql.Stmt{}}
	err = session.setUp()
	if err == nil {
		s.load, err = s.db.PrepareContext(ctx, loadAlbums)
	}
	if err == nil {
		s.lanes, err = s.db.PrepareContext(ctx, albumLanes)
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

// makeTables writes the version in any case, to see whether the file may be written.
func (s *session) makeTables() error {
	empty, err := s.inspect()
	if err != nil {
		return err
	}
	steps := []string{setVersion}
	if empty {
		steps = append(steps, tables...)
	}
	for _, text := range steps {
		if _, err := s.exec(text); err != nil {
			return err
		}
	}
	return nil
}

const readIdentity = `SELECT
	(SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
	(SELECT count(*) FROM sqlite_schema)`

// inspect reports whether the file is a new database. It fails if the file is not the Store's.
func (s *session) inspect() (empty bool, err error) {
	var id, made, count int64
	_, err = s.row(readIdentity, nil, &id, &made, &count)
	switch {
	case err != nil:
		return false, err
	case id == 0 && made == 0 && count == 0:
		return true, nil
	case id != application:
		return false, errors.New("it is a database of another program: give the Store a file of its own")
	case made != version:
		return false, fmt.Errorf("a newer version of tgsqlite has made it: its tables have version %d, and this package knows %d; update tgsqlite", made, version)
	}
	return false, nil
}
