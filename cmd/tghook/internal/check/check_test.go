package check_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/check"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

const secret = "check-Secret_0123456789"

// sound is a receiver that does all that a check asks for. It replies to messages.
func sound(t *testing.T) http.Handler {
	t.Helper()
	hook, err := tghook.New(tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.Kind != tghook.KindMessage {
			return tghook.NoReply, nil
		}
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "hello"}}, nil
	}), tghook.Config{Secret: secret, Dispatch: tghook.DispatchConfig{Logger: slog.New(slog.DiscardHandler)}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, hook.Shutdown(context.Background())) })
	return hook
}

const (
	// patience is longer than a slow machine stalls.
	patience = time.Minute
	// brief is the patience with a receiver whose fault is that an answer does not come.
	brief = 5 * time.Second
)

// run checks a receiver.
func run(t *testing.T, url, secret string, patience time.Duration) []check.Result {
	t.Helper()
	target, err := wire.NewTarget(wire.Config{URL: url, Secret: secret})
	require.NoError(t, err)
	results, err := check.Run(t.Context(), check.Config{Target: target, Patience: patience})
	require.NoError(t, err)
	return results
}

// requireSound requires that a check found nothing. A machine that is slow may be advised to be
// faster.
func requireSound(t *testing.T, r check.Result) {
	t.Helper()
	if r.Verdict == check.Advice && slices.Contains([]string{"serves-chats-at-once", "answers-in-time", "goes-on"}, r.Name) {
		t.Logf("%s: %s", r.Name, r.Evidence)
		return
	}
	require.Equal(t, check.OK, r.Verdict, "%s: %s", r.Name, r.Evidence)
	require.Empty(t, r.Mend)
}

// named returns the names of the results with a verdict.
func named(results []check.Result, verdicts ...check.Verdict) []string {
	names := []string{}
	for _, r := range results {
		if slices.Contains(verdicts, r.Verdict) {
			names = append(names, r.Name)
		}
	}
	return names
}

func TestSound(t *testing.T) {
	server := httptest.NewServer(sound(t))
	defer server.Close()
	results := run(t, server.URL+"/telegram?bot=1", secret, patience)
	seen := map[string]bool{}
	for _, r := range results {
		requireSound(t, r)
		require.NotEmpty(t, r.Evidence)
		require.False(t, seen[r.Name], "two checks are named %s", r.Name)
		seen[r.Name] = true
	}
	require.False(t, check.Failed(results))
	require.Greater(t, len(results), 25)
}

// A broken receiver is a sound one with one fault.
type broken struct {
	fault string                          // the check that must fail
	wrap  func(http.Handler) http.Handler // nil with serve
	serve func(net.Listener, http.Handler)
	also  []string // checks that cannot succeed either
	brief bool     // the fault is that an answer does not come
}

// bodied calls f with the body, and passes the request on if f returns 0.
func bodied(f func(body []byte) (status int)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			authentic := r.Header.Get(wire.SecretHeader) == secret
			if status := f(body); authentic && status != 0 {
				w.WriteHeader(status)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(w, r)
		})
	}
}

// once remembers what it was called with, and reports whether that was new.
func once() func(string) bool {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(s string) bool {
		mu.Lock()
		defer mu.Unlock()
		was := seen[s]
		seen[s] = true
		return !was
	}
}

func brokenReceivers() map[string]broken {
	return map[string]broken{
		"refuses kinds it does not know": {fault: "accepts-an-unknown-kind", wrap: bodied(func(b []byte) int {
			if bytes.Contains(b, []byte("kind_of_next_year")) {
				return 500
			}
			return 0
		})},
		"has handlers for messages and buttons only": {fault: "accepts-all-kinds", also: []string{"accepts-an-unknown-kind"}, wrap: bodied(func(b []byte) int {
			if gjson.ValidBytes(b) && gjson.GetBytes(b, "update_id").Exists() && !gjson.GetBytes(b, "message").Exists() && !gjson.GetBytes(b, "callback_query").Exists() {
				return 404
			}
			return 0
		})},
		"decodes strictly": {fault: "accepts-unknown-fields", wrap: bodied(func(b []byte) int {
			if bytes.Contains(b, []byte("content_of_next_year")) {
				return 400
			}
			return 0
		})},
		"has the body limit of Express": {fault: "accepts-a-large-update", wrap: bodied(func(b []byte) int {
			if len(b) > 100<<10 && len(b) < 1<<20 {
				return 413
			}
			return 0
		})},
		"has ids of 32 bits": {fault: "accepts-large-ids", wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				next.ServeHTTP(rec, r)
				body := rec.Body.Bytes()
				if id := gjson.GetBytes(body, "chat_id"); id.Exists() {
					body = bytes.Replace(body, []byte(id.Raw), strconv.AppendInt(nil, int64(int32(id.Int())), 10), 1)
				}
				copyHeader(w, rec)
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				w.WriteHeader(rec.Code)
				_, _ = w.Write(body)
			})
		}},
		"has utf8mb3": {fault: "accepts-every-character", wrap: bodied(func(b []byte) int {
			if strings.ContainsRune(gjson.GetBytes(b, "message.text").String(), '😀') {
				return 500
			}
			return 0
		})},
		"refuses duplicates": {fault: "accepts-a-duplicate", also: []string{"accepts-two-at-once"}, wrap: func(next http.Handler) http.Handler {
			isNew := once()
			return bodied(func(b []byte) int {
				if id := gjson.GetBytes(b, "update_id"); id.Exists() && gjson.ValidBytes(b) && !isNew(id.Raw) {
					return 409
				}
				return 0
			})(next)
		}},
		"wants rising ids": {fault: "accepts-disorder", wrap: func(next http.Handler) http.Handler {
			var mu sync.Mutex
			var highest int64
			return bodied(func(b []byte) int {
				mu.Lock()
				defer mu.Unlock()
				id := gjson.GetBytes(b, "update_id").Int()
				if id > 1000 && id < highest && bytes.Contains(b, []byte(`"text":"older"`)) {
					return 400
				}
				highest = max(highest, id)
				return 0
			})(next)
		}},
		"serves four at once": {fault: "serves-chats-at-once", wrap: func(next http.Handler) http.Handler {
			free := make(chan struct{}, 4)
			refused := make(chan struct{})
			refuse := sync.OnceFunc(func() { close(refused) })
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case free <- struct{}{}:
					defer func() { <-free }()
				default:
					w.WriteHeader(http.StatusServiceUnavailable)
					refuse()
					return
				}
				body, _ := io.ReadAll(r.Body)
				if bytes.Contains(body, []byte("side by side")) {
					<-refused // the fifth one
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				next.ServeHTTP(w, r)
			})
		}},
		"is gone for channel posts": {fault: "is-never-gone", also: []string{"accepts-all-kinds"}, wrap: bodied(func(b []byte) int {
			if gjson.GetBytes(b, "channel_post").Exists() {
				return 410
			}
			return 0
		})},
		"replies as text": {fault: "replies-in-a-form-that-runs", wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				next.ServeHTTP(rec, r)
				copyHeader(w, rec)
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(rec.Code)
				_, _ = w.Write(rec.Body.Bytes())
			})
		}},
		"sends early hints": {fault: "accepts-an-update", wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if bytes.Contains(body, []byte(`"text":"hi"`)) {
					w.WriteHeader(http.StatusEarlyHints)
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				next.ServeHTTP(w, r)
			})
		}},
		"closes without a word": {fault: "keeps-connections", wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				next.ServeHTTP(rec, r)
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					panic(err)
				}
				_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 16<<20))
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\n", rec.Code, http.StatusText(rec.Code))
				rec.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
				_ = rec.Header().Write(conn)
				_, _ = fmt.Fprintf(conn, "\r\n%s", rec.Body)
				_ = conn.Close()
			})
		}},
		"asks for no secret": {fault: "wants-the-secret", wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header[wire.SecretHeader] == nil && r.Method == http.MethodPost {
					r.Header.Set(wire.SecretHeader, secret)
				}
				next.ServeHTTP(w, r)
			})
		}},
		"ignores the case of the secret": {fault: "compares-the-whole-secret", wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if lines := r.Header[wire.SecretHeader]; len(lines) == 1 && strings.EqualFold(lines[0], secret) {
					r.Header.Set(wire.SecretHeader, secret)
				}
				next.ServeHTTP(w, r)
			})
		}},
		"reads once": {fault: "reads-updates-in-pieces", serve: func(l net.Listener, next http.Handler) {
			serveRaw(l, next, func(conn net.Conn, in *bufio.Reader) ([]byte, bool) {
				var head strings.Builder
				for !strings.HasSuffix(head.String(), "\r\n\r\n") {
					b, err := in.ReadByte()
					if err != nil {
						return nil, false
					}
					head.WriteByte(b)
				}
				length := 0
				for line := range strings.SplitSeq(head.String(), "\r\n") {
					if text, ok := strings.CutPrefix(line, "Content-Length: "); ok {
						length, _ = strconv.Atoi(text)
					}
				}
				if length > 2000 && length < 5000 { // a single read
					_, _ = in.Peek(1)
					body := make([]byte, in.Buffered())
					_, _ = io.ReadFull(in, body)
					return append([]byte(head.String()), body...), true
				}
				body := make([]byte, length)
				if _, err := io.ReadFull(in, body); err != nil {
					return nil, false
				}
				return append([]byte(head.String()), body...), true
			})
		}},
		"serves one connection at a time": {fault: "serves-beside-idle-connections", also: []string{"survives-a-body-that-never-comes"}, brief: true, serve: func(l net.Listener, next http.Handler) {
			var one sync.Mutex
			_ = (&http.Server{Handler: next, ReadHeaderTimeout: time.Minute}).
				Serve(turns{l, &one})
		}},
		"dies of broken JSON": {fault: "survives-broken-json", wrap: func(next http.Handler) http.Handler {
			var mu sync.Mutex
			var dead bool // for the next request
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				broken := !json.Valid(body) && r.Method == http.MethodPost && r.Header.Get(wire.SecretHeader) == secret && len(body) < 100
				mu.Lock()
				down := dead
				dead = broken
				mu.Unlock()
				if down || broken {
					panic(http.ErrAbortHandler)
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				next.ServeHTTP(w, r)
			})
		}},
		"speaks a Telegram-unreadable HTTP": {fault: "answers-in-http", wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", "identity")
				next.ServeHTTP(w, r)
			})
		}},
	}
}

func copyHeader(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), rec.Header())
}

// serveRaw serves requests that read takes from a connection.
func serveRaw(l net.Listener, next http.Handler, read func(net.Conn, *bufio.Reader) ([]byte, bool)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			in := bufio.NewReaderSize(conn, 1<<20)
			for {
				raw, ok := read(conn, in)
				if !ok {
					return
				}
				req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
				if err != nil {
					_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
					return
				}
				rec := httptest.NewRecorder()
				next.ServeHTTP(rec, req)
				rec.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
				var b bytes.Buffer
				fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", rec.Code, http.StatusText(rec.Code))
				_ = rec.Header().Write(&b)
				fmt.Fprintf(&b, "\r\n%s", rec.Body)
				_, _ = conn.Write(b.Bytes())
			}
		}()
	}
}

// turns is a listener that accepts a connection when the one before has ended.
type turns struct {
	net.Listener

	one *sync.Mutex
}

func (l turns) Accept() (net.Conn, error) {
	l.one.Lock()
	conn, err := l.Listener.Accept()
	if err != nil {
		l.one.Unlock()
		return nil, err
	}
	return &turn{Conn: conn, end: sync.OnceFunc(l.one.Unlock)}, nil
}

type turn struct {
	net.Conn

	end func()
}

func (c *turn) Close() error {
	defer c.end()
	return c.Conn.Close()
}

func TestBroken(t *testing.T) {
	for name, b := range brokenReceivers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := sound(t)
			if b.wrap != nil {
				handler = b.wrap(handler)
			}
			server := httptest.NewUnstartedServer(handler)
			var url string
			if b.serve != nil {
				l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, l.Close()) })
				go b.serve(l, handler)
				url = "http://" + l.Addr().String() + "/telegram"
			} else {
				server.Config.ErrorLog = nil
				server.Start()
				t.Cleanup(server.Close)
				url = server.URL + "/telegram"
			}
			wait := patience
			if b.brief {
				wait = brief
			}
			results := run(t, url, secret, wait)
			for _, r := range results {
				if r.Verdict != check.OK {
					t.Logf("%s %s: %s", r.Verdict, r.Name, r.Evidence)
				}
			}
			faults := named(results, check.Fault)
			require.Contains(t, faults, b.fault)
			for _, f := range faults {
				require.Contains(t, append(b.also, b.fault), f)
			}
			require.True(t, check.Failed(results))
		})
	}
}

func TestWithoutSecret(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	defer server.Close()
	require.Equal(t, []string{"wants-the-secret"}, named(run(t, server.URL, "", patience), check.Fault))
}

func TestUnreachable(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	results := run(t, "http://"+l.Addr().String(), secret, patience)
	require.Equal(t, []string{"accepts-an-update"}, named(results, check.Fault))
	require.Equal(t, "Connection refused", results[0].Evidence)
	require.Len(t, named(results, check.Untried), len(results)-1)
}

func TestEndsWithContext(t *testing.T) {
	server := httptest.NewServer(sound(t))
	defer server.Close()
	target, err := wire.NewTarget(wire.Config{URL: server.URL, Secret: secret})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	results, err := check.Run(ctx, check.Config{Target: target, Begin: func(name string) {
		if name == "accepts-a-duplicate" {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, len(results), 12)
}

func TestTargetErrors(t *testing.T) {
	for _, cfg := range []wire.Config{{URL: "bot.example.org"}, {URL: "ftp://x/"}, {URL: "http://"}, {URL: "http://x/", Secret: "a b"}, {URL: "http://x/", Certificate: []byte("x")}} {
		_, err := wire.NewTarget(cfg)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "a b")
	}
}
