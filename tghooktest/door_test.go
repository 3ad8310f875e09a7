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
	for network, address := range map[string]func(testing.TB) string{
		"tcp":  func(testing.TB) string { return "127.0.0.1:0" },
		"unix": socket,
	} {
		doors.Go(func() {
			t.Run(network, func(t *testing.T) {
				tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
					tb.Helper()
					listener, err := new(net.ListenConfig).Listen(tb.Context(), network, address(tb))
					require.NoError(tb, err)
					server := httptest.NewUnstartedServer(w)
					_ = server.Listener.Close()
					server.Listener = listener
					server.Start()
					tb.Cleanup(server.Close)
					return tghooktest.Door{Addr: listener.Addr().String()}
				})
			})
		})
	}
}

// socket is a path short enough for a socket, unlike that of TempDir.
func socket(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "door") //nolint:usetesting // see above
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
