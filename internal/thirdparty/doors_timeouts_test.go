package thirdparty_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

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
	const writeTimeout = 100 * time.Millisecond
	for name, lateAfter := range map[string]time.Duration{"a late handler": 2 * writeTimeout, "a slow one": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runs := make(chan struct{}, 2)
			hook := newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				runs <- struct{}{}
				<-time.After(3 * writeTimeout)
				return hello(ctx, u)
			}, firstIsLate(tghook.LateRetry, lateAfter))
			addr := serve(t, hook, func(server *http.Server) { server.WriteTimeout = writeTimeout })
			if got := post(t, client(t, "tcp", addr), "/telegram", message(1)); !strings.HasPrefix(got, noAnswer) {
				t.Errorf("the update was answered %q, want none", got)
			}
			if got := post(t, client(t, "tcp", addr), "/telegram", message(1)); got != helloAnswer {
				t.Errorf("its redelivery was answered %q, want %q", got, helloAnswer)
			}
			if len(runs) != 1 {
				t.Errorf("the handler ran %d times, want once", len(runs))
			}
		})
	}
}

// ReadTimeout bounds the body alone: it ends neither a slow handler nor its answer.
func TestAReadTimeoutBelowLateAfterLetsTheHandlerGoOn(t *testing.T) {
	t.Parallel()
	const readTimeout = 50 * time.Millisecond
	finish := make(chan struct{})
	hook := newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		<-finish
		return hello(ctx, u)
	}, firstIsLate(tghook.LateRetry, 4*readTimeout))
	ended := make(chan error, 2) // of the requests' ctx, as they were answered
	addr := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		hook.ServeHTTP(rw, r)
		ended <- r.Context().Err()
	}), func(server *http.Server) { server.ReadTimeout = readTimeout })
	if got := post(t, client(t, "tcp", addr), "/telegram", message(1)); got != "503 after 2" {
		t.Errorf("the late update was answered %q, want 503 after 2", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("the request's ctx ended by %v while its peer was there", err)
	}
	close(finish)
	if got := post(t, client(t, "tcp", addr), "/telegram", message(1)); got != helloAnswer {
		t.Errorf("its redelivery was answered %q, want %q", got, helloAnswer)
	}
}

func TestABodyThatOutlastsReadTimeoutIsAnswered408(t *testing.T) {
	t.Parallel()
	addr := serve(t, newHook(t, hello), func(server *http.Server) { server.ReadTimeout = 100 * time.Millisecond })
	conn := dial(t, addr)
	body := message(1)
	io.WriteString(conn, head(len(body))+body[:len(body)/2])
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusRequestTimeout {
		t.Errorf("half a body was answered %s, want 408", res.Status)
	}
}

// Without an IdleTimeout net/http takes ReadTimeout, and closes connections that
// Telegram keeps for a minute.
func TestWithoutIdleTimeoutAReadTimeoutClosesIdleConnections(t *testing.T) {
	t.Parallel()
	const readTimeout = 100 * time.Millisecond
	hook := newHook(t, hello)
	kept := dial(t, serve(t, hook, func(server *http.Server) { server.ReadTimeout, server.IdleTimeout = readTimeout, time.Minute }))
	closed := dial(t, serve(t, hook, func(server *http.Server) { server.ReadTimeout = readTimeout }))
	for _, conn := range []*connection{kept, closed} {
		if got := conn.post(message(1)); got != http.StatusOK {
			t.Fatalf("the first update was answered %d, want 200", got)
		}
	}
	if _, err := closed.in.ReadByte(); err != io.EOF {
		t.Errorf("the connection with ReadTimeout alone is not closed: %v", err)
	}
	if got := kept.post(message(2)); got != http.StatusOK {
		t.Errorf("on the connection with IdleTimeout the next update was answered %d, want 200", got)
	}
}

// connection is one to a server, for what a Transport hides.
type connection struct {
	net.Conn

	in *bufio.Reader
}

func dial(t *testing.T, addr string) *connection {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &connection{conn, bufio.NewReader(conn)}
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
