//go:build unix

package engine_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
)

// query runs a statement by psql, and returns what it prints.
func query(t *testing.T, s *engine.Server, statement string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "psql", "-XAtq", "-c", statement, s.URL).CombinedOutput()
	require.NoError(t, err, "%s", output)
	return string(output)
}

func TestPostgresKeepsItsDataAndAddressWhenItIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	s := engine.Postgres(t, engine.PostgresConfig{Password: "secret", Args: []string{"-c", "max_connections=7"}})
	assert.Equal(t, "postgres://postgres:secret@"+s.Addr+"/postgres?sslmode=disable", s.URL)
	assert.Equal(t, "7\n", query(t, s, "show max_connections"))
	query(t, s, "create table words (word text); insert into words values ('kept')")
	url := s.URL
	busy := exec.CommandContext(t.Context(), "psql", "-X", "-c", "select pg_sleep(100)", s.URL)
	require.NoError(t, busy.Start())
	for query(t, s, "select count(*) from pg_stat_activity where wait_event = 'PgSleep'") != "1\n" {
		time.Sleep(time.Millisecond)
	}
	s.Kill()
	require.Error(t, busy.Wait(), "the connection was not cut")
	_, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr)
	require.Error(t, err)
	require.NoError(t, s.Restart(t.Context()))
	assert.Equal(t, url, s.URL)
	assert.Equal(t, "kept\n", query(t, s, "select word from words"))

	require.NoError(t, s.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.Error(t, exec.CommandContext(ctx, "psql", "-X", "-c", "select", s.URL).Run(), "a paused server has answered")
	require.NoError(t, s.Resume())
	assert.Equal(t, "kept\n", query(t, s, "select word from words"))
}

func TestPostgresThatCannotStartSaysWhatItHasWritten(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "engine") //nolint:usetesting // other users cannot enter the parent of t.TempDir
	require.NoError(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	_, err = engine.StartPostgres(t.Context(), dir, engine.PostgresConfig{Args: []string{"-c", "no_such_setting=1"}})
	engine.LeaveOut(t, err)
	require.ErrorContains(t, err, "postgres on 127.0.0.1:")
	require.ErrorContains(t, err, "no_such_setting")

	_, err = engine.StartPostgres(t.Context(), dir, engine.PostgresConfig{})
	require.ErrorContains(t, err, "initdb")
	assert.ErrorContains(t, err, "not empty")
}
