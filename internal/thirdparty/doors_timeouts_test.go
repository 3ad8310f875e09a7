package thirdparty_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

// recommended sets the timeouts of a server for a hook. They are longer than the ten
// seconds that a body may take, than LateAfter, and than the minute for which Telegram
// keeps an idle connection.
func recommended(server *http.Server) {
	server.ReadHeaderTimeout = 10 * time.Second
	server.WriteTimeout = 15 * time.Second
	server.IdleTimeout = 90 * time.Second
}

func TestTheRecommendedServerIsADoor(t *testing.T) {
	t.Parallel()
	tghooktest.TestDoor(t, func(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		return tghooktest.Door{Addr: serve(tb, hook, recommended)}
	})
}

// A WriteTimeout that ends before LateAfter loses the answers of slow handlers. It loses
// no updates and no replies: Telegram sees a closed connection, which getWebhookInfo does
// not mention, and sends the update again.
func TestAWriteTimeoutBelowLateAfterLosesAnswersOnly(t *testing.T) {
	t.Parallel()
	const writeTimeout, handling = 5 * time.Second, 12 * time.Second
	for name, lateAfter := range map[string]time.Duration{"a late handler": 8 * time.Second, "a slow one": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				hook := newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					runs++
					time.Sleep(handling)
					return hello(ctx, u)
				}, firstIsLate(tghook.LateRetry, lateAfter))
				server := inMemory(t, newMemory(t, hook, func(server *http.Server) { server.WriteTimeout = writeTimeout }))
				assert.Contains(t, post(t, server, "/telegram", doortest.Message(1)), noAnswer, "the update")
				assert.Equal(t, helloAnswer, post(t, server, "/telegram", doortest.Message(1)), "its redelivery")
				assert.Equal(t, 1, runs, "runs of the handler")
			})
		})
	}
}

// ReadTimeout limits only the body: it does not end a slow handler, or lose its answer.
func TestAReadTimeoutBelowLateAfterLetsTheHandlerGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const readTimeout = 2 * time.Second
		finish := make(chan struct{})
		hook := newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			<-finish
			return hello(ctx, u)
		}, firstIsLate(tghook.LateRetry, 4*readTimeout))
		ended := make(chan error, 2) // the state of the requests' contexts once they were answered
		server := inMemory(t, newMemory(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			hook.ServeHTTP(rw, r)
			ended <- r.Context().Err()
		}), func(server *http.Server) { server.ReadTimeout = readTimeout }))
		assert.Equal(t, "503 after 2", post(t, server, "/telegram", doortest.Message(1)), "the late update")
		require.NoError(t, <-ended, "the request's context ended while its peer was there")
		close(finish)
		assert.Equal(t, helloAnswer, post(t, server, "/telegram", doortest.Message(1)), "its redelivery")
	})
}

func TestABodyThatOutlastsReadTimeoutIsAnswered408(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const readTimeout = 5 * time.Second
		conn := newMemory(t, newHook(t, hello), func(server *http.Server) { server.ReadTimeout = readTimeout }).Dial(t)
		start, raw := time.Now(), doortest.Delivery(doortest.Message(1))
		conn.Send(raw[:len(raw)-len(doortest.Message(1))/2])
		assert.Equal(t, "408 close", conn.Answer(), "the answer to half a body")
		assert.Equal(t, readTimeout, time.Since(start))
	})
}

// Without an IdleTimeout, net/http uses ReadTimeout in its place, and closes connections
// that Telegram keeps for a minute.
func TestWithoutIdleTimeoutAReadTimeoutClosesIdleConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const readTimeout, telegrams = 10 * time.Second, time.Minute
		hook := newHook(t, hello)
		kept := newMemory(t, hook, func(server *http.Server) { server.ReadTimeout, server.IdleTimeout = readTimeout, 90*time.Second }).Dial(t)
		closed := newMemory(t, hook, func(server *http.Server) { server.ReadTimeout = readTimeout }).Dial(t)
		for _, conn := range []*doortest.Conn{kept, closed} {
			require.Equal(t, helloAnswer, conn.Ask(doortest.Delivery(doortest.Message(1))))
		}
		start := time.Now()
		closed.Ended()
		assert.Equal(t, readTimeout, time.Since(start), "the end of the connection with ReadTimeout alone")
		time.Sleep(telegrams - readTimeout)
		assert.Equal(t, helloAnswer, kept.Ask(doortest.Delivery(doortest.Message(2))), "on the connection with IdleTimeout")
	})
}

// newMemory serves h on connections in memory, for a bubble.
func newMemory(t *testing.T, h http.Handler, change func(*http.Server)) *doortest.Memory {
	t.Helper()
	m := doortest.NewMemory()
	server := &http.Server{Handler: h}
	change(server)
	go server.Serve(m)
	t.Cleanup(func() {
		server.Close()
		time.Sleep(time.Second) // net/http lingers before it closes a connection
	})
	return m
}

// inMemory returns a Transport that sends everything to m.
func inMemory(t *testing.T, m *doortest.Memory) *http.Transport {
	t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return m.Dial(t).Conn, nil }}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}
