package doctor

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A webhook may take long for each request. Ctrl-C ends all of them, and those that would
// follow.
func TestAnInterruptEndsAllRequests(t *testing.T) {
	t.Parallel()
	for name, busy := range map[string]int32{"the second update": 2, "half of an update": 6, "many updates": 12} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancel(t.Context())
			var requests atomic.Int32
			release := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if requests.Add(1) >= busy {
					interrupt()
					<-release
				}
			}))
			t.Cleanup(server.Close)
			t.Cleanup(func() { close(release) }) // before Close, which waits for the requests
			done := make(chan error, 1)
			go func() {
				_, err := Examine(ctx, Config{URL: server.URL, Local: true})
				done <- err
			}()
			select {
			case err := <-done:
				require.ErrorIs(t, err, context.Canceled)
			case <-time.After(time.Minute):
				t.Fatal("Examine has not ended")
			}
		})
	}
}
