package tghook_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

// logging has a Webhook log to memory, without the time.
func logging(to *lockedBuffer) func(*tghook.Config) {
	return func(cfg *tghook.Config) {
		cfg.Dispatch.Logger = slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
	}
}

// lines are those that were logged since the last call.
func (b *lockedBuffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := strings.TrimSuffix(b.b.String(), "\n")
	b.b.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// refused has the webhook refuse n requests with a wrong secret.
func refused(t *testing.T, w *tghook.Webhook, n int) {
	t.Helper()
	for range n {
		req := fromTelegram(textFrom(1, 1))
		req.Secret = []string{"presented"}
		if res := w.Serve(t.Context(), req); res.Status != 401 {
			t.Errorf("got %d, want 401", res.Status)
		}
	}
}

func TestARefusalIsLoggedWithThePathThePeerAndTheProblem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		spoil func(*tghook.Request)
		want  []string
	}{
		{func(r *tghook.Request) { r.Secret = nil }, []string{"status=401", "secret token missing"}},
		{func(r *tghook.Request) { r.Secret = []string{""} }, []string{"status=401", "secret token missing"}},
		{func(r *tghook.Request) { r.Secret = []string{hookSecret, "presented"} }, []string{"status=401", "secret token doubled"}},
		{func(r *tghook.Request) { r.Secret = []string{"presented"} }, []string{"status=401", "secret token wrong"}},
		{func(r *tghook.Request) { r.Method = "PUT" }, []string{"status=405", `method \"PUT\"`}},
		{func(r *tghook.Request) { r.ContentType = "text/" + strings.Repeat("x", 500) }, []string{"status=415", `Content-Type \"text/` + strings.Repeat("x", 59) + `\": want`}},
		{func(r *tghook.Request) { r.ContentType = "" }, []string{"status=415", `Content-Type \"\": want application/json`}},
		{func(r *tghook.Request) { r.ContentEncoding = "gzip" }, []string{"status=415", `Content-Encoding \"gzip\"`}},
		{func(r *tghook.Request) { r.Body = strings.NewReader("{") }, []string{"status=400", "the body is not an update", "error="}},
	} {
		var logged lockedBuffer
		w, seen := hookFor(t, forbidden(t), logging(&logged), func(cfg *tghook.Config) { cfg.Dispatch.Bot = 42 })
		req := fromTelegram(textFrom(1, 1))
		req.Path = "/bot" + apiToken + "/" + hookSecret
		c.spoil(&req)
		w.Serve(t.Context(), req)
		lines := logged.lines()
		if len(lines) != 1 {
			t.Errorf("%q: logged %q, want one line", c.want, lines)
			continue
		}
		common := []string{"level=WARN", `msg="tghook: request refused"`, "path=/bot<token>/[hidden] ", "peer=149.154.167.220 ", "bot=42"}
		for _, want := range slices.Concat(c.want, common) {
			if !strings.Contains(lines[0], want) {
				t.Errorf("the line %q has no %q", lines[0], want)
			}
		}
		logged.check(t, "the line", lines[0], hookSecret, apiToken, "presented")
		told := requestError(t, seen.only(t).Err)
		same(t, "Path", told.Path, "/bot<token>/[hidden]")
		same(t, "Peer", told.Peer, "149.154.167.220")
		logged.check(t, "the error", fmt.Sprintf("%+v %v", *told, told), hookSecret, apiToken, "presented")
	}
}

func TestALongPathIsCutInTheLog(t *testing.T) {
	t.Parallel()
	w, seen := hookFor(t, forbidden(t))
	req := fromTelegram(nil)
	req.Path, req.Secret = strings.Repeat("x", 190)+hookSecret+strings.Repeat("y", 1<<20), nil
	w.Serve(t.Context(), req)
	same(t, "Path", requestError(t, seen.only(t).Err).Path, strings.Repeat("x", 190)+"[hidden]yy")
}

func TestRefusalsAreLoggedAtABoundedRate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var logged, other lockedBuffer
		w, seen := hookFor(t, nothing, logging(&logged), func(cfg *tghook.Config) { cfg.Dispatch.Bot = 42 })
		second, _ := hookFor(t, nothing, logging(&other))
		refused(t, w, 6)
		pass(30 * time.Second)
		refused(t, w, 1000)
		same(t, "lines of the first half minute", len(logged.lines()), 10)
		pass(29 * time.Second)
		same(t, "lines within the minute", logged.lines(), nil)
		refused(t, second, 3)
		same(t, "lines of another Webhook", len(other.lines()), 3)
		pass(time.Second)
		same(t, "line at the end of the minute", logged.lines(), []string{`level=WARN msg="tghook: more requests refused" count=996 bot=42`})
		pass(time.Hour)
		same(t, "lines of an hour without a request", append(logged.lines(), other.lines()...), nil)

		refused(t, w, 11)
		same(t, "lines of another minute", len(logged.lines()), 10)
		pass(10 * time.Second)
		if err := w.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		same(t, "line at the end of the Webhook", logged.lines(), []string{`level=WARN msg="tghook: more requests refused" count=1 bot=42`})
		refused(t, w, 50)
		same(t, "lines after Shutdown", len(logged.lines()), 10)
		pass(24 * time.Hour)
		same(t, "lines long after Shutdown", logged.lines(), nil)
		same(t, "what Observe was told of before Shutdown had returned", len(seen.list()), 6+1000+11)
	})
}

// A health check that asks every ten seconds is no news.
func TestProbesAreOneQuietLineAnHour(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var logged lockedBuffer
		w, _ := hookFor(t, nothing, logging(&logged))
		for i := range 360 {
			req := fromTelegram(nil)
			req.Method, req.Secret, req.RemoteAddr = []string{http.MethodGet, http.MethodHead}[i%2], nil, "192.0.2.9:1"
			if res := w.Serve(t.Context(), req); res.Status != 405 {
				t.Errorf("got %d, want 405", res.Status)
			}
			pass(10 * time.Second)
		}
		same(t, "lines", logged.lines(), []string{
			`level=INFO msg="tghook: a GET request where Telegram sends POST" path=/hook peer=192.0.2.9`,
			`level=INFO msg="tghook: more GET and HEAD requests" count=359`,
		})
		refused(t, w, 1)
		same(t, "lines of a refusal", len(logged.lines()), 1)
	})
}

// What a slog.Handler of the user's does must not hold up Shutdown, or the next refusal.
func TestALoggerThatBlocksHoldsUpNoShutdown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		w, _ := hookFor(t, nothing, func(cfg *tghook.Config) {
			cfg.Dispatch.Logger = slog.New(blockingHandler{slog.DiscardHandler, release})
		})
		refused(t, w, 12)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_ = w.Shutdown(ctx)
		if waited := time.Since(start); waited > time.Second {
			t.Errorf("Shutdown took %v, want 1s", waited)
		}
	})
}

// blockingHandler blocks for lines that count.
type blockingHandler struct {
	slog.Handler

	release chan struct{}
}

func (blockingHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h blockingHandler) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "more") {
		<-h.release
	}
	return nil
}

func TestAPartlyReadBodyIsToldLikeOneThatWasReadWhole(t *testing.T) {
	t.Parallel()
	update := textFrom(1, 1)
	for _, c := range []struct {
		name   string
		body   []byte
		length int64
		want   string
	}{
		{"read whole", nil, int64(len(update)), "the body is empty: has a middleware read it?"},
		{"read whole, in chunks", nil, -1, "the body is empty: has a middleware read it?"},
		{"read in part", update[20:], int64(len(update)), fmt.Sprintf("%d of %d bytes are left: has a middleware read it?", len(update)-20, len(update))},
		{"read in part, in chunks", update[20:], -1, "does not begin with a brace: has a middleware read it?"},
		{"malformed", []byte("hi"), 2, "the body is not an update"},
		{"malformed, in chunks", []byte(" {"), -1, "the body is not an update"},
	} {
		w, seen := hookFor(t, forbidden(t))
		req := fromTelegram(nil)
		req.Body, req.ContentLength = bytes.NewReader(c.body), c.length
		res := w.Serve(t.Context(), req)
		problem := requestError(t, seen.only(t).Err).Problem
		if res.Status != 400 || !strings.Contains(problem, c.want) || strings.Contains(problem, "middleware") != strings.Contains(c.want, "middleware") {
			t.Errorf("%s: got %d and %q, want 400 and %q", c.name, res.Status, problem, c.want)
		}
	}
}
