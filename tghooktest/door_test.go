package tghooktest_test

import (
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

func TestNetHTTPIsADoor(t *testing.T) {
	t.Parallel()
	var doors sync.WaitGroup
	defer doors.Wait()
	for name, test := range map[string]func(*testing.T){"tcp": testRouter, "unix": testUnixSocket} {
		doors.Go(func() { t.Run(name, test) })
	}
}

func testUnixSocket(t *testing.T) {
	tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		listener, err := new(net.ListenConfig).Listen(tb.Context(), "unix", socket(tb))
		require.NoError(tb, err)
		server := httptest.NewUnstartedServer(w)
		_ = server.Listener.Close()
		server.Listener = listener
		server.Start()
		tb.Cleanup(server.Close)
		return tghooktest.Door{Addr: listener.Addr().String()}
	})
}

// socket returns a path that is short enough for a socket. That of TempDir is not.
func socket(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "door") //nolint:usetesting // see above
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
