//go:build unix

package engine_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
)

// Erlang starts a port mapper that outlives its nodes.
func TestRabbitMQLeavesNoProcess(t *testing.T) {
	t.Setenv("TGHOOK_ENGINE_TEST", t.Name())
	s := engine.RabbitMQ(t)
	assert.Equal(t, "amqp://guest:guest@"+s.Addr+"/", s.URL)
	require.NoError(t, s.Restart(t.Context()))
	mappers := portMappers(t)
	require.Len(t, mappers, 1)
	require.NoError(t, s.Close())
	require.Eventually(t, func() bool { return len(portMappers(t)) == 0 }, time.Minute, 10*time.Millisecond)
	_, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr)
	require.Error(t, err)
}

// portMappers returns the processes of this test that are port mappers.
func portMappers(t *testing.T) (files []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	for _, file := range all {
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "comm"))
		environ, _ := os.ReadFile(file)
		if strings.TrimSpace(string(command)) == "epmd" && strings.Contains(string(environ), "TGHOOK_ENGINE_TEST="+t.Name()) {
			files = append(files, file)
		}
	}
	return files
}
