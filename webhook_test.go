package tghook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// sightings is a DispatchConfig.Observe that keeps what it is told.
type sightings struct {
	mu  sync.Mutex
	all []tghook.Delivery
}

func (s *sightings) observe(_ context.Context, v tghook.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, v)
}

func (s *sightings) list() []tghook.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// only is the one delivery that there was.
func (s *sightings) only(t *testing.T) tghook.Delivery {
	t.Helper()
	all := s.list()
	require.Lenf(t, all, 1, "Observe was told %d times, want once", len(all))
	return all[0]
}

// hookFor makes a Webhook with hookSecret, changed as a test likes.
func hookFor(t *testing.T, h tghook.HandlerFunc, changes ...func(*tghook.Config)) (*tghook.Webhook, *sightings) {
	t.Helper()
	seen := &sightings{}
	cfg := tghook.Config{Secret: rig.HookSecret, Dispatch: tghook.DispatchConfig{Observe: seen.observe}}
	for _, change := range changes {
		change(&cfg)
	}
	w, err := tghook.New(h, cfg)
	require.NoError(t, err)
	return w, seen
}

// counted is a handler that succeeds and counts its runs.
func counted(runs *atomic.Int64) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) {
		runs.Add(1)
		return tghook.NoReply, nil
	}
}

// idle is a handler that does nothing.
func idle(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// forbidden is a handler that must not run.
func forbidden(t *testing.T) tghook.HandlerFunc {
	t.Helper()
	return func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		t.Errorf("the handler was run for %s", u.Raw)
		return tghook.NoReply, nil
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (b unread) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.EOF
}

func (unread) Close() error { return nil }

// textFrom is the body of a message with an update_id and a chat of its own.
func textFrom(id, chat int64) []byte {
	return fmt.Appendf(nil, "{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"chat\":{\"id\":%d,\"type\":\"private\"},\"text\":\"hi\"}}", id, chat)
}

// sized is the body of a message of exactly n bytes.
func sized(n int) []byte {
	head, tail := `{"update_id":7,"message":{"chat":{"id":1},"text":"`, `"}}`
	return []byte(head + strings.Repeat("x", n-len(head)-len(tail)) + tail)
}

func requestError(t *testing.T, err error) *tghook.RequestError {
	t.Helper()
	var refused *tghook.RequestError
	require.ErrorAsf(t, err, &refused, "got error %v (%T), want a *RequestError", err, err)
	return refused
}

// A request that is wrong in several ways is told of the first only, in the order
// method, source, secret, type, size; and its body is left alone.
func TestARequestWrongInManyWaysGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	req := tghook.Request{
		Method: http.MethodGet, RemoteAddr: "192.0.2.1:9", Secret: []string{"wrong"}, ContentType: "text/plain",
		ContentEncoding: "gzip", ContentLength: 2 << 20, Body: unread{t},
	}
	steps := []struct {
		problem string // what Observe is told of
		status  int
		header  http.Header
		mend    func()
	}{
		{"method", 405, http.Header{"Allow": {"POST"}}, func() { req.Method = http.MethodPost }},
		{"source", 401, http.Header{"Connection": {"close"}}, func() { req.RemoteAddr = rig.TelegramsAddr }},
		{"secret", 401, http.Header{"Connection": {"close"}}, func() { req.Secret = []string{rig.HookSecret} }},
		{"Content-Type", 415, nil, func() { req.ContentType = "application/json" }},
		{"encoded", 415, nil, func() { req.ContentEncoding = "identity" }},
		{"bytes", 413, http.Header{"Connection": {"close"}}, func() { req.ContentLength, req.Body = 1, strings.NewReader("{") }},
		{"not an update", 400, nil, func() { req = rig.FromTelegram(textFrom(1, 1)) }},
		{"", 200, nil, func() {}},
	}
	for _, step := range steps {
		w, seen := hookFor(t, idle, func(cfg *tghook.Config) { cfg.AllowedSources = tghook.TelegramSources() })
		res := w.Serve(t.Context(), req)
		if res.Status != step.status || !maps.EqualFunc(res.Header, step.header, slices.Equal) || len(res.Body) > 0 {
			t.Errorf("%s: got %d %v %q, want %d %v and no body", step.problem, res.Status, res.Header, res.Body, step.status, step.header)
		}
		v := seen.only(t)
		assert.Equalf(t, step.status, v.Status, "%s: Observe was told of status %d, want %d", step.problem, v.Status, step.status)
		if step.status != 200 {
			refused := requestError(t, v.Err)
			if v.Outcome != tghook.OutcomeRejected || v.Update != nil || refused.Status != step.status || !strings.Contains(refused.Problem, step.problem) {
				t.Errorf("%s: Observe was told %+v with problem %q", step.problem, v, refused.Problem)
			}
		}
		step.mend()
	}
}

func TestToldWrongMethod(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "post", ""} {
		w, _ := hookFor(t, forbidden(t))
		req := rig.FromTelegram(nil)
		req.Method, req.Body = method, unread{t}
		res := w.Serve(t.Context(), req)
		if res.Status != 405 || res.Header.Get("Allow") != "POST" {
			t.Errorf("%q: got %d %v, want 405 with Allow: POST", method, res.Status, res.Header)
		}
	}
}

// claims is a Store that counts what it is asked.
type claims struct{ asked atomic.Int64 }

func (s *claims) Claim(_ context.Context, c tghook.Claim, _, _ time.Duration) (tghook.ClaimResult, error) {
	s.asked.Add(1)
	return tghook.ClaimResult{Attempt: 1}, nil
}

func (*claims) Renew(context.Context, tghook.Claim, time.Duration) error { return nil }

func (*claims) Done(context.Context, tghook.Claim, []byte) error { return nil }

func (*claims) Fail(context.Context, tghook.Claim, []byte) error { return nil }

func (*claims) Release(context.Context, tghook.Claim) error { return nil }

func TestToldMissingDoubledOrWrongSecret(t *testing.T) {
	t.Parallel()
	wrong := map[string][]string{
		"missing":               nil,
		"empty":                 {""},
		"shorter":               {rig.HookSecret[:len(rig.HookSecret)-1]},
		"longer":                {rig.HookSecret + "x"},
		"same length":           {strings.Repeat("x", len(rig.HookSecret))},
		"other case":            {strings.ToUpper(rig.HookSecret)},
		"doubled":               {rig.HookSecret, rig.HookSecret},
		"right, then wrong":     {rig.HookSecret, "x"},
		"wrong, then right":     {"x", rig.HookSecret},
		"two in one line":       {rig.HookSecret + ", " + rig.HookSecret},
		"with a space":          {rig.HookSecret + " "},
		"with a NUL":            {rig.HookSecret + "\x00"},
		"the previous, removed": {"previous"},
	}
	for name, lines := range wrong {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &claims{}
			w, seen := hookFor(t, forbidden(t), func(cfg *tghook.Config) { cfg.Dispatch.Store, cfg.Dispatch.Bot = store, 42 })
			req := rig.FromTelegram(textFrom(1, 1))
			req.Secret, req.Body = lines, unread{t}
			res := w.Serve(t.Context(), req)
			if res.Status != 401 || res.Header.Get("Connection") != "close" || len(res.Body) > 0 {
				t.Errorf("got %d %v %q, want 401 with Connection: close", res.Status, res.Header, res.Body)
			}
			if v := seen.only(t); v.Outcome != tghook.OutcomeRejected || v.Bot != 42 {
				t.Errorf("Observe was told %+v, want a rejection for bot 42", v)
			}
			if n := store.asked.Load(); n != 0 {
				t.Errorf("the Store was asked for %d claims, want none", n)
			}
		})
	}
}

func TestWhileRotatingEitherSecretIsAccepted(t *testing.T) {
	t.Parallel()
	status := func(secret string, change func(*tghook.Config)) int {
		w, _ := hookFor(t, idle, change)
		req := rig.FromTelegram(textFrom(1, 1))
		req.Secret = []string{secret}
		return w.Serve(t.Context(), req).Status
	}
	rotating := func(cfg *tghook.Config) { cfg.Secret, cfg.PreviousSecret = "new", "old" }
	same := func(cfg *tghook.Config) { cfg.Secret, cfg.PreviousSecret = "new", "new" }
	over := func(cfg *tghook.Config) { cfg.Secret = "new" }
	for _, c := range []struct {
		name, secret string
		change       func(*tghook.Config)
		want         int
	}{
		{"new while rotating", "new", rotating, 200},
		{"old while rotating", "old", rotating, 200},
		{"both in one while rotating", "newold", rotating, 401},
		{"none while rotating", "", rotating, 401},
		{"new when both are the same", "new", same, 200},
		{"new after rotating", "new", over, 200},
		{"old after rotating", "old", over, 401},
	} {
		assert.Equal(t, c.want, status(c.secret, c.change), c.name)
	}
}

func TestWithoutASecretAnybodyMayPostOnlyIfToldSo(t *testing.T) {
	t.Parallel()
	open := func(cfg *tghook.Config) { cfg.Secret, cfg.InsecureNoSecret = "", true }
	w, _ := hookFor(t, idle, open)
	for i, lines := range [][]string{nil, {"anything"}, {"a", "b"}} {
		req := rig.FromTelegram(textFrom(int64(i), 1))
		req.Secret = lines
		assert.Equalf(t, 200, w.Serve(t.Context(), req).Status, "InsecureNoSecret, secret %q", lines)
	}
	// It is no switch that turns a secret off.
	w, _ = hookFor(t, forbidden(t), func(cfg *tghook.Config) { cfg.InsecureNoSecret = true })
	req := rig.FromTelegram(textFrom(9, 1))
	req.Secret = nil
	assert.Equal(t, 401, w.Serve(t.Context(), req).Status, "InsecureNoSecret beside a Secret")
}

func TestToldWrongContentTypeOrEncoding(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		contentType, encoding string
		want                  int
	}{
		{"application/json", "", 200},
		{"application/json; charset=utf-8", "", 200},
		{"application/json;charset=UTF-8", "", 200},
		{"Application/JSON", "", 200},
		{" application/json ", "", 200},
		{"application/json;", "", 200},
		{"application/json", "identity", 200},
		{"application/json", "Identity", 200},
		{"", "", 415},
		{"json", "", 415},
		{"text/plain", "", 415},
		{"text/json", "", 415},
		{"text/xml", "", 415},
		{"application/xml", "", 415},
		{"application/jsonp", "", 415},
		{"application/vnd.api+json", "", 415},
		{"application/x-www-form-urlencoded", "", 415},
		{"multipart/form-data; boundary=application/json", "", 415},
		{"text/plain; application/json", "", 415},
		{"application/json", "gzip", 415},
		{"application/json", "deflate", 415},
		{"application/json", "br", 415},
		{"application/json", "gzip, identity", 415},
	} {
		w, _ := hookFor(t, idle)
		req := rig.FromTelegram(textFrom(1, 1))
		req.ContentType, req.ContentEncoding = c.contentType, c.encoding
		if c.want != 200 {
			req.Body = unread{t}
		}
		if res := w.Serve(t.Context(), req); res.Status != c.want || res.Header != nil {
			t.Errorf("Content-Type %q, Content-Encoding %q: got %d %v, want %d", c.contentType, c.encoding, res.Status, res.Header, c.want)
		}
	}
}

// endless is a body without end that counts what is read of it.
type endless struct{ read int64 }

var spaces = bytes.Repeat([]byte(" "), 64<<10)

func (b *endless) Read(p []byte) (int, error) {
	n := copy(p, spaces)
	b.read += int64(n)
	return n, nil
}

func TestToldOverMaxBody(t *testing.T) {
	t.Parallel()
	const most = 64 << 10
	w, seen := hookFor(t, idle, func(cfg *tghook.Config) { cfg.MaxBody = most })
	for _, c := range []struct {
		name   string
		length int64 // announced
		body   int   // sent
		want   int
	}{
		{"exactly at the limit", most, most, 200},
		{"exactly at the limit, of unknown length", -1, most, 200},
		{"one byte under", most - 1, most - 1, 200},
		{"one byte over", most + 1, most + 1, 413},
		{"one byte over, of unknown length", -1, most + 1, 413},
		{"more than was announced", 10, most + 1, 413},
		{"less than was announced", most, most - 1, 200},
	} {
		req := rig.FromTelegram(sized(c.body))
		req.ContentLength = c.length
		assert.Equal(t, c.want, w.Serve(t.Context(), req).Status, c.name)
	}
	for _, v := range seen.list() {
		if v.Status == 413 && !strings.Contains(v.Err.Error(), strconv.Itoa(most)) {
			t.Errorf("the error %q does not name the limit", v.Err)
		}
	}

	body := &endless{}
	req := rig.FromTelegram(nil)
	req.ContentLength, req.Body = -1, body
	if res := w.Serve(t.Context(), req); res.Status != 413 || res.Header.Get("Connection") != "close" {
		t.Errorf("an endless body: got %d %v, want 413 with Connection: close", res.Status, res.Header)
	}
	assert.LessOrEqualf(t, body.read, int64(4*most), "%d bytes were read of a body that may have %d", body.read, most)
}

func TestMaxBodyIsOneMebibyteByDefault(t *testing.T) {
	t.Parallel()
	w, _ := hookFor(t, idle)
	for size, want := range map[int]int{1 << 20: 200, 1<<20 + 1: 413} {
		assert.Equalf(t, want, w.Serve(t.Context(), rig.FromTelegram(sized(size))).Status, "%d bytes", size)
	}
}

// What an outer http.MaxBytesHandler cuts off is too large as well.
func TestALimitOfTheServersOwnIs413(t *testing.T) {
	t.Parallel()
	w, _ := hookFor(t, forbidden(t))
	rec := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook", bytes.NewReader(sized(2000)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", rig.HookSecret)
	http.MaxBytesHandler(w, 1000).ServeHTTP(rec, req)
	assert.Equal(t, 413, rec.Code)
}

// brokenBody ends with an error after some of an update.
type brokenBody struct {
	io.Reader
	err error
}

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = b.err
	}
	return n, err
}

func TestToldBodyNotWellFormed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for name, body := range map[string]string{
		"empty":                          "",
		"white space":                    " \r\n",
		"an array":                       `[{"update_id":1,"message":{}}]`,
		"a string":                       `"` + long + `"`,
		"half an object":                 `{"update_id":1,"message":{"text":"` + long,
		"two objects":                    `{"update_id":1,"message":{}}{"update_id":2,"message":{}}`,
		"without update_id":              `{"message":{"text":"` + long + `"}}`,
		"update_id a string":             `{"update_id":"1","message":{"text":"` + long + `"}}`,
		"update_id a fraction":           `{"update_id":1.5,"message":{}}`,
		"update_id null":                 `{"update_id":null,"message":{}}`,
		"update_id over 64 bits":         `{"update_id":9223372036854775808,"message":{}}`,
		"a fault far inside":             `{"update_id":1,"message":{"text":"` + long + `","x":tru,"y":"` + long + `"}}`,
		"a control character":            "{\"update_id\":1,\"message\":{\"text\":\"a\nb\"}}",
		"form data":                      "update_id=1&message=%7B%7D",
		"deeper than anybody would nest": `{"update_id":1,"message":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs atomic.Int64
			w, seen := hookFor(t, counted(&runs), func(cfg *tghook.Config) {
				cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error {
					t.Error("what is no update became a dead letter")
					return nil
				}
			})
			res := w.Serve(t.Context(), rig.FromTelegram([]byte(body)))
			if res.Status != 400 || res.Header != nil || len(res.Body) > 0 {
				t.Errorf("got %d %v %q, want 400 alone", res.Status, res.Header, res.Body)
			}
			v := seen.only(t)
			refused := requestError(t, v.Err)
			var undecodable *tghook.DecodeError
			if v.Outcome != tghook.OutcomeRejected || v.Update != nil || refused.Status != 400 || !errors.As(v.Err, &undecodable) {
				t.Fatalf("Observe was told %+v, want a rejection with a *DecodeError", v)
			}
			if len(undecodable.Excerpt) > 64 || !strings.Contains(body, undecodable.Excerpt) {
				t.Errorf("excerpt %q is not at most 64 bytes of the body", undecodable.Excerpt)
			}
			if strings.Contains(v.Err.Error(), strings.Repeat("x", 65)) || len(v.Err.Error()) > 512 {
				t.Errorf("the error has %d bytes: %.600s", len(v.Err.Error()), v.Err)
			}
			assert.Equal(t, int64(0), runs.Load(), "the handler was run")
			// The next valid update works.
			if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))); res.Status != 200 || runs.Load() != 1 {
				t.Errorf("the next update: got %d after %d runs, want 200 after one", res.Status, runs.Load())
			}
		})
	}
}

func TestABodyThatBreaksOffIs400(t *testing.T) {
	t.Parallel()
	w, seen := hookFor(t, forbidden(t))
	cause := errors.New("connection reset")
	req := rig.FromTelegram(nil)
	req.ContentLength, req.Body = 500, brokenBody{strings.NewReader(`{"update_id":1,"message":{}}`), cause}
	assert.Equal(t, 400, w.Serve(t.Context(), req).Status)
	if v := seen.only(t); !errors.Is(v.Err, cause) {
		t.Errorf("Observe was told %v, want the cause %v", v.Err, cause)
	}
}

func TestAMissingBodyIs400(t *testing.T) {
	t.Parallel()
	w, _ := hookFor(t, forbidden(t))
	req := rig.FromTelegram(nil)
	req.Body = nil
	assert.Equal(t, 400, w.Serve(t.Context(), req).Status)
}

// A middleware that reads the body leaves nothing: that is a clear error rather
// than an update lost.
func TestABodyThatAMiddlewareHasReadIs400(t *testing.T) {
	t.Parallel()
	w, seen := hookFor(t, forbidden(t))
	eager := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.ServeHTTP(rw, r)
	})
	rec := httptest.NewRecorder()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook", bytes.NewReader(textFrom(1, 1)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", rig.HookSecret)
	eager.ServeHTTP(rec, req)
	assert.Equal(t, 400, rec.Code)
	if err := requestError(t, seen.only(t).Err); !strings.Contains(err.Error(), "the body is empty: has a middleware read it?") {
		t.Errorf("error %q does not say that the body was empty", err)
	}
}

func TestToldWellFormedButNoKind(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"update_id":5}`, `{"update_id":5,"message":null}`, `{"update_id":5,"message":"text","count":3}`, `{"update_id":5,"":{}}`} {
		var letters []string
		w, seen := hookFor(t, forbidden(t), func(cfg *tghook.Config) {
			cfg.Dispatch.DeadLetter = func(_ context.Context, u *tghook.Update, err error) error {
				if !errors.Is(err, tghook.ErrNoKind) || u.ID != 5 || u.Kind != "" {
					t.Errorf("%s: dead letter %+v for %v, want ErrNoKind", body, u, err)
				}
				letters = append(letters, string(u.Raw))
				return nil
			}
		})
		if res := w.Serve(t.Context(), rig.FromTelegram([]byte(body))); res.Status != 200 || len(res.Body) > 0 {
			t.Errorf("%s: got %d %q, want 200 without a body", body, res.Status, res.Body)
		}
		if len(letters) != 1 || letters[0] != body {
			t.Errorf("%s: dead letters %q, want the body once", body, letters)
		}
		if v := seen.only(t); v.Outcome != tghook.OutcomeDeadLettered || v.Status != 200 || v.Update == nil {
			t.Errorf("%s: Observe was told %+v, want a dead letter with 200", body, v)
		}
	}
}

func TestAnUnknownKindPassesWithRawIntact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, kind string }{
		{"unknown kind", `{"update_id":5,"telepathy":{"from":{"id":8},"thought":"\u00e9\u0301"}}`, "telepathy"},
		{"unknown members", `{"update_id":5,"shard":{"x":1}, "message":{"chat":{"id":4},"aura":{"colour":[1,2.50,1e3]}},"z":null}`, "message"},
		{"white space and order", "\n{ \"message\" : {} , \"update_id\" : 5 }\n", "message"},
		{"bytes that are no UTF-8", "{\"update_id\":5,\n\"callback_query\":{\"data\":\"\xff\xfe\"}}", "callback_query"},
	} {
		var got *tghook.Update
		w, seen := hookFor(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			got = u
			return tghook.NoReply, nil
		})
		assert.Equal(t, 200, w.Serve(t.Context(), rig.FromTelegram([]byte(c.body))).Status, c.name)
		if got == nil || string(got.Kind) != c.kind || string(got.Raw) != c.body {
			t.Errorf("%s: the handler got %+v, want kind %s and all of the body", c.name, got, c.kind)
		}
		if v := seen.only(t); v.Outcome != tghook.OutcomeHandled || v.Update != got {
			t.Errorf("%s: Observe was told %+v, want handled", c.name, v)
		}
	}
}

// A door may use its buffer again as soon as Serve has returned, as fasthttp does.
func TestTheUpdateOwnsItsBytes(t *testing.T) {
	t.Parallel()
	var got *tghook.Update
	w, _ := hookFor(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		got = u
		return tghook.NoReply, nil
	})
	for name, want := range tghooktest.Updates() {
		buffer := bytes.Clone(want)
		w.Serve(t.Context(), rig.FromTelegram(buffer))
		for i := range buffer {
			buffer[i] = '#'
		}
		if got == nil || !bytes.Equal(got.Raw, want) {
			t.Errorf("%s: the update changed with the door's buffer", name)
		}
	}
}

// Only what leaves a body unread may cost Telegram its connection.
func TestNothingElseClosesTheConnection(t *testing.T) {
	t.Parallel()
	fail := errors.New("no")
	for name, h := range map[string]tghook.HandlerFunc{
		"nil":   idle,
		"error": func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, fail },
		"RetryAfter": func(context.Context, *tghook.Update) (tghook.Reply, error) {
			return tghook.NoReply, tghook.RetryAfter(1, fail)
		},
		"Drop":  func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, tghook.Drop(fail) },
		"panic": func(context.Context, *tghook.Update) (tghook.Reply, error) { panic(fail) },
		"reply": func(context.Context, *tghook.Update) (tghook.Reply, error) {
			return tghook.Reply{Method: "sendMessage"}, nil
		},
	} {
		w, _ := hookFor(t, h, func(cfg *tghook.Config) {
			cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error { return nil }
		})
		assert.Empty(t, w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))).Header.Get("Connection"), name)
	}
}

func TestNewReturnsEveryConfigErrorAtOnce(t *testing.T) {
	t.Parallel()
	none := netip.Prefix{}
	good := netip.MustParsePrefix("192.0.2.0/24")
	for _, c := range []struct {
		name   string
		h      tghook.Handler
		cfg    tghook.Config
		fields []string
	}{
		{"nothing wrong", tghook.HandlerFunc(idle), tghook.Config{Secret: "s"}, nil},
		{"the longest secret", tghook.HandlerFunc(idle), tghook.Config{Secret: strings.Repeat("aZ0_", 63) + "-9z_"}, nil},
		{"no secret, loudly", tghook.HandlerFunc(idle), tghook.Config{InsecureNoSecret: true}, nil},
		{"the zero Config", tghook.HandlerFunc(idle), tghook.Config{}, []string{"Config.Secret"}},
		{"no handler", nil, tghook.Config{Secret: "s"}, []string{"Handler"}},
		{"a secret too long", tghook.HandlerFunc(idle), tghook.Config{Secret: strings.Repeat("s", 257)}, []string{"Config.Secret"}},
		{"a secret with a dot", tghook.HandlerFunc(idle), tghook.Config{Secret: "a.b"}, []string{"Config.Secret"}},
		{"a secret with a line break", tghook.HandlerFunc(idle), tghook.Config{Secret: "ab\n"}, []string{"Config.Secret"}},
		{"a secret beyond ASCII", tghook.HandlerFunc(idle), tghook.Config{Secret: "\u00e4"}, []string{"Config.Secret"}},
		{"the characters beside the letters", tghook.HandlerFunc(idle), tghook.Config{Secret: "@", PreviousSecret: "["}, []string{"Config.Secret", "Config.PreviousSecret"}},
		{"a bad secret, though insecure", tghook.HandlerFunc(idle), tghook.Config{Secret: "a b", InsecureNoSecret: true}, []string{"Config.Secret"}},
		{"a previous secret alone", tghook.HandlerFunc(idle), tghook.Config{PreviousSecret: "p", InsecureNoSecret: true}, []string{"Config.PreviousSecret"}},
		{
			"all of it", nil,
			tghook.Config{
				Dispatch:       tghook.DispatchConfig{Bot: -1, MaxInFlight: -1, MaxLane: -1, MaxAttempts: -1},
				Secret:         "a b",
				PreviousSecret: "c d",
				AllowedSources: []netip.Prefix{good, none},
				TrustedProxies: []netip.Prefix{none, good},
				Late:           99,
				MaxBody:        -1,
			},
			[]string{
				"Handler", "Config.Dispatch.Bot", "Config.Dispatch.MaxInFlight", "Config.Dispatch.MaxLane", "Config.Dispatch.MaxAttempts",
				"Config.Secret", "Config.PreviousSecret", "Config.AllowedSources[1]", "Config.TrustedProxies[0]", "Config.Late", "Config.MaxBody",
			},
		},
		{"a policy below the first", tghook.HandlerFunc(idle), tghook.Config{Secret: "s", Late: -1}, []string{"Config.Late"}},
		{
			"a Store without a Bot", tghook.HandlerFunc(idle),
			tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Store: &claims{}}},
			[]string{"Config.Dispatch.Bot"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, err := tghook.New(c.h, c.cfg)
			require.Equal(t, (w != nil), (err == nil))
			var fields []string
			for _, mistake := range rig.ConfigErrors(t, err) {
				fields = append(fields, mistake.Field)
				if text := mistake.Error(); text != "tghook: "+mistake.Field+": "+mistake.Problem || mistake.Problem == "" {
					t.Errorf("error text %q", text)
				}
			}
			assert.Equalf(t, c.fields, fields, "got errors for %q, want for %q", fields, c.fields)
			for _, secret := range []string{c.cfg.Secret, c.cfg.PreviousSecret} {
				if err != nil && len(secret) > 1 && strings.Contains(err.Error(), secret) {
					t.Errorf("the error tells the secret: %v", err)
				}
			}
		})
	}
}

// The secret, and what was presented in its place, must not leak. Not parallel:
// it looks at the default logger.
func TestTheSecretIsInNoLogLineErrorOrDelivery(t *testing.T) {
	var logged rig.Log
	oldLogger, oldWriter, oldFlags := slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() {
		slog.SetDefault(oldLogger)
		log.SetOutput(oldWriter)
		log.SetFlags(oldFlags)
	})
	const presented, previous = "presented-by-a-stranger", "previous-secret_9876"
	handlers := map[string]tghook.HandlerFunc{
		"handled": idle,
		"failed":  func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, errors.New("no") },
		"dropped": func(context.Context, *tghook.Update) (tghook.Reply, error) {
			return tghook.NoReply, tghook.Drop(errors.New("no"))
		},
		"panicked": func(context.Context, *tghook.Update) (tghook.Reply, error) { panic("no") },
	}
	requests := func() []tghook.Request {
		good, previousGood, wrong, doubled := rig.FromTelegram(textFrom(1, 1)), rig.FromTelegram(textFrom(2, 1)), rig.FromTelegram(textFrom(3, 1)), rig.FromTelegram(textFrom(4, 1))
		previousGood.Secret, wrong.Secret, doubled.Secret = []string{previous}, []string{presented}, []string{rig.HookSecret, presented}
		get, xml, big, malformed, kindless := rig.FromTelegram(nil), rig.FromTelegram(nil), rig.FromTelegram(sized(2<<20)), rig.FromTelegram([]byte("{")), rig.FromTelegram([]byte(`{"update_id":5}`))
		get.Method, xml.ContentType = http.MethodGet, "text/xml"
		return []tghook.Request{good, previousGood, wrong, doubled, get, xml, big, malformed, kindless}
	}
	for name, h := range handlers {
		for _, observed := range []bool{true, false} {
			var seen *sightings
			w, s := hookFor(t, h, func(cfg *tghook.Config) {
				cfg.PreviousSecret = previous
				if !observed {
					cfg.Dispatch.Observe = nil // failures go to slog
				}
			})
			seen = s
			for _, req := range requests() {
				res := w.Serve(t.Context(), req)
				logged.Check(t, name, fmt.Sprintf("%v %s", res.Header, res.Body), rig.HookSecret, previous, presented)
			}
			for _, v := range seen.list() {
				logged.Check(t, name, fmt.Sprintf("%+v %#v %v", v, v, v.Err), rig.HookSecret, previous, presented)
			}
		}
	}
	if text := logged.String(); !strings.Contains(text, "request refused") || !strings.Contains(text, "dead letter") {
		t.Fatalf("nothing was logged to look at: %q", text)
	}
	logged.Check(t, "log", logged.String(), rig.HookSecret, previous, presented)
}

func (pipeAddr) Network() string { return "pipe" }

func (pipeAddr) String() string { return "pipe" }
