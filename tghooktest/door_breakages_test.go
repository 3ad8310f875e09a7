package tghooktest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
)

// A breakage is a door with one fault, and the cases that find it.
type breakage struct {
	name  string
	open  opener
	finds []string
	among bool // other cases may find it too, and are not run
}

var breakages = []breakage{
	{"the reply's Content-Type is lost", adapter{out: func(res *tghook.Response) { delete(res.Header, "Content-Type") }}.listen(), []string{
		"a reply is sent as application/json, byte for byte",
		"a reply with files is multipart as Telegram reads it",
	}, true},
	{"the reply's Content-Type has a parameter", adapter{out: func(res *tghook.Response) {
		if res.Header.Get("Content-Type") == "application/json" {
			res.Header.Set("Content-Type", "application/json; charset=utf-8")
		}
	}}.listen(), []string{"a reply is sent as application/json, byte for byte"}, true},
	{"the reply is encoded twice", adapter{out: func(res *tghook.Response) {
		if len(res.Body) > 0 {
			res.Body, _ = json.Marshal(string(res.Body))
		}
	}}.listen(), []string{
		"a reply is sent as application/json, byte for byte",
		"a redelivery gets the same reply without a run",
	}, true},
	{"the reply is cut off", adapter{out: func(res *tghook.Response) { res.Body = res.Body[:min(len(res.Body), 64<<10)] }}.listen(), []string{
		"a reply of nearly 1 MiB arrives whole",
		"a reply with files is multipart as Telegram reads it",
		"a reply has its Content-Length and is not chunked",
	}, true},
	{"the reply goes through a string of text", adapter{out: func(res *tghook.Response) {
		res.Body = []byte(strings.ToValidUTF8(string(res.Body), "\ufffd"))
	}}.listen(), []string{"a reply with files is multipart as Telegram reads it"}, false},
	{"the reply leaves in chunks", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		hook.ServeHTTP(chunking{rw}, r)
	}), []string{
		"an answer without a body has Content-Length 0 and no Content-Type",
		"a reply has its Content-Length and is not chunked",
	}, false},
	{"an empty answer has a Content-Type", adapter{out: func(res *tghook.Response) {
		if len(res.Body) == 0 {
			res.Header = maps.Clone(res.Header)
			if res.Header == nil {
				res.Header = http.Header{}
			}
			res.Header.Set("Content-Type", "text/plain")
		}
	}}.listen(), []string{"an answer without a body has Content-Length 0 and no Content-Type"}, false},
	{"an empty answer is 204", adapter{out: func(res *tghook.Response) {
		if res.Status == http.StatusOK && len(res.Body) == 0 {
			res.Status = http.StatusNoContent
		}
	}}.listen(), []string{
		"an update without a reply is answered 200 with an empty body",
		"a method that Telegram does not execute from a response goes to Caller",
		"an update without a kind becomes a dead letter and is answered 200",
	}, true},
	{"a failure has a text", adapter{out: func(res *tghook.Response) {
		if res.Status >= 400 {
			res.Body = []byte(http.StatusText(res.Status))
		}
	}}.listen(), []string{
		"a reply beside an error is not sent, and the answer is 500",
		"a wrong secret is answered 401 and nothing runs",
		"an answer without a body has Content-Length 0 and no Content-Type",
	}, true},
	{"a failure is 200", adapter{out: func(res *tghook.Response) {
		if res.Status == http.StatusInternalServerError {
			res.Status = http.StatusOK
		}
	}}.listen(), []string{
		"a reply beside an error is not sent, and the answer is 500",
		"a failed update is answered 500 and its redelivery runs it again",
		"a panic is answered 500 and the chat's next update runs",
		"a handler that panics with http.ErrAbortHandler is not answered 200",
		"the last attempt makes a dead letter and is answered 200",
		"a dead letter that fails is answered 500 and is retried without a run",
		"an answer without a body has Content-Length 0 and no Content-Type",
		"a connection stays open after every kind of answer",
	}, true},
	{"Retry-After is lost", adapter{out: func(res *tghook.Response) { delete(res.Header, "Retry-After") }}.listen(), []string{
		"Retry-After is a whole number of seconds, bounded by the kind of update",
		"a webhook that is full answers 503 and loses nothing",
		"a webhook that shuts down answers running updates and refuses others",
		"a late update is answered 503 and its redelivery joins the run",
	}, true},
	{"Retry-After is added", adapter{out: func(res *tghook.Response) {
		if res.Status == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "" {
			res.Header = http.Header{"Retry-After": {"2"}}
		}
	}}.listen(), []string{
		"a late update with LateCancel cancels its handler and its redelivery runs it again",
	}, true},
	{"Retry-After is a date", adapter{out: func(res *tghook.Response) {
		if after, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
			res.Header.Set("Retry-After", time.Now().Add(time.Duration(after)*time.Second).UTC().Format(http.TimeFormat))
		}
	}}.listen(), []string{
		"Retry-After is a whole number of seconds, bounded by the kind of update",
	}, true},
	{"Allow is lost", adapter{out: func(res *tghook.Response) { delete(res.Header, "Allow") }}.listen(), []string{
		"a method other than POST is answered 405 with Allow",
		"the checks run in the order method, secret, type, size, body",
		"an answer without a body has Content-Length 0 and no Content-Type",
		"a connection stays open after every kind of answer",
	}, true},
	{"every connection is closed", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Connection", "close")
		hook.ServeHTTP(rw, r)
	}), []string{
		"a connection stays open after every kind of answer",
		"one connection carries many updates and the answer of each",
	}, true},
	{"an answer is written twice", around(twiceWritten), []string{
		"an answer at the deadline is written once",
		"one connection carries many updates and the answer of each",
		"pipelined updates on one connection are answered in their order",
	}, true},
	{"a hint comes before the answer", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusEarlyHints)
		hook.ServeHTTP(rw, r)
	}), []string{"the very bytes that Telegram sends are accepted"}, true},
	{"200 comes before the handler", listen(func(w *tghook.Webhook) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			late := r.Clone(context.WithoutCancel(r.Context()))
			late.Body = io.NopCloser(bytes.NewReader(body))
			go adapter{}.serve(w, late)
		})
	}), []string{
		"a failed update is answered 500 and its redelivery runs it again",
		"a reply beside an error is not sent, and the answer is 500",
		"a panic is answered 500 and the chat's next update runs",
		"a reply is sent as application/json, byte for byte",
	}, true},
	{"a panic is swallowed", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		defer func() { _ = recover() }()
		hook.ServeHTTP(rw, r)
	}), []string{"a handler that panics with http.ErrAbortHandler is not answered 200"}, false},
	{"an update is tried twice", listen(func(w *tghook.Webhook) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			var res tghook.Response
			for range 2 {
				r.Body = io.NopCloser(bytes.NewReader(body))
				if res = (adapter{}).serve(w, r); res.Status < 500 {
					break
				}
			}
			write(rw, res)
		})
	}), []string{
		"a failed update is answered 500 and its redelivery runs it again",
		"a dead letter that fails is answered 500 and is retried without a run",
		"the last attempt makes a dead letter and is answered 200",
	}, true},
	{"one update at a time", oneAtATime(), []string{
		"an update sent twice at once runs once and is answered 200 twice",
		"a chat's updates run in order while another chat's update runs",
		"a webhook that is full answers 503 and loses nothing",
		"a webhook that shuts down answers running updates and refuses others",
		"a late update with LateAck is answered 200 and its chat's next update waits",
	}, true},
	{"the webhook dies with its first client", listen(func(w *tghook.Webhook) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			stop := context.AfterFunc(r.Context(), func() {
				ended, cancel := context.WithCancel(context.Background())
				cancel()
				_ = w.Shutdown(ended)
			})
			defer stop()
			w.ServeHTTP(rw, r)
		})
	}), []string{"a handler keeps running when its client goes away"}, true},
	{"a body is read into memory that is used again", recycling(), []string{"an update stays intact long after its answer"}, true},
	{"a body is cut off", adapter{in: func(r *http.Request, req *tghook.Request) {
		req.Body, req.ContentLength = io.LimitReader(r.Body, 10<<10), -1
	}}.listen(), []string{
		"a body of exactly MaxBody is accepted",
		"a body over MaxBody is answered 413",
		"the checks run in the order method, secret, type, size, body",
		"every recorded update arrives byte for byte",
		"an update that arrives in pieces is read whole",
		"after a refused request a connection is closed or ready for the next one",
	}, true},
	{"a body goes through a string of text", adapter{in: func(r *http.Request, req *tghook.Request) {
		body, err := io.ReadAll(r.Body)
		req.Body, req.ContentLength = io.MultiReader(strings.NewReader(strings.ToValidUTF8(string(body), "\ufffd")), failing{err}), -1
	}}.listen(), []string{"an update that is not UTF-8 arrives byte for byte"}, false},
	{"a body that breaks off is a failure of the server", listen(func(w *tghook.Webhook) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				rw.WriteHeader(http.StatusInternalServerError)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			write(rw, adapter{}.serve(w, r))
		})
	}), []string{"an update whose body breaks off does not run"}, false},
	{"a body of unknown length is refused", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			rw.WriteHeader(http.StatusLengthRequired)
			return
		}
		hook.ServeHTTP(rw, r)
	}), []string{
		"a body of exactly MaxBody is accepted",
		"a body over MaxBody is answered 413",
		"an update sent in chunks is read whole",
		"after a refused request a connection is closed or ready for the next one",
	}, true},
	{"the largest body is refused", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		http.MaxBytesHandler(hook, doorMaxBody-1).ServeHTTP(rw, r)
	}), []string{"a body of exactly MaxBody is accepted"}, false},
	{"a body over the limit is taken for one that broke off", adapter{in: func(r *http.Request, req *tghook.Request) {
		req.Body, req.ContentLength = io.MultiReader(io.LimitReader(r.Body, doorMaxBody), r.Body), -1
		req.Body = io.LimitReader(req.Body, doorMaxBody)
	}}.listen(), []string{
		"a body over MaxBody is answered 413",
		"the checks run in the order method, secret, type, size, body",
		"after a refused request a connection is closed or ready for the next one",
	}, true},
	{"bodies may take for ever", patient(), []string{"a request whose body never comes is ended and delays no other"}, true},
	{"the method is lost", adapter{in: func(_ *http.Request, req *tghook.Request) { req.Method = http.MethodPost }}.listen(), []string{
		"a method other than POST is answered 405 with Allow",
		"the checks run in the order method, secret, type, size, body",
		"an answer without a body has Content-Length 0 and no Content-Type",
		"a connection stays open after every kind of answer",
	}, true},
	{"HEAD is answered 200", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			hook.ServeHTTP(rw, r)
		}
	}), []string{"a method other than POST is answered 405 with Allow"}, false},
	{"the secret is not passed on", adapter{in: func(_ *http.Request, req *tghook.Request) { req.Secret = nil }}.listen(), []string{"Secret and PreviousSecret are both accepted"}, true},
	{"one line of the secret is passed on", adapter{in: func(_ *http.Request, req *tghook.Request) { req.Secret = req.Secret[:min(len(req.Secret), 1)] }}.listen(), []string{"a request with two secrets is answered 401 and nothing runs"}, false},
	{"the secret is made up", adapter{in: func(_ *http.Request, req *tghook.Request) { req.Secret = []string{doorSecret} }}.listen(), []string{
		"a wrong secret is answered 401 and nothing runs",
		"a request with two secrets is answered 401 and nothing runs",
		"Secret and PreviousSecret are both accepted",
		"the checks run in the order method, secret, type, size, body",
		"an answer without a body has Content-Length 0 and no Content-Type",
		"after a refused request a connection is closed or ready for the next one",
	}, true},
	{"header names have one letter case", func(_ testing.TB, w *tghook.Webhook) Door {
		return Door{Transport: transport(func(r *http.Request) (*http.Response, error) {
			rw := httptest.NewRecorder()
			write(rw, adapter{}.serve(w, r))
			return rw.Result(), nil
		})}
	}, []string{"header names may be in any letter case"}, false},
	{"Content-Type is made up", adapter{in: func(_ *http.Request, req *tghook.Request) { req.ContentType = "application/json" }}.listen(), []string{
		"a Content-Type other than application/json is answered 415",
		"the checks run in the order method, secret, type, size, body",
		"an answer without a body has Content-Length 0 and no Content-Type",
		"a connection stays open after every kind of answer",
	}, true},
	{"Content-Type is compared as text", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/json" {
			rw.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
		hook.ServeHTTP(rw, r)
	}), []string{
		"application/json is accepted with parameters",
		"the checks run in the order method, secret, type, size, body",
	}, false},
	{"Content-Encoding is lost", adapter{in: func(_ *http.Request, req *tghook.Request) { req.ContentEncoding = "" }}.listen(), []string{"an encoded body is answered 415"}, false},
	{"X-Forwarded-For is lost", adapter{in: func(_ *http.Request, req *tghook.Request) { req.ForwardedFor = nil }}.listen(), []string{"X-Forwarded-For is read from trusted proxies only, in all its lines"}, false},
	{"one line of X-Forwarded-For is passed on", adapter{in: func(r *http.Request, req *tghook.Request) {
		if lines := req.ForwardedFor; len(lines) > 0 {
			req.ForwardedFor = lines[:1]
		}
	}}.listen(), []string{"X-Forwarded-For is read from trusted proxies only, in all its lines"}, false},
	{"X-Forwarded-For is believed", adapter{in: func(r *http.Request, req *tghook.Request) {
		if line := r.Header.Get("X-Forwarded-For"); line != "" {
			req.RemoteAddr = line
		}
	}}.listen(), []string{
		"the peer's address is compared with AllowedSources",
		"X-Forwarded-For is read from trusted proxies only, in all its lines",
	}, false},
	{"the peer's address is lost", adapter{in: func(_ *http.Request, req *tghook.Request) { req.RemoteAddr = "" }}.listen(), []string{
		"the peer's address is compared with AllowedSources",
		"X-Forwarded-For is read from trusted proxies only, in all its lines",
	}, false},
	{"a unix socket's peer is anywhere", unaddressed(adapter{in: func(_ *http.Request, req *tghook.Request) {
		req.RemoteAddr = "0.0.0.0"
	}}), []string{"a peer without an address is not among AllowedSources"}, true},
	{"a trailer is taken for a header", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		for name, lines := range r.Trailer {
			if r.Header[name] == nil {
				r.Header[name] = lines
			}
		}
		hook.ServeHTTP(rw, r)
	}), []string{"a trailer is not read as a header"}, true},
	{"the last of two lengths counts", forgetful(), []string{"a request with two lengths cannot hide another request"}, true},
	{"who has no User-Agent is turned away", around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		if r.UserAgent() == "" {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		hook.ServeHTTP(rw, r)
	}), []string{"the very bytes that Telegram sends are accepted"}, true},
	{"a frozen door does not say so", adapter{frozen: true, forgetful: true}.called(), []string{
		"a late update with LateRetry cancels its handler on an ephemeral door",
		"a late update with LateAck cancels its handler and is answered 503 on an ephemeral door",
	}, true},
	{"a frozen door hides its deadline", adapter{frozen: true, ctx: context.WithoutCancel}.called(), []string{"an update is late before its platform's deadline"}, true},
	{"a lasting door says that it is frozen", adapter{in: func(_ *http.Request, req *tghook.Request) { req.Ephemeral = true }}.listen(), []string{
		"a late update is answered 503 and its redelivery joins the run",
		"a late update with LateAck is answered 200 and its chat's next update waits",
	}, true},
	{"what is no JSON is not passed on", listen(func(w *tghook.Webhook) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.Method == http.MethodPost && !json.Valid(body) {
				rw.WriteHeader(http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			write(rw, adapter{}.serve(w, r))
		})
	}), []string{
		"a body that is not an update is answered 400 and reported with an excerpt",
		"the checks run in the order method, secret, type, size, body",
	}, false},
	{"older updates are dropped", dropping(), []string{"an older update runs after a newer one"}, true},
	{"an update is encoded again", adapter{in: func(r *http.Request, req *tghook.Request) {
		var update any
		body, err := io.ReadAll(r.Body)
		if err == nil && json.Unmarshal(body, &update) == nil {
			body, _ = json.Marshal(update)
		}
		req.Body, req.ContentLength = io.MultiReader(bytes.NewReader(body), failing{err}), -1
	}}.listen(), []string{
		"every recorded update arrives byte for byte",
		"an update of an unknown kind arrives with all its fields",
	}, true},
	{"a redelivery is a conflict", refusing(), []string{
		"an update sent twice runs once and is answered 200 twice",
		"a redelivery gets the same reply without a run",
	}, true},
}

// chunking writes without Content-Length.
type chunking struct{ http.ResponseWriter }

func (c chunking) WriteHeader(status int) {
	c.Header().Del("Content-Length")
	c.ResponseWriter.WriteHeader(status)
	_ = http.NewResponseController(c.ResponseWriter).Flush()
}

// twiceWritten writes the answer twice.
func twiceWritten(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
	recorded := httptest.NewRecorder()
	hook.ServeHTTP(recorded, r)
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	res := recorded.Result()
	res.ContentLength = int64(recorded.Body.Len())
	var raw bytes.Buffer
	_ = res.Write(&raw)
	_, _ = conn.Write(bytes.Repeat(raw.Bytes(), 2))
}

func oneAtATime() opener {
	var mu sync.Mutex
	return around(func(hook http.Handler, rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		hook.ServeHTTP(rw, r)
	})
}

// patient is a server without timeouts, which hides the way to set them.
func patient() opener {
	return func(tb testing.TB, w *tghook.Webhook) Door {
		tb.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.ServeHTTP(struct{ http.ResponseWriter }{rw}, r)
		}))
		tb.Cleanup(server.Close)
		return Door{Addr: server.Listener.Addr().String()}
	}
}

// unaddressed serves a on a unix socket.
func unaddressed(a adapter) opener {
	return func(tb testing.TB, w *tghook.Webhook) Door {
		tb.Helper()
		dir, err := os.MkdirTemp("", "door") //nolint:usetesting // TempDir is too long for a socket
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = os.RemoveAll(dir) })
		listener, err := new(net.ListenConfig).Listen(tb.Context(), "unix", filepath.Join(dir, "s"))
		require.NoError(tb, err)
		return on(tb, listener, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { write(rw, a.serve(w, r)) }))
	}
}

// on returns a door with a server on a listener.
func on(tb testing.TB, listener net.Listener, h http.Handler) Door {
	tb.Helper()
	server := httptest.NewUnstartedServer(h)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	tb.Cleanup(server.Close)
	return Door{Addr: listener.Addr().String()}
}

// forgetful is a server that uses only the last of several lengths.
func forgetful() opener {
	return func(tb testing.TB, w *tghook.Webhook) Door {
		tb.Helper()
		listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
		require.NoError(tb, err)
		return on(tb, lastLengths{listener}, w)
	}
}

type lastLengths struct{ net.Listener }

func (l lastLengths) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &lastLength{Conn: conn}, err
}

// lastLength removes all lengths but the last from a request. It expects the header in one
// read.
type lastLength struct{ net.Conn }

var twoLines = regexp.MustCompile(`Content-Length: \d+\r\n(Content-Length: \d+\r\n)`)

func (c *lastLength) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return copy(p, twoLines.ReplaceAll(p[:n], []byte("$1"))), err
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

// recycling parses the body itself, in memory that it uses again, even while a handler
// still runs that it has answered for.
func recycling() opener {
	return listen(func(w *tghook.Webhook) http.Handler {
		buffers := sync.Pool{New: func() any { return new(bytes.Buffer) }}
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body := buffers.Get().(*bytes.Buffer)
			defer buffers.Put(body)
			body.Reset()
			_, _ = body.ReadFrom(r.Body)
			u, err := tghook.ParseUpdate(body.Bytes())
			if err != nil {
				rw.WriteHeader(http.StatusBadRequest)
				return
			}
			handled := make(chan error, 1)
			go func() { handled <- w.Deliver(context.WithoutCancel(r.Context()), u) }()
			select {
			case <-handled:
			case <-time.After(lateAfter):
				write(rw, tghook.Response{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"2"}}})
			}
		})
	})
}

// dropping drops updates with ids below the highest one.
func dropping() opener {
	return listen(func(w *tghook.Webhook) http.Handler {
		var mark atomic.Int64
		return seeing(w, func(id int64) bool { return mark.Swap(max(id, mark.Load())) <= id }, http.StatusOK)
	})
}

// refusing refuses an update that comes twice.
func refusing() opener {
	return listen(func(w *tghook.Webhook) http.Handler {
		var seen sync.Map
		return seeing(w, func(id int64) bool {
			_, again := seen.LoadOrStore(id, true)
			return !again
		}, http.StatusConflict)
	})
}

// seeing answers with status for the updates that in refuses.
func seeing(w *tghook.Webhook, in func(id int64) bool, status int) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if u, _ := tghook.ParseUpdate(body); u != nil && !in(u.ID) {
			rw.WriteHeader(status)
			return
		}
		write(rw, adapter{}.serve(w, r))
	})
}
