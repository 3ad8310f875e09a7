package storage_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/internal/test/engine"
)

func TestOnlyTheUserCanReadTheFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	cfg := onSQLite(t)
	s := open(t, cfg)
	require.NoError(t, s.SaveBot(t.Context(), storage.Added{Name: "a", Sealed: []byte("b")}))
	require.NoError(t, check(t, s))
	var names []string
	require.NoError(t, filepath.WalkDir(cfg.Path, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, path)
		names = append(names, entry.Name())
		return nil
	}))
	assert.Equal(t, []string{"folder", "queue.db", "queue.db-shm", "queue.db-wal", "serve.db", "serve.db-shm", "serve.db-wal"}, names)
}

func TestManyGatewaysStartAtOnce(t *testing.T) { onBoth(t, startMany) }

// The settings of a connection may be any. A pooler of connections needs exec.
func TestSettingsOfPostgreSQLDoNotMatter(t *testing.T) {
	t.Parallel()
	cfg := onPostgres(t)
	cfg.Postgres += "&default_query_exec_mode=exec&default_transaction_isolation=serializable&pool_max_conns=2"
	startMany(t, cfg)
}

func startMany(t *testing.T, cfg config.Storage) {
	t.Helper()
	var gateways sync.WaitGroup
	for i := range 8 {
		gateways.Go(func() {
			s, err := openPatient(t.Context(), cfg)
			if !assert.NoError(t, err) {
				return
			}
			assert.NoError(t, s.SaveBot(t.Context(), storage.Added{Name: strconv.Itoa(i), Sealed: []byte("x")}))
			s.Record(storage.Row{ID: strconv.Itoa(i)}, nil)
			assert.NoError(t, s.Close())
		})
	}
	gateways.Wait()
	s := open(t, cfg)
	bots, err := s.Bots(t.Context())
	require.NoError(t, err)
	assert.Len(t, bots, 8)
	awaitRows(t, s, storage.Filter{}, 8)
}

func TestTablesOfANewerVersionAreLeftAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		require.NoError(t, open(t, cfg).SaveBot(t.Context(), storage.Added{Name: "a", Sealed: []byte("b")}))
		execute(t, cfg, `UPDATE {version} SET version = 99`)
		_, err := storage.Open(t.Context(), cfg)
		require.ErrorContains(t, err, "a newer tghook has made it: its tables have version 99, and this tghook knows 1; update tghook")
		assert.Equal(t, 1, count(t, cfg, "bots"))
	})
}

// An upgrade that was cut off has done nothing, because it is one transaction. It is done at the
// next start.
func TestTablesWithoutAVersionAreMade(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s, err := storage.Open(t.Context(), cfg)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		for _, name := range []string{"bots", "paused", "roles", "exchanges", "rows", "state"} {
			execute(t, cfg, `DROP TABLE {`+name+`}`)
		}
		execute(t, cfg, `DELETE FROM {version}`)
		require.NoError(t, open(t, cfg).SetPaused(t.Context(), 7, true))
	})
}

func TestAFolderThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	write := func(name, content string) config.Storage {
		folder := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
		return config.Storage{Path: folder}
	}
	inFile := write("file", "x")
	inFile.Path = filepath.Join(inFile.Path, "file")
	foreign := config.Storage{Path: t.TempDir()}
	execute(t, foreign, `CREATE TABLE cats (name)`)
	for name, c := range map[string]struct {
		cfg  config.Storage
		want string
	}{
		"a file":          {inFile, "storage: storage.path: make the folder: "},
		"no database":     {write("serve.db", strings.Repeat("cats", 1000)), "serve.db: file is not a database"},
		"another program": {foreign, "serve.db: it is a database of another program: set storage.path to another folder"},
		"no queue":        {write("queue.db", strings.Repeat("cats", 1000)), "queue.db: file is not a database"},
	} {
		_, err := storage.Open(t.Context(), c.cfg)
		require.ErrorContains(t, err, c.want, name)
	}
	assert.Equal(t, int64(1), number(t, foreign, `SELECT count(*) FROM sqlite_schema`), "it was not changed")
}

func TestNoErrorHasThePassword(t *testing.T) {
	t.Parallel()
	closed, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := closed.Addr().String()
	require.NoError(t, closed.Close())
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	texts := map[string]string{
		"nobody listens":       "postgres://user:" + password + "@" + address + "/db?sslmode=disable",
		"with a slash":         "postgres://user:x/" + password + "@" + address + "/db",
		"with a hash":          "postgres://user:x#" + password + "@" + address + "/db",
		"with a number":        "postgres://user:1#" + password + "@" + address + "/db",
		"with a percent":       "postgres://user:%zz" + password + "@" + address + "/db",
		"with two @":           "postgres://user:x@" + password + "@" + address + "/db",
		"bad mode":             "postgres://user:" + password + "@" + address + "/db?sslmode=maybe",
		"bad pool":             "postgres://user:" + password + "@" + address + "/db?pool_max_conns=" + password,
		"bad port":             "postgres://user:" + password + "@" + host + ":port/db",
		"bad TLS":              "postgres://user:" + password + "@" + address + "/db?sslrootcert=/absent/" + password,
		"pairs":                "host=" + host + " port=" + port + " user=user password='" + password + "' sslmode=disable",
		"pairs without quotes": "host=" + host + " password=x " + password,
		"an open quote":        "host=" + host + " password='x" + password,
		"not one of either":    password,
	}
	for name, text := range texts {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := storage.Open(ctx, config.Storage{Postgres: text})
		cancel()
		require.Error(t, err, name)
		assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), password, name)
		assert.Contains(t, err.Error(), "storage: ", name)
	}
	_, err = storage.Open(t.Context(), config.Storage{Postgres: texts["with a hash"]})
	require.EqualError(t, err, "storage: storage.postgres: it is no connection string of PostgreSQL. Give a URL, such as postgres://user:password@host/database, or pairs, such as host=db.example user=bot. In a URL, write special characters of the password as %XX, such as %40 for @")
	_, err = storage.Open(t.Context(), config.Storage{Postgres: texts["bad mode"]})
	require.ErrorContains(t, err, "sslmode is invalid")

	cfg := onPostgres(t)
	cfg.Postgres = strings.Replace(cfg.Postgres, password, "wrong-"+password, 1)
	_, err = storage.Open(t.Context(), cfg)
	require.ErrorContains(t, err, "password authentication failed")
	assert.NotContains(t, err.Error(), password)
}

func TestAnOpenThatGetsNoAnswerEnds(t *testing.T) {
	t.Parallel()
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	began := time.Now()
	_, err = storage.Open(ctx, config.Storage{Postgres: "postgres://user@" + silent.Addr().String() + "/db?sslmode=disable&connect_timeout=1"})
	require.Error(t, err)
	assert.Less(t, time.Since(began), 25*time.Second, "it has not waited until its own time was over")
}

// The gateway and its database may start at the same time.
func TestOpenWaitsForADatabaseThatStarts(t *testing.T) {
	t.Parallel()
	server := engine.Postgres(t, engine.PostgresConfig{Password: password})
	server.Kill()
	opened := make(chan error, 1)
	go func() {
		s, err := storage.Open(t.Context(), config.Storage{Postgres: server.URL})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("Open did not wait: %v", err)
	case <-time.After(time.Second):
	}
	require.NoError(t, server.Restart(t.Context()))
	require.NoError(t, <-opened)
}
