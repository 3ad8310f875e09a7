package tgfiberv3_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgfiberv3"
)

const (
	secret = "hook-secret_0123456789"
	path   = "/telegram"
)

// A bot is a webhook that keeps a record of what it did.
type bot struct {
	*tghook.Webhook

	tb   testing.TB
	mu   sync.Mutex
	runs []int64
	seen []tghook.Delivery
}

func newBot(tb testing.TB, h tghook.HandlerFunc, changes ...func(*tghook.Config)) *bot {
	tb.Helper()
	b := &bot{tb: tb}
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
		b.mu.Lock()
		b.runs = append(b.runs, u.ID)
		b.mu.Unlock()
		return h(ctx, u)
	}), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	b.Webhook = w
	return b
}

// ran checks for which updates the handler was started.
func (b *bot) ran(want ...int64) {
	b.tb.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.runs, want) {
		b.tb.Errorf("the handler ran for the updates %d, want %d", b.runs, want)
	}
}

// told is what Observe was told so far.
func (b *bot) told() []tghook.Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen)
}

// mounted is an app with w at path, for all methods.
func mounted(cfg fiber.Config, w *tghook.Webhook, middleware ...fiber.Handler) *fiber.App {
	app := fiber.New(cfg)
	for _, m := range middleware {
		app.Use(m)
	}
	app.All(path, tgfiberv3.Handler(w))
	return app
}

// listen has app serve a port of its own until the test ends.
func listen(tb testing.TB, app *fiber.App) (addr string) {
	tb.Helper()
	return listenAt(tb, app, "tcp", "127.0.0.1:0")
}

func listenAt(tb testing.TB, app *fiber.App, network, address string) (addr string) {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), network, address)
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener, fiber.ListenConfig{DisableStartupMessage: true}) }()
	tb.Cleanup(func() { // not by Shutdown, which looks but ten times a second
		_ = listener.Close()
		if err := await(tb, served, "the end of the server"); err != nil {
			tb.Error(err)
		}
	})
	return listener.Addr().String()
}

// patience is how long a test waits for what must happen, and would at once.
const patience = 30 * time.Second

// await waits for what is to happen.
func await[T any](tb testing.TB, happens <-chan T, what string) T {
	tb.Helper()
	select {
	case v := <-happens:
		return v
	case <-time.After(patience):
		tb.Fatalf("waited %v for %s", patience, what)
		panic("unreachable")
	}
}

// A wire is a connection to an app.
type wire struct {
	net.Conn

	tb testing.TB
	in *bufio.Reader
}

func dial(tb testing.TB, addr string) *wire {
	tb.Helper()
	return dialFrom(tb, "127.0.0.1", addr)
}

func dialFrom(tb testing.TB, from, addr string) *wire {
	tb.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(tb.Context(), "tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	w := newWire(tb, conn)
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		tb.Fatal(err)
	}
	return w
}

func newWire(tb testing.TB, conn net.Conn) *wire {
	tb.Helper()
	tb.Cleanup(func() { _ = conn.Close() })
	return &wire{conn, tb, bufio.NewReader(conn)}
}

// ask sends raw and returns the answer to it, such as `200 application/json {...}`:
// status, headers, whether the connection is to be closed, and the body.
func (w *wire) ask(raw string) string {
	w.tb.Helper()
	w.send(raw)
	return w.answer()
}

func (w *wire) send(raw string) {
	w.tb.Helper()
	if _, err := io.WriteString(w, raw); err != nil {
		w.tb.Fatal(err)
	}
}

func (w *wire) answer() string {
	w.tb.Helper()
	res := w.read()
	words := []string{res.status}
	for _, name := range []string{"Content-Type", "Retry-After", "Allow"} {
		words = append(words, res.header.Values(name)...)
		res.header.Del(name)
	}
	if len(res.header) > 0 {
		words = append(words, fmt.Sprint(res.header))
	}
	if res.close {
		words = append(words, "close")
	}
	if res.body != "" {
		words = append(words, res.body)
	}
	return strings.Join(words, " ")
}

// A response is what has come, but Date and Content-Length.
type response struct {
	status string
	header http.Header
	close  bool
	body   string
}

func (w *wire) read() response {
	w.tb.Helper()
	res, err := http.ReadResponse(w.in, &http.Request{Method: http.MethodPost})
	if err != nil {
		w.tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.tb.Fatal(err)
	}
	if res.ContentLength != int64(len(body)) {
		w.tb.Errorf("Content-Length is %d, the body has %d bytes", res.ContentLength, len(body))
	}
	res.Header.Del("Date")
	res.Header.Del("Content-Length")
	return response{res.Status[:3], res.Header, res.Close, string(body)}
}

// ended checks that nothing more comes.
func (w *wire) ended() {
	w.tb.Helper()
	if rest, _ := io.ReadAll(w.in); len(rest) > 0 {
		w.tb.Errorf("after the answer came %q", rest)
	}
}

// is compares an answer.
func is(tb testing.TB, got, want string) {
	tb.Helper()
	if got != want {
		tb.Errorf("answered %.300s, want %.300s", got, want)
	}
}

// message is the body of an update with a chat of its own.
func message(id int64) string { return saying(id, "hi") }

// saying is a message with a text, which is no more than JSON needs not escape.
func saying(id int64, text string) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"chat\":{\"id\":%d,\"type\":\"private\"},\"text\":\"%s\"}}", id, 1000+id, text)
}

// sized is a message of exactly n bytes.
func sized(id int64, n int) string {
	return saying(id, strings.Repeat("x", n-len(saying(id, ""))))
}

// delivery is a request as Telegram sends it.
func delivery(body string) string {
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

const head = "POST " + path + " HTTP/1.1\r\nHost: bot.example.org\r\nX-Telegram-Bot-Api-Secret-Token: " + secret +
	"\r\nContent-Type: application/json\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n"

// chunked is a delivery whose length its head does not tell.
func chunked(body, trailers string) string {
	return fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n%s\r\n", head, len(body), body, trailers)
}

// swap is a delivery of a message, changed.
func swap(id int64, old, text string) string {
	return strings.Replace(delivery(message(id)), old, text, 1)
}

// idle is a handler that has nothing to say.
func idle(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// echo is a handler that answers with the update, and echoed what that is.
func echo(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": string(u.Raw)}}, nil
}

func echoed(body string) string {
	return "200 application/json " + echoedBody(body)
}

func echoedBody(body string) string {
	return fmt.Sprintf(`{"method":"sendMessage","text":%q}`, body)
}

// failing is a handler that fails.
func failing(err error) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, err }
}
