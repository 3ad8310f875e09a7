package tgechov5_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// Nothing can give the body back, so that the error has to say what took it.
func TestABodyThatBindHasReadIs400AndObserveIsToldWhy(t *testing.T) {
	t.Parallel()
	bind := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			var update struct {
				ID int64 `json:"update_id"`
			}
			if err := c.Bind(&update); err != nil || update.ID == 0 {
				t.Errorf("Bind read %+v and %v", update, err)
			}
			return next(c)
		}
	}
	for _, name := range []string{"message", "message_large"} {
		b := newBot(t, idle)
		body := string(tghooktest.Update(name))
		ask(t, mounted(b.Webhook, bind), delivery(path, body)).is(t, 400, "")
		refused := new(tghook.RequestError)
		if v := b.only(); !errors.As(v.Err, &refused) || refused.Status != 400 ||
			!strings.Contains(refused.Problem, "the body is empty") || !strings.Contains(refused.Problem, "middleware") {
			t.Errorf("%s: Observe was told %+v", name, v)
		}
		ask(t, mounted(b.Webhook, bind), inChunks(body)).is(t, 400, "")
		b.ran(0)
	}
}

func TestBodyDumpSeesWhatGoesInAndOut(t *testing.T) {
	t.Parallel()
	b := newBot(t, greet)
	var in, out string
	e := mounted(b.Webhook, middleware.BodyDump(func(_ *echo.Context, req, res []byte, _ error) { in, out = string(req), string(res) }))
	ask(t, e, delivery(path, message(1))).is(t, 200, greeting(1001))
	b.ran(1)
	if in != message(1) || out != greeting(1001) {
		t.Errorf("dumped %q and %q, want %q and %q", in, out, message(1), greeting(1001))
	}
}

func TestABodyOverEchosBodyLimitIs413(t *testing.T) {
	t.Parallel()
	const limit = 1000
	for _, c := range []struct {
		name   string
		raw    string
		status int
		body   string
		seen   string // the error that Observe is told of
	}{
		{"at the limit", delivery(path, sized(limit)), 200, "", ""},
		{"at the limit, in chunks", inChunks(sized(limit)), 200, "", ""},
		{"over it", delivery(path, sized(limit+1)), 413, "{\"message\":\"Request Entity Too Large\"}\n", ""}, // Echo's
		{"over it, in chunks", inChunks(sized(limit + 1)), 413, "", "the body has more than 1000 bytes"},
		{"far over it, in chunks", inChunks(sized(90 << 10)), 413, "", "the body has more than"},
	} {
		b := newBot(t, idle)
		a := ask(t, mounted(b.Webhook, middleware.BodyLimit(limit)), c.raw)
		a.is(t, c.status, c.body)
		if c.status == 200 {
			b.ran(1)
			continue
		}
		b.ran(0)
		if c.seen == "" {
			continue
		}
		refused := new(tghook.RequestError)
		if v := b.only(); !errors.As(v.Err, &refused) || refused.Status != 413 || !strings.Contains(refused.Problem, c.seen) {
			t.Errorf("%s: Observe was told %+v, want %q", c.name, v, c.seen)
		}
		if !a.Close {
			t.Errorf("%s: the connection stays open, its body unread", c.name)
		}
	}
}

// Telegram accepts gzip, and offers it, so that this is what it gets.
func TestGzipCompressesRepliesAndNothingElse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("hello ", 20<<10)
	for _, c := range []struct {
		name  string
		reply tghook.Reply
		err   error
		want  string // the body once it is decompressed
		code  int
		after string // Retry-After
	}{
		{name: "a reply", reply: tghook.Reply{Method: "leaveChat"}, want: `{"method":"leaveChat"}`, code: 200},
		{
			name: "a long reply", reply: tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": long}},
			want: `{"method":"sendMessage","text":"` + long + `"}`, code: 200,
		},
		{name: "no reply", code: 200},
		{name: "an error", err: errors.New("no"), code: 500},
		{name: "RetryAfter", err: tghook.RetryAfter(7*time.Second, nil), code: 503, after: "7"},
	} {
		b := newBot(t, func(context.Context, *tghook.Update) (tghook.Reply, error) { return c.reply, c.err })
		a := ask(t, mounted(b.Webhook, middleware.Gzip()), delivery(path, message(1)))
		if a.StatusCode != c.code || a.Header.Get("Retry-After") != c.after {
			t.Errorf("%s: got %d after %q, want %d after %q", c.name, a.StatusCode, a.Header.Get("Retry-After"), c.code, c.after)
		}
		if c.want == "" {
			a.is(t, c.code, "")
			if coding := a.Header.Get("Content-Encoding"); coding != "" {
				t.Errorf("%s: an empty answer has Content-Encoding %q", c.name, coding)
			}
			continue
		}
		if a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: headers %v, want JSON in gzip", c.name, a.Header)
		}
		if framed := a.ContentLength == int64(len(a.body)) || len(a.TransferEncoding) == 1; !framed || a.Close {
			t.Errorf("%s: Content-Length %d of %d bytes, Transfer-Encoding %q", c.name, a.ContentLength, len(a.body), a.TransferEncoding)
		}
		unzipped, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if body, err := io.ReadAll(unzipped); err != nil || string(body) != c.want {
			t.Errorf("%s: decompresses to %.100q... and %v, want %.100q...", c.name, body, err, c.want)
		}
	}
}

// Telegram never compresses. Decompress leaves Content-Encoding as it is, so that
// the webhook takes the body for a compressed one.
func TestDecompressDoesNotMakeACompressedUpdateAcceptable(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = io.WriteString(w, message(1))
	_ = w.Close()
	b := newBot(t, idle)
	e := mounted(b.Webhook, middleware.Decompress())
	ask(t, e, strings.Replace(delivery(path, packed.String()), "Connection:", "Content-Encoding: gzip\r\nConnection:", 1)).is(t, 415, "")
	b.ran(0)
	ask(t, e, delivery(path, message(1))).is(t, 200, "")
	b.ran(1)
}

// Echo's own 503, at the end of the request's context, would name no Retry-After.
func TestATimeoutOfEchoIsForestalledAndTheHandlerGoesOn(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]echo.MiddlewareFunc{
		"ContextTimeout": middleware.ContextTimeout(4 * time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					time.Sleep(6 * time.Second)
					if err := ctx.Err(); err != nil {
						t.Errorf("the handler's ctx ended with the request's: %v", err)
					}
					return greet(ctx, u)
				})
				e := mounted(b.Webhook, timeout)
				send := func() *httptest.ResponseRecorder {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(message(1)))
					r.Header.Set("Content-Type", "application/json")
					r.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
					rec := httptest.NewRecorder()
					e.ServeHTTP(rec, r)
					return rec
				}
				start := time.Now()
				if rec := send(); rec.Code != 503 || rec.Header().Get("Retry-After") != "2" || rec.Body.Len() > 0 {
					t.Errorf("got %d %v %q, want 503 after 2", rec.Code, rec.Header(), rec.Body)
				}
				if took := time.Since(start); took != 3500*time.Millisecond {
					t.Errorf("answered after %v, want 3.5 s", took)
				}
				time.Sleep(2 * time.Second)
				if rec := send(); rec.Code != 200 || rec.Body.String() != greeting(1001) {
					t.Errorf("the redelivery got %d %q, want 200 %q", rec.Code, rec.Body, greeting(1001))
				}
				if took := time.Since(start); took != 6*time.Second {
					t.Errorf("the redelivery was answered after %v, want 6 s", took)
				}
				b.ran(1)
			})
		})
	}
}
