package storage_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/internal/test/engine"
)

// password is never in an error.
const password = "c4n4ry-Pa55word"

// shared is the server of the tests that do not kill theirs. It is nil where PostgreSQL is not
// installed.
var shared *engine.Server

var errNoPostgres error

// children are what this program does if it is the child of a test, by the variable of the
// environment that says so.
var children = map[string]func(value string) error{}

func child(variable string, run func(value string) error) bool { //nolint:unparam // so that it can be called outside of functions
	children[variable] = run
	return true
}

func TestMain(m *testing.M) {
	flag.Parse()
	for variable, run := range children {
		if value := os.Getenv(variable); value != "" {
			if err := run(value); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "storage")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	shared, errNoPostgres = engine.StartPostgres(context.Background(), dir, engine.PostgresConfig{
		Password: password,
		Args:     []string{"-c", "max_connections=200"},
	})
	if errNoPostgres != nil && !errors.Is(errNoPostgres, exec.ErrNotFound) {
		panic(errNoPostgres)
	}
	if shared != nil {
		defer func() { _ = shared.Close() }()
	}
	return m.Run()
}

// onBoth runs a test on SQLite and on PostgreSQL, each with an empty storage.
func onBoth(t *testing.T, test func(t *testing.T, cfg config.Storage)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, onSQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, onPostgres(t))
	})
}

func onSQLite(tb testing.TB) config.Storage {
	tb.Helper()
	return config.Storage{Path: filepath.Join(tb.TempDir(), "missing", "folder"), MaxSize: 1 << 30}
}

func onPostgres(tb testing.TB) config.Storage {
	tb.Helper()
	engine.LeaveOut(tb, errNoPostgres)
	require.NoError(tb, errNoPostgres)
	return config.Storage{Postgres: shared.URL, Schema: "Test " + rand.Text(), MaxSize: 1 << 30}
}

// open opens the storage, as another gateway would, and closes it after the test.
func open(tb testing.TB, cfg config.Storage) *storage.Storage {
	tb.Helper()
	s, err := openPatient(tb.Context(), cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// openPatient opens a storage whose history may take long.
func openPatient(ctx context.Context, cfg config.Storage) (*storage.Storage, error) {
	s, err := storage.Open(ctx, cfg)
	if err == nil {
		s.BePatient()
	}
	return s, err
}

// patience is how long a test waits for something that should happen soon.
const patience = 2 * time.Minute

// eventually waits until done is true.
func eventually(tb testing.TB, done func() bool, what string) {
	tb.Helper()
	require.Eventually(tb, done, patience, 10*time.Millisecond, what)
}

// check returns what Check says when it has had time enough.
func check(tb testing.TB, s *storage.Storage) (said error) {
	tb.Helper()
	eventually(tb, func() bool {
		said = s.Check(tb.Context())
		return said == nil || !strings.Contains(said.Error(), "does not answer")
	}, "the storage answers")
	return said
}
