//go:build unix

package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
)

// ask sends an inline command, and returns the first line of the answer.
func ask(t *testing.T, s *engine.Server, command string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = fmt.Fprintf(conn, "%s\r\n", command)
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}

func TestRedisKeepsItsDataAndAddressWhenItIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]engine.RedisConfig{
		"everysec": {},
		"always":   {Fsync: "always"},
		"cluster":  {Cluster: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := engine.Redis(t, cfg)
			assert.Equal(t, "redis://"+s.Addr, s.URL)
			require.Equal(t, "+OK", ask(t, s, "SET key value"))
			addr := s.Addr
			s.Kill()
			_, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
			require.Error(t, err)
			require.NoError(t, s.Restart(t.Context()))
			assert.Equal(t, addr, s.Addr)
			assert.Equal(t, ":1", ask(t, s, "EXISTS key"))
		})
	}
}

func TestAPausedRedisAnswersAfterResume(t *testing.T) {
	t.Parallel()
	s := engine.Redis(t, engine.RedisConfig{})
	require.NoError(t, s.Pause())
	answer := make(chan string, 1)
	go func() {
		conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", s.Addr)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprint(conn, "PING\r\n")
		line, _ := bufio.NewReader(conn).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		t.Errorf("a paused server has answered %q", line)
	case <-time.After(100 * time.Millisecond):
	}
	require.NoError(t, s.Resume())
	assert.Equal(t, "+PONG\r\n", <-answer)
}

func TestRedisThatCannotStartSaysWhatItHasWritten(t *testing.T) {
	t.Parallel()
	engine.Redis(t, engine.RedisConfig{}) // skips where it is not installed
	_, err := engine.StartRedis(t.Context(), t.TempDir(), engine.RedisConfig{Args: []string{"--no-such-setting", "1"}})
	require.ErrorContains(t, err, "redis-server on 127.0.0.1:")
	assert.ErrorContains(t, err, "no-such-setting")
}

func TestRedisThatIsNotInstalledIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := engine.StartRedis(t.Context(), t.TempDir(), engine.RedisConfig{})
	require.ErrorIs(t, err, exec.ErrNotFound)
	assert.ErrorContains(t, err, "redis-server is not installed")
}

// While a server is down, a client of another process may get its port.
func TestAServerRestartsWhenItsPortIsFreeAgain(t *testing.T) {
	t.Parallel()
	s := engine.Redis(t, engine.RedisConfig{})
	s.Kill()
	other, err := new(net.ListenConfig).Listen(t.Context(), "tcp", s.Addr)
	require.NoError(t, err)
	time.AfterFunc(500*time.Millisecond, func() { _ = other.Close() })
	require.NoError(t, s.Restart(t.Context()))
	assert.Equal(t, "+PONG", ask(t, s, "PING"))
}
