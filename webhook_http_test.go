package tghook_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// wire is a client's end of a connection on which one request at a time is made.
type wire struct {
	t    *testing.T
	conn net.Conn
	seen bytes.Buffer // what was received
	in   *bufio.Reader
}

func newWire(t *testing.T, conn net.Conn) *wire {
	t.Helper()
	c := &wire{t: t, conn: conn}
	c.in = bufio.NewReader(io.TeeReader(conn, &c.seen))
	return c
}

func (c *wire) send(raw []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(raw); err != nil {
		c.t.Fatal(err)
	}
}

// heard is what matters of a response besides its bytes.
type heard struct {
	status           int
	Close            bool
	ContentLength    int64
	TransferEncoding []string
}

// read reads one response to its end.
func (c *wire) read() heard {
	c.t.Helper()
	c.seen.Reset()
	res, err := http.ReadResponse(c.in, &http.Request{Method: http.MethodPost})
	require.NoErrorf(c.t, err, "%v after %q", err, c.seen.Bytes())
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		c.t.Fatalf("%v after %q", err, c.seen.Bytes())
	}
	return heard{res.StatusCode, res.Close, res.ContentLength, res.TransferEncoding}
}

var dateLine = regexp.MustCompile(`Date: [^\r]*\r\n`)

// bytes are those of the response that was read, without its Date.
func (c *wire) bytes() string { return dateLine.ReplaceAllString(c.seen.String(), "") }

func (c *wire) readEOF() {
	c.t.Helper()
	if n, err := c.in.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		c.t.Errorf("got %d bytes and %v, want the end of the connection", n, err)
	}
}

// dialHook serves h on a real listener and connects to it.
func dialHook(t *testing.T, h http.Handler) *wire {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(rig.InTime)))
	return newWire(t, conn)
}

// rawPost is a request with the headers that Telegram sends, in its case and
// order: no User-Agent, no Accept.
func rawPost(secret string, body []byte) []byte {
	raw := []byte("POST /hook HTTP/1.1\r\nHost: bot.example.org:8443\r\n")
	if secret != "" {
		raw = append(raw, "X-Telegram-Bot-Api-Secret-Token: "+secret+"\r\n"...)
	}
	raw = append(raw, "Content-Type: application/json\r\nContent-Length: "+strconv.Itoa(len(body))+
		"\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n"...)
	return append(raw, body...)
}

// replying is a handler with one answer to everything.
func replying(reply tghook.Reply, err error) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) { return reply, err }
}

func TestResponsesAreTheseBytesOnTheWire(t *testing.T) {
	t.Parallel()
	update := textFrom(1, 1)
	good := rawPost(rig.HookSecret, update)
	swap := func(old, text string) []byte { return bytes.Replace(good, []byte(old), []byte(text), 1) }
	fail := errors.New("no")
	const empty = "Content-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name string
		h    tghook.HandlerFunc
		raw  []byte
		want string
	}{
		{"no reply", idle, good, "HTTP/1.1 200 OK\r\n" + empty},
		{
			"a JSON reply", replying(tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": "<b>\u00e9</b>", "chat_id": 42}}, nil), good,
			"HTTP/1.1 200 OK\r\nContent-Length: 76\r\nContent-Type: application/json\r\n\r\n" +
				`{"method":"sendMessage","chat_id":42,"text":"\u003cb\u003e` + "\u00e9" + `\u003c/b\u003e"}`,
		},
		{"a reply without parameters", replying(tghook.Reply{Method: "leaveChat"}, nil), good, "HTTP/1.1 200 OK\r\nContent-Length: 22\r\nContent-Type: application/json\r\n\r\n" + `{"method":"leaveChat"}`},
		{"a dead letter", replying(tghook.NoReply, tghook.Drop(fail)), good, "HTTP/1.1 200 OK\r\n" + empty},
		{"an error", replying(tghook.NoReply, fail), good, "HTTP/1.1 500 Internal Server Error\r\n" + empty},
		{"an error beside a reply", replying(tghook.Reply{Method: "sendMessage"}, fail), good, "HTTP/1.1 500 Internal Server Error\r\n" + empty},
		{"RetryAfter", replying(tghook.NoReply, tghook.RetryAfter(90*time.Second, fail)), good, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 90\r\n" + empty},
		{"RetryAfter of a fraction", replying(tghook.NoReply, tghook.RetryAfter(1100*time.Millisecond, fail)), good, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n" + empty},
		{"RetryAfter of nothing", replying(tghook.NoReply, tghook.RetryAfter(0, fail)), good, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n" + empty},
		{"RetryAfter of a day", replying(tghook.NoReply, tghook.RetryAfter(24*time.Hour, fail)), good, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3600\r\n" + empty},
		{"wrong secret", forbidden(t), swap(rig.HookSecret, "wrong"), "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n" + empty},
		{"no secret", forbidden(t), rawPost("", update), "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n" + empty},
		{"doubled secret", forbidden(t), swap("X-Telegram", "X-Telegram-Bot-Api-Secret-Token: "+rig.HookSecret+"\r\nX-Telegram"), "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n" + empty},
		{"GET", forbidden(t), []byte("GET /hook HTTP/1.1\r\nHost: bot.example.org\r\n\r\n"), "HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\n" + empty},
		{"PUT with a body", forbidden(t), swap("POST", "PUT"), "HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\n" + empty},
		{"body too large", forbidden(t), rawPost(rig.HookSecret, sized(64<<10+1)), "HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\n" + empty},
		{"wrong type", forbidden(t), swap("application/json", "text/xml"), "HTTP/1.1 415 Unsupported Media Type\r\n" + empty},
		{"encoded body", forbidden(t), swap("Accept-Encoding: gzip, deflate", "Content-Encoding: gzip"), "HTTP/1.1 415 Unsupported Media Type\r\n" + empty},
		{"malformed", forbidden(t), rawPost(rig.HookSecret, []byte(`{"update_id":1,`)), "HTTP/1.1 400 Bad Request\r\n" + empty},
		{"no kind", forbidden(t), rawPost(rig.HookSecret, []byte(`{"update_id":1}`)), "HTTP/1.1 200 OK\r\n" + empty},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, _ := hookFor(t, c.h, func(cfg *tghook.Config) {
				cfg.MaxBody = 64 << 10
				cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error { return nil }
			})
			hook := dialHook(t, w)
			hook.send(c.raw)
			hook.read()
			if got := hook.bytes(); got != c.want {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
			if strings.Contains(c.want, "Connection: close") {
				hook.readEOF()
				return
			}
			hook.send(rawPost(rig.HookSecret, []byte(`{"update_id":2}`))) // the connection serves on
			hook.read()
			if got, want := hook.bytes(), "HTTP/1.1 200 OK\r\n"+empty; got != want {
				t.Errorf("the next answer on the connection is %q, want %q", got, want)
			}
		})
	}
}

func TestHeadIs405WithoutABody(t *testing.T) {
	t.Parallel()
	w, _ := hookFor(t, forbidden(t))
	hook := dialHook(t, w)
	hook.send([]byte("HEAD /hook HTTP/1.1\r\nHost: bot.example.org\r\nConnection: close\r\n\r\n"))
	raw, err := io.ReadAll(hook.in)
	if err != nil || !strings.HasPrefix(string(raw), "HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\n") || !strings.HasSuffix(string(raw), "\r\n\r\n") {
		t.Errorf("got %q and %v", raw, err)
	}
}

func TestExactlyTelegramsHeadersAreAccepted(t *testing.T) {
	t.Parallel()
	update := "{\"update_id\":7,\n\"message\":{\"message_id\":1,\"date\":0,\"chat\":{\"id\":1,\"type\":\"private\"}}}"
	hook := dialHook(t, accepting(t, update))
	hook.send([]byte("POST /hook?bot=1 HTTP/1.1\r\nHost: bot.example.org:8443\r\nX-Telegram-Bot-Api-Secret-Token: " + rig.HookSecret +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(update)) +
		"\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n" + update))
	assert.Equal(t, 200, hook.read().status)
}

// accepting is a Webhook that takes the one update only.
func accepting(t *testing.T, update string) *tghook.Webhook {
	t.Helper()
	w, _ := hookFor(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		assert.Equal(t, update, string(u.Raw), "the handler")
		return tghook.NoReply, nil
	})
	return w
}

func TestHeaderNamesMayBeInAnyLetterCase(t *testing.T) {
	t.Parallel()
	for _, change := range []func(string) string{strings.ToLower, strings.ToUpper} {
		head, body, _ := strings.Cut(string(rawPost(rig.HookSecret, textFrom(1, 1))), "\r\n\r\n")
		lines := strings.Split(head, "\r\n")
		for i, line := range lines[1:] {
			name, value, _ := strings.Cut(line, ":")
			lines[i+1] = change(name) + ":" + value
		}
		hook := dialHook(t, accepting(t, body))
		hook.send([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body))
		assert.Equal(t, 200, hook.read().status, lines[2])
	}
}

func TestAChunkedBodyHasTheSameLimit(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	chunked := func(body []byte) []byte {
		raw := bytes.Replace(rawPost(rig.HookSecret, nil), []byte("Content-Length: 0"), []byte("Transfer-Encoding: chunked"), 1)
		for len(body) > 0 {
			n := min(len(body), 10_000)
			raw = fmt.Appendf(raw, "%x\r\n%s\r\n", n, body[:n])
			body = body[n:]
		}
		return append(raw, "0\r\n\r\n"...)
	}
	for size, want := range map[int]int{most - 1: 200, most: 200, most + 1: 413} {
		w, _ := hookFor(t, idle, func(cfg *tghook.Config) { cfg.MaxBody = most })
		for name, raw := range map[string][]byte{"chunked": chunked(sized(size)), "with a length": rawPost(rig.HookSecret, sized(size))} {
			hook := dialHook(t, w)
			hook.send(raw)
			if res := hook.read(); res.status != want || res.Close != (want == 413) {
				t.Errorf("%d bytes, %s: got %d, Connection: close %v, want %d", size, name, res.status, res.Close, want)
			}
		}
	}
}

func TestOneConnectionServesManyUpdates(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	w, _ := hookFor(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID%2 == 0 {
			return tghook.NoReply, nil
		}
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID}}, nil
	})
	server := httptest.NewUnstartedServer(w)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	hook := newWire(t, conn)
	for id := range int64(9) {
		hook.send(rawPost(rig.HookSecret, textFrom(id, 1000+id)))
		want := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
		if id%2 == 1 {
			want = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 39\r\nContent-Type: application/json\r\n\r\n"+`{"method":"sendMessage","chat_id":%d}`, 1000+id)
		}
		hook.read()
		assert.Equalf(t, want, hook.bytes(), "update %d", id)
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections were opened, want one", n)
	}
}

// Telegram takes a body that ends with the connection for an empty one.
func TestALongReplyHasAContentLengthAndIsNotChunked(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1 << 10, 3 << 10, 70 << 10, 1000 << 10} {
		text := strings.Repeat("y", n)
		w, _ := hookFor(t, replying(tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": text}}, nil))
		hook := dialHook(t, w)
		hook.send(rawPost(rig.HookSecret, textFrom(1, 1)))
		res := hook.read()
		body := `{"method":"sendMessage","text":"` + text + `"}`
		want := "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nContent-Type: application/json\r\n\r\n" + body
		assert.Equalf(t, want, hook.bytes(), "%d bytes of text", n)
		if res.ContentLength != int64(len(body)) || len(res.TransferEncoding) > 0 {
			t.Errorf("%d bytes of text: Content-Length %d, Transfer-Encoding %q, want %d and none", n, res.ContentLength, res.TransferEncoding, len(body))
		}
	}
}

func TestErrAbortHandlerLeavesServeHTTPAndIs500FromServe(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int64
	h := func(context.Context, *tghook.Update) (tghook.Reply, error) {
		attempts.Add(1)
		panic(http.ErrAbortHandler)
	}
	w, _ := hookFor(t, h)
	hook := dialHook(t, w)
	hook.send(rawPost(rig.HookSecret, textFrom(1, 1)))
	hook.readEOF() // nothing was answered

	func() {
		defer func() {
			if v := recover(); v != any(http.ErrAbortHandler) {
				t.Errorf("ServeHTTP panicked with %v, want http.ErrAbortHandler itself", v)
			}
		}()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook", bytes.NewReader(textFrom(1, 1)))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", rig.HookSecret)
		w.ServeHTTP(httptest.NewRecorder(), req)
		t.Error("ServeHTTP returned")
	}()

	assert.Equal(t, 500, w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))).Status, "Serve")
	if n := attempts.Load(); n != 3 {
		t.Errorf("the handler ran %d times, want 3", n)
	}
}

// The panic is the handler's, not net/http's: nothing tears the connection.
func TestAPanicIs500WithItsStackAndTheChatGoesOn(t *testing.T) {
	t.Parallel()
	cause := errors.New("index out of luck")
	for name, value := range map[string]any{"an error": cause, "a string": "oops", "a slice": []int{1}, "nil": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, seen := hookFor(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 1 {
					panic(value)
				}
				return tghook.NoReply, nil
			})
			hook := dialHook(t, w)
			hook.send(rawPost(rig.HookSecret, textFrom(1, 1)))
			hook.read()
			if got, want := hook.bytes(), "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			v := seen.only(t)
			var panicked *tghook.PanicError
			if v.Outcome != tghook.OutcomeFailed || v.Status != 500 || v.Attempt != 1 || !errors.As(v.Err, &panicked) {
				t.Fatalf("Observe was told %+v, want a failure with a *PanicError", v)
			}
			assert.Truef(t, bytes.Contains(panicked.Stack, []byte("http_test.go")), "the stack does not lead to the handler:\n%s", panicked.Stack)
			if name == "an error" && !errors.Is(v.Err, cause) {
				t.Errorf("%v does not wrap the error that was panicked with", v.Err)
			}
			hook.send(rawPost(rig.HookSecret, textFrom(2, 1)))
			assert.Equal(t, 200, hook.read().status, "the chat's next update")
		})
	}
}

type contextKey string

func TestTheHandlerGoesOnWhenTheClientIsGone(t *testing.T) {
	t.Parallel()
	started, release, left, ended := make(chan struct{}), make(chan struct{}), make(chan tghook.Delivery, 1), make(chan error, 1)
	seen := func(_ context.Context, v tghook.Delivery) { left <- v }
	w, _ := hookFor(t, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		close(started)
		<-release
		if got := ctx.Value(contextKey("trace")); got != "abc" {
			t.Errorf("the handler's ctx has %v of the request's value, want abc", got)
		}
		ended <- ctx.Err()
		return tghook.NoReply, nil
	}, func(cfg *tghook.Config) { cfg.Dispatch.Observe = seen })
	hook := dialHook(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), contextKey("trace"), "abc")))
	}))
	hook.send(rawPost(rig.HookSecret, textFrom(1, 1)))
	rig.Receive(t, "the handler to start", started)
	_ = hook.conn.Close()
	if v := rig.Receive(t, "the delivery to end", left); v.Outcome != tghook.OutcomeLate || v.Late || !errors.Is(v.Err, context.Canceled) {
		t.Errorf("of the one who left Observe was told %+v, want late with context.Canceled", v)
	}
	close(release)
	require.NoError(t, rig.Receive(t, "the handler to end", ended), "the handler's ctx ended with the client")
	rig.Receive(t, "the report of the run", left) // its run, which no delivery carried
	// The update comes again, and the handler need not.
	assert.Equal(t, 200, w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))).Status, "the redelivery")
	if v := rig.Receive(t, "the report of the redelivery", left); v.Outcome != tghook.OutcomeDuplicate {
		t.Errorf("of the redelivery Observe was told %+v, want a duplicate", v)
	}
}

// foulContext is a context one of whose methods does what none should.
type foulContext struct {
	context.Context //nolint:containedctx // it is one

	method string
	act    func()
}

func (c foulContext) Deadline() (time.Time, bool) {
	if c.method == "Deadline" {
		c.act()
	}
	return c.Context.Deadline()
}

func (c foulContext) Done() <-chan struct{} {
	if c.method == "Done" {
		c.act()
	}
	return c.Context.Done()
}

func (c foulContext) Value(key any) any {
	if c.method == "Value" {
		c.act()
	}
	return c.Context.Value(key)
}

// foulActs are what code of the user's may do instead of returning.
var foulActs = map[string]func(){
	"panics": func() { panic(rig.ErrBroken) },
	"exits":  runtime.Goexit,
	"blocks": func() { time.Sleep(time.Minute) },
}

// entries are the ways in for an update. Each returns what its sender is told.
func entries(w *tghook.Webhook) map[string]func(ctx context.Context, id int64) string {
	return map[string]func(ctx context.Context, id int64) string{
		"Serve": func(ctx context.Context, id int64) string {
			return strconv.Itoa(w.Serve(ctx, rig.FromTelegram(textFrom(id, id))).Status)
		},
		"ServeHTTP": func(ctx context.Context, id int64) string {
			rec := httptest.NewRecorder()
			req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/hook", bytes.NewReader(textFrom(id, id)))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-Telegram-Bot-Api-Secret-Token", rig.HookSecret)
			w.ServeHTTP(rec, req.WithContext(ctx))
			return strconv.Itoa(rec.Code)
		},
		"Deliver": func(ctx context.Context, id int64) string {
			u, err := tghook.ParseUpdate(textFrom(id, id))
			if err == nil {
				err = w.Deliver(ctx, u)
			}
			if err != nil {
				return "500"
			}
			return "200"
		},
	}
}

// suffers has one update suffer in a goroutine of its own, as a server would serve it. It
// checks that others are handled meanwhile, that what is not acknowledged can come again,
// and that Shutdown ends in time.
func suffers(t *testing.T, w *tghook.Webhook, enter func(ctx context.Context, id int64) string, foul context.Context, wants ...string) {
	t.Helper()
	p := rig.Eventually(func() (told string) {
		told = "none" // the goroutine may end
		p := make(chan string, 1)
		go func() {
			defer close(p)
			p <- enter(foul, 1)
		}()
		if got, ok := <-p; ok {
			told = got
		}
		return told
	})
	start := time.Now()
	assert.Equal(t, "200", enter(context.Background(), 2), "another update meanwhile")
	if waited := time.Since(start); waited > 0 {
		t.Errorf("another update waited %v", waited)
	}
	got, _ := p.Wait()
	assert.Contains(t, wants, got, "answer")
	if got != "200" {
		rig.Pass(time.Minute)
		assert.Equal(t, "200", enter(context.Background(), 1), "answer when it comes again")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	assert.NoError(t, w.Shutdown(ctx), "Shutdown")
}

func TestAFoulContextHurtsItsRequestAlone(t *testing.T) {
	for _, method := range []string{"Deadline", "Done", "Value"} {
		for act, f := range foulActs {
			for _, entry := range []string{"Serve", "ServeHTTP", "Deliver"} {
				t.Run(entry+", "+method+" "+act, func(t *testing.T) {
					rig.Bubble(t, func(t *testing.T) {
						w, _ := hookFor(t, rig.Nothing, logging(new(rig.Log)))
						foul := foulContext{context.Background(), method, f}
						// 503: a context that blocks for a minute uses up the time until Late applies.
						suffers(t, w, entries(w)[entry], foul, "200", "500", "503", "none")
					})
				})
			}
		}
	}
}

// The reply of a run that ended before goes by Caller within a context that the library
// derives: the context package must watch nothing of the user's for it.
func TestAFoulContextOfARedeliveryHurtsNobody(t *testing.T) {
	rig.Alone(t, func(t *testing.T) {
		end := make(chan struct{})
		api := &rig.Caller{Do: func(context.Context, string) error {
			time.Sleep(10 * time.Second)
			return nil
		}}
		w, _ := hookFor(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-end
			return rig.Hello, nil
		}, logging(new(rig.Log)), func(cfg *tghook.Config) { cfg.Dispatch.Caller = api; cfg.Late = tghook.LateRetry })
		enter := entries(w)
		first := rig.Eventually(func() string { return enter["Serve"](context.Background(), 1) })
		rig.Pass(9 * time.Second)
		assert.Equal(t, "503", first.Now(), "the first delivery")
		close(end)
		rig.Pass(time.Second)
		foul := errPanics{context.Background(), make(chan struct{})}
		again := rig.Eventually(func() string { return enter["Deliver"](foul, 1) })
		close(foul.done)
		got, took := again.Wait()
		assert.Equal(t, "200", got, "the redelivery")
		assert.LessOrEqualf(t, took, 10*time.Second, "it took %v", took)
		assert.Equal(t, []string{rig.HelloCall}, api.All(), "calls")
	})
}

// errPanics is a context that is none of the standard library's, and has an Err that
// panics.
type errPanics struct {
	context.Context //nolint:containedctx // it is one

	done chan struct{}
}

func (c errPanics) Done() <-chan struct{} { return c.done }

func (c errPanics) Err() error {
	select {
	case <-c.done:
		panic(rig.ErrBroken)
	default:
		return nil
	}
}

func TestAFoulDeadlineOrLaneHurtsItsUpdateAlone(t *testing.T) {
	for act, f := range foulActs {
		foul := func(u *tghook.Update) {
			if u.ID == 1 {
				f()
			}
		}
		for name, change := range map[string]func(*tghook.Config){
			"Config.Deadline": func(cfg *tghook.Config) {
				cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
					foul(u)
					return 0, tghook.LateDefault
				}
			},
			"DispatchConfig.Lane": func(cfg *tghook.Config) {
				cfg.Dispatch.Lane = func(u *tghook.Update) string { foul(u); return "" }
			},
		} {
			for _, entry := range []string{"Serve", "ServeHTTP", "Deliver"} {
				t.Run(entry+", "+name+" "+act, func(t *testing.T) {
					rig.Bubble(t, func(t *testing.T) {
						w, _ := hookFor(t, rig.Nothing, logging(new(rig.Log)), change)
						enter := entries(w)[entry]
						start := time.Now()
						p := rig.Eventually(func() string { return enter(context.Background(), 1) })
						assert.Equal(t, "200", enter(context.Background(), 2), "another update meanwhile")
						got, took := p.Wait()
						want := "500"
						if entry == "Deliver" && name == "Config.Deadline" { // which it does not ask
							want = "200"
						}
						assert.Equal(t, want, got, "answer")
						if limit := 5 * time.Second; took > limit || time.Since(start) > limit {
							t.Errorf("answered after %v, want at most %v", took, limit)
						}
						assert.NoError(t, w.Shutdown(t.Context()), "Shutdown")
					})
				})
			}
		}
	}
}

// pipes is a listener of connections in memory, for synctest.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (l *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

// servePipes serves h in memory until the test ends. Call it in a bubble.
func servePipes(t *testing.T, h http.Handler) (dial func() *wire) {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(l) }()
	var open []net.Conn
	t.Cleanup(func() {
		_ = server.Close()
		for _, c := range open {
			_ = c.Close()
		}
		<-time.After(time.Second) // net/http lingers before it closes a connection
	})
	return func() *wire {
		near, far := net.Pipe()
		l.conns <- far
		_ = near.SetDeadline(time.Now().Add(time.Hour)) // for good, in other words
		open = append(open, near)
		return newWire(t, near)
	}
}

// Ten seconds are for all of the body, however it drips.
func TestASlowOrHalfOpenBodyMeetsADeadlineAndOthersGoOn(t *testing.T) {
	t.Parallel()
	body := textFrom(1, 1)
	for name, send := range map[string]func(c *wire){
		"half-open": func(c *wire) { c.send(rawPost(rig.HookSecret, body)[:len(rawPost(rig.HookSecret, body))-20]) },
		"no body at all": func(c *wire) {
			c.send(rawPost(rig.HookSecret, body)[:len(rawPost(rig.HookSecret, body))-len(body)])
		},
		"dripping": func(c *wire) {
			c.send(rawPost(rig.HookSecret, body)[:len(rawPost(rig.HookSecret, body))-len(body)])
			go func() {
				for i := range body {
					<-time.After(time.Second)
					if _, err := c.conn.Write(body[i : i+1]); err != nil {
						return
					}
				}
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var runs atomic.Int64
				w, seen := hookFor(t, counted(&runs))
				dial := servePipes(t, w)
				slow, other := dial(), dial()
				start := time.Now()
				send(slow)
				for id := range int64(3) {
					other.send(rawPost(rig.HookSecret, textFrom(10+id, 1)))
					if res := other.read(); res.status != 200 {
						t.Errorf("another request was answered %d", res.status)
					}
				}
				if waited := time.Since(start); waited != 0 {
					t.Errorf("other requests waited %v for the slow one", waited)
				}
				res := slow.read()
				if waited := time.Since(start); res.status != http.StatusRequestTimeout || !res.Close || waited != 10*time.Second {
					t.Errorf("the slow request was answered %d (Connection: close %v) after %v, want 408 after 10s", res.status, res.Close, waited)
				}
				slow.readEOF()
				if all := seen.list(); runs.Load() != 3 || len(all) != 4 || all[3].Outcome != tghook.OutcomeRejected {
					t.Errorf("%d runs; Observe was told %+v", runs.Load(), all)
				}
			})
		})
	}
}

// The deadline is for the body: a handler may take longer.
func TestTheReadDeadlineEndsWithTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := hookFor(t, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			select {
			case <-time.After(time.Minute):
				return tghook.NoReply, nil
			case <-ctx.Done():
				return tghook.NoReply, context.Cause(ctx)
			}
		}, func(cfg *tghook.Config) { cfg.LateAfter = -1 })
		c := servePipes(t, w)()
		for id := range int64(3) {
			c.send(rawPost(rig.HookSecret, textFrom(id, 1)))
			assert.Equal(t, 200, c.read().status)
		}
	})
}

// net/http reads a refused body before it answers, unless it is told to close the
// connection; nobody without the secret may hold one open for good.
func TestARefusedRequestWithAHalfOpenBodyIsOverSoon(t *testing.T) {
	t.Parallel()
	body := textFrom(1, 1)
	for name, head := range map[string]string{
		"wrong method": strings.Replace(string(rawPost("", body)), "POST", "PUT", 1),
		"wrong secret": string(rawPost("wrong", body)),
		"wrong type":   strings.Replace(string(rawPost(rig.HookSecret, body)), "application/json", "text/xml", 1),
		"too large":    strings.Replace(string(rawPost(rig.HookSecret, body)), "Content-Length: ", "Content-Length: 9000", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, _ := hookFor(t, forbidden(t))
				c := servePipes(t, w)()
				start := time.Now()
				c.send([]byte(head[:len(head)-20]))
				if res := c.read(); res.Close {
					c.readEOF()
				}
				if waited := time.Since(start); waited > 20*time.Second {
					t.Errorf("over after %v, want at most 20s", waited)
				}
			})
		})
	}
}
