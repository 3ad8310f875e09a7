package tgsqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

// database opens a file as any program does, and runs statements on it.
func database(tb testing.TB, path string, statements ...string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		_, err := db.ExecContext(tb.Context(), s)
		require.NoError(tb, err)
	}
	return db
}

// number returns the number that a statement returns.
func number(tb testing.TB, db *sql.DB, query string) int {
	tb.Helper()
	var n int
	require.NoError(tb, db.QueryRowContext(tb.Context(), query).Scan(&n))
	return n
}

// sound checks that a file is not damaged.
func sound(tb testing.TB, path string) {
	tb.Helper()
	var text string
	require.NoError(tb, database(tb, path).QueryRowContext(tb.Context(), "PRAGMA integrity_check").Scan(&text))
	require.Equal(tb, "ok", text)
}

func TestWhatOpenRefuses(t *testing.T) {
	t.Parallel()
	in := func(name string) func(t *testing.T) string {
		return func(t *testing.T) string { t.Helper(); return filepath.Join(t.TempDir(), name) }
	}
	for _, c := range []struct {
		name string
		path func(t *testing.T) string
		cfg  tgsqlite.Config
		want string
	}{
		{"no path", func(*testing.T) string { return "" }, tgsqlite.Config{}, "the path is empty; give the path of a file"},
		{"a database in memory", func(*testing.T) string { return ":memory:" }, tgsqlite.Config{}, "give the path of a file, such as \"/var/lib/bot/tghook.db\", not a name of SQLite"},
		{"a name of SQLite", func(*testing.T) string { return "file:bot.db?mode=memory" }, tgsqlite.Config{}, "not a name of SQLite"},
		{"a bound that is too small", in("bot.db"), tgsqlite.Config{MaxSize: 1<<20 - 1}, "tgsqlite.Config.MaxSize: 1048575 bytes are too few; give at least 1048576"},
		{"a negative bound", in("bot.db"), tgsqlite.Config{MaxSize: -1}, "-1 bytes are too few"},
		{"a folder", func(t *testing.T) string { t.Helper(); return t.TempDir() }, tgsqlite.Config{}, "it is a folder: give the path of a file in it"},
		{"a folder that is not there", in("none/bot.db"), tgsqlite.Config{}, "no such file or directory (make the folder first)"},
		{"something that is not a file", func(*testing.T) string { return os.DevNull }, tgsqlite.Config{}, "it is not a file"},
		{"a file of something else", func(t *testing.T) string {
			t.Helper()
			path := newFile(t)
			require.NoError(t, os.WriteFile(path, []byte("token=1:a\nlisten=:8080\n and so on, for more than a header takes, which is a hundred bytes"), 0o600))
			return path
		}, tgsqlite.Config{}, "file is not a database (26) (it is a file of something else: give another path)"},
		{"a database of another program", func(t *testing.T) string {
			t.Helper()
			path := newFile(t)
			database(t, path, "CREATE TABLE users (id)")
			return path
		}, tgsqlite.Config{}, "it is a database of another program: give tgsqlite another file"},
		{"a database of another program without tables", func(t *testing.T) string {
			t.Helper()
			path := newFile(t)
			database(t, path, "PRAGMA user_version = 1")
			return path
		}, tgsqlite.Config{}, "it is a database of another program"},
		{"a file that may not be written", func(t *testing.T) string {
			t.Helper()
			path := newFile(t)
			store, err := tgsqlite.Open(path, tgsqlite.Config{})
			require.NoError(t, err)
			require.NoError(t, store.Close())
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = file.WriteAt([]byte{3}, 18) // a format that SQLite only reads; rights do not bind root
			require.NoError(t, err)
			require.NoError(t, file.Close())
			return path
		}, tgsqlite.Config{}, "attempt to write a readonly database (8) (the process must be able to write the file and its folder)"},
		{"a file of a newer version", func(t *testing.T) string {
			t.Helper()
			path := newFile(t)
			open(t, path)
			database(t, path, "PRAGMA user_version = 3")
			return path
		}, tgsqlite.Config{}, "a newer version of tgsqlite has made it: its tables have version 3, and this package knows 2; update tgsqlite"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := c.path(t)
			_, err := tgsqlite.Open(path, c.cfg)
			require.ErrorContains(t, err, c.want)
			if !errors.As(err, new(*tghook.ConfigError)) {
				assert.ErrorContains(t, err, "tgsqlite: Open: "+path+": ")
			}
		})
	}
}

func TestADatabaseOfAnotherProgramIsNotChanged(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	db := database(t, path, "CREATE TABLE users (id)")
	require.NoError(t, db.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = tgsqlite.Open(path, tgsqlite.Config{})
	require.Error(t, err)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

func TestOnlyTheUserOfTheProcessMayReadANewFile(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	granted(t, open(t, path), claim(1), 1)
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		if runtime.GOOS != "windows" { // whose files have no such rights
			assert.Equal(t, os.FileMode(0o600), info.Mode(), name)
		}
	}
}

func TestTheRightsOfAFileThatIsThereStay(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	require.NoError(t, os.WriteFile(path, nil, 0o640))
	require.NoError(t, os.Chmod(path, 0o640)) // whatever the umask is
	granted(t, open(t, path), claim(1), 1)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), info.Mode())
}

func TestThePathMayHaveAnyName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "100%.db", "%41.db", "a?mode=memory", "a#b", "бот.db", "a&_pragma=synchronous(OFF)", ";--"} {
		path := filepath.Join(t.TempDir(), name)
		granted(t, open(t, path), claim(1), 1)
		require.FileExists(t, path)
		granted(t, open(t, path+"2"), claim(1), 1) // another file
	}
}

func TestAStoreStaysAtItsFileWhenTheFolderOfTheProcessChanges(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	store := open(t, "bot.db")
	granted(t, store, claim(1), 1)
	t.Chdir(t.TempDir())
	k := tghook.AlbumKey{Bot: 7, Lane: "1"}
	require.NoError(t, store.SaveAlbums(within(t), k, []byte("value"), "", claim(0).Fence, ttl))
	value, _, err := store.LoadAlbums(within(t), k) // by another connection
	require.NoError(t, err)
	assert.Equal(t, "value", string(value))
}

func TestManyMayOpenANewFileAtOnce(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	stores := make([]*tgsqlite.Store, 16)
	var opening sync.WaitGroup
	for i := range stores {
		opening.Go(func() {
			store, err := tgsqlite.Open(path, tgsqlite.Config{})
			if assert.NoError(t, err) {
				stores[i] = store
			}
		})
	}
	opening.Wait()
	for i, store := range stores {
		require.NotNil(t, store)
		granted(t, store, claim(int64(i)), 1)
		require.NoError(t, store.Close())
	}
	sound(t, path)
}

func TestCallsAfterCloseFail(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	store, err := tgsqlite.Open(path, tgsqlite.Config{})
	require.NoError(t, err)
	c := claim(1)
	granted(t, store, c, 1)
	require.NoError(t, store.Close())
	require.NoFileExists(t, path+"-wal", "nobody has the file open")
	require.NoError(t, store.Close(), "again")
	_, err = store.Claim(within(t), claim(2), lease, ttl)
	require.ErrorContains(t, err, "tgsqlite: Claim of update 2 of bot 7: the Store is closed")
	require.ErrorContains(t, store.Done(within(t), c, nil), "the Store is closed")
	_, _, err = store.LoadAlbums(within(t), tghook.AlbumKey{Bot: 7})
	require.ErrorContains(t, err, "closed")
	_, err = store.AlbumLanes(within(t), 7)
	require.ErrorContains(t, err, "closed")
}
