package thirdparty_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// recommended are the timeouts of a server for a hook: above the ten seconds that a
// body may take and above LateAfter, and above the minute for which Telegram keeps
// an idle connection.
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

// A WriteTimeout that ends before LateAfter loses the answers of slow handlers, and
// neither updates nor replies: Telegram sees a closed connection, of which
// getWebhookInfo tells nothing, and sends again.
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
				server := newMemory(t, hook, func(server *http.Server) { server.WriteTimeout = writeTimeout }).client(t)
				if got := post(t, server, "/telegram", message(1)); !strings.HasPrefix(got, noAnswer) {
					t.Errorf("the update was answered %q, want none", got)
				}
				assert.Equal(t, helloAnswer, post(t, server, "/telegram", message(1)), "its redelivery")
				assert.Equal(t, 1, runs, "runs of the handler")
			})
		})
	}
}

// ReadTimeout bounds the body alone: it ends neither a slow handler nor its answer.
func TestAReadTimeoutBelowLateAfterLetsTheHandlerGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const readTimeout = 2 * time.Second
		finish := make(chan struct{})
		hook := newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			<-finish
			return hello(ctx, u)
		}, firstIsLate(tghook.LateRetry, 4*readTimeout))
		ended := make(chan error, 2) // of the requests' ctx, as they were answered
		server := newMemory(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			hook.ServeHTTP(rw, r)
			ended <- r.Context().Err()
		}), func(server *http.Server) { server.ReadTimeout = readTimeout }).client(t)
		assert.Equal(t, "503 after 2", post(t, server, "/telegram", message(1)), "the late update")
		if err := <-ended; err != nil {
			t.Errorf("the request's ctx ended by %v while its peer was there", err)
		}
		close(finish)
		assert.Equal(t, helloAnswer, post(t, server, "/telegram", message(1)), "its redelivery")
	})
}

func TestABodyThatOutlastsReadTimeoutIsAnswered408(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const readTimeout = 5 * time.Second
		conn := newMemory(t, newHook(t, hello), func(server *http.Server) { server.ReadTimeout = readTimeout }).dial(t)
		start, body := time.Now(), message(1)
		io.WriteString(conn, head(len(body))+body[:len(body)/2])
		res, err := http.ReadResponse(conn.in, nil)
		require.NoError(t, err)
		defer res.Body.Close()
		if took := time.Since(start); res.StatusCode != http.StatusRequestTimeout || took != readTimeout {
			t.Errorf("half a body was answered %s after %v, want 408 after %v", res.Status, took, readTimeout)
		}
	})
}

// Without an IdleTimeout net/http takes ReadTimeout, and closes connections that
// Telegram keeps for a minute.
func TestWithoutIdleTimeoutAReadTimeoutClosesIdleConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const readTimeout, telegrams = 10 * time.Second, time.Minute
		hook := newHook(t, hello)
		kept := newMemory(t, hook, func(server *http.Server) { server.ReadTimeout, server.IdleTimeout = readTimeout, 90*time.Second }).dial(t)
		closed := newMemory(t, hook, func(server *http.Server) { server.ReadTimeout = readTimeout }).dial(t)
		for _, conn := range []*connection{kept, closed} {
			require.Equal(t, http.StatusOK, conn.post(message(1)), "the first update")
		}
		start := time.Now()
		if _, err := closed.in.ReadByte(); err != io.EOF || time.Since(start) != readTimeout {
			t.Errorf("the connection with ReadTimeout alone is not closed after %v: %v after %v", readTimeout, err, time.Since(start))
		}
		time.Sleep(telegrams - readTimeout)
		assert.Equal(t, http.StatusOK, kept.post(message(2)), "the next update on the connection with IdleTimeout")
	})
}

// A memory is a server on connections in memory, for a bubble.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newMemory(t *testing.T, h http.Handler, change func(*http.Server)) *memory {
	t.Helper()
	m := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h}
	change(server)
	go server.Serve(m)
	t.Cleanup(func() {
		server.Close()
		time.Sleep(time.Second) // net/http lingers before it closes a connection
	})
	return m
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.conns:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

func (*memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }

// dial opens a connection to m.
func (m *memory) dial(t *testing.T) *connection {
	t.Helper()
	ours, theirs := net.Pipe()
	m.conns <- theirs
	t.Cleanup(func() { ours.Close() })
	return &connection{ours, bufio.NewReader(ours)}
}

// client is a Transport that sends everything to m.
func (m *memory) client(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return m.dial(t).Conn, nil }}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// connection is one to a server, for what a Transport hides.
type connection struct {
	net.Conn

	in *bufio.Reader
}

// post returns the status of an update's answer, or 0.
func (c *connection) post(body string) int {
	io.WriteString(c, head(len(body))+body)
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

func head(length int) string {
	return "POST /telegram HTTP/1.1\r\nHost: bot.example.org\r\n" + secretHeader + ": " + secret +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(length) + "\r\nConnection: keep-alive\r\n\r\n"
}
