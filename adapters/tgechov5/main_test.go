package tgechov5_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgechov5"
)

const (
	secret = "hook-secret_0123456789"
	path   = "/telegram"
)

// A bot is a webhook that keeps a record of what it did.
type bot struct {
	*tghook.Webhook

	t    *testing.T
	runs atomic.Int64
	mu   sync.Mutex
	seen []tghook.Delivery
}

func newBot(t *testing.T, h tghook.HandlerFunc, changes ...func(*tghook.Config)) *bot {
	t.Helper()
	b := &bot{t: t}
	cfg := tghook.Config{Secret: secret}
	cfg.Dispatch.Observe = func(_ context.Context, v tghook.Delivery) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen = append(b.seen, v)
	}
	for _, change := range changes {
		change(&cfg)
	}
	w, err := tghook.New(tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		b.runs.Add(1)
		return h(ctx, u)
	}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Webhook = w
	return b
}

// only is the one thing that Observe was told.
func (b *bot) only() tghook.Delivery {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.seen) != 1 {
		b.t.Fatalf("Observe was told %d times, want once: %+v", len(b.seen), b.seen)
	}
	return b.seen[0]
}

func (b *bot) ran(times int64) {
	b.t.Helper()
	if n := b.runs.Load(); n != times {
		b.t.Errorf("the handler ran %d times, want %d", n, times)
	}
}

// idle is a handler that has nothing to say.
func idle(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// greet is a handler that answers with the text of greeting.
func greet(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "hello"}}, nil
}

func greeting(chat int64) string {
	return fmt.Sprintf(`{"method":"sendMessage","chat_id":%d,"text":"hello"}`, chat)
}

// quiet is an Echo without a log.
func quiet(middleware ...echo.MiddlewareFunc) *echo.Echo {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	e.Use(middleware...)
	return e
}

// mounted is an Echo with w at path, for all methods.
func mounted(w *tghook.Webhook, middleware ...echo.MiddlewareFunc) *echo.Echo {
	e := quiet(middleware...)
	e.Any(path, tgechov5.Handler(w))
	return e
}

// message is the body of an update with a chat of its own.
func message(id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"chat\":{\"id\":%d,\"type\":\"private\"},\"text\":\"hi\"}}", id, 1000+id)
}

// sized is the body of a message of exactly n bytes.
func sized(n int) string {
	head, tail := `{"update_id":7,"message":{"chat":{"id":1},"text":"`, `"}}`
	return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
}

// delivery is a request as Telegram sends it.
func delivery(to, body string) string {
	return head(to) + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// inChunks is a delivery whose length its head does not tell.
func inChunks(body string) string {
	var raw strings.Builder
	raw.WriteString(head(path) + "Transfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := min(len(body), 100)
		fmt.Fprintf(&raw, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	raw.WriteString("0\r\n\r\n")
	return raw.String()
}

func head(to string) string {
	return "POST " + to + " HTTP/1.1\r\nHost: bot.example.org\r\nX-Telegram-Bot-Api-Secret-Token: " + secret +
		"\r\nContent-Type: application/json\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n"
}

// An answer is a response that was read to its end, as it was on the wire.
type answer struct {
	*http.Response

	body string
}

func read(conn net.Conn) (answer, error) {
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodPost})
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return answer{res, string(body)}, err
}

// try sends raw to a real server with h.
func try(t *testing.T, h http.Handler, raw string) (answer, error) {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	return read(conn)
}

func ask(t *testing.T, h http.Handler, raw string) answer {
	t.Helper()
	a, err := try(t, h, raw)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// is checks status and body; the empty one has its Content-Length.
func (a answer) is(t *testing.T, status int, body string) {
	t.Helper()
	if a.StatusCode != status || a.body != body {
		t.Errorf("got %d %q, want %d %q", a.StatusCode, a.body, status, body)
	}
	if a.ContentLength != int64(len(body)) {
		t.Errorf("got Content-Length %d, want %d", a.ContentLength, len(body))
	}
}

// connect serves e with Echo's own server on one connection in memory, for a
// bubble.
func connect(t *testing.T, e *echo.Echo, configure func(*http.Server)) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	listener := &pipes{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	listener.conns <- theirs
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- echo.StartConfig{
			Listener: listener, HideBanner: true, HidePort: true,
			BeforeServeFunc: func(s *http.Server) error { configure(s); return nil },
		}.Start(ctx, e)
	}()
	t.Cleanup(func() {
		_ = ours.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return ours
}

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }
