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

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

// logging has a Webhook log to memory, without the time.
func logging(to *rig.Log) func(*tghook.Config) {
	return func(cfg *tghook.Config) {
		cfg.Dispatch.Logger = slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
	}
}

// refused has the webhook refuse n requests with a wrong secret.
func refused(t *testing.T, w *tghook.Webhook, n int) {
	t.Helper()
	for range n {
		req := rig.FromTelegram(textFrom(1, 1))
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
		{func(r *tghook.Request) { r.Secret = []string{rig.HookSecret, "presented"} }, []string{"status=401", "secret token doubled"}},
		{func(r *tghook.Request) { r.Secret = []string{"presented"} }, []string{"status=401", "secret token wrong"}},
		{func(r *tghook.Request) { r.Method = "PUT" }, []string{"status=405", `method \"PUT\"`}},
		{func(r *tghook.Request) { r.ContentType = "text/" + strings.Repeat("x", 500) }, []string{"status=415", `Content-Type \"text/` + strings.Repeat("x", 59) + `\": want`}},
		{func(r *tghook.Request) { r.ContentType = "" }, []string{"status=415", `Content-Type \"\": want application/json`}},
		{func(r *tghook.Request) { r.ContentEncoding = "gzip" }, []string{"status=415", `Content-Encoding \"gzip\"`}},
		{func(r *tghook.Request) { r.Body = strings.NewReader("{") }, []string{"status=400", "the body is not an update", "error="}},
	} {
		var logged rig.Log
		w, seen := hookFor(t, forbidden(t), logging(&logged), func(cfg *tghook.Config) { cfg.Dispatch.Bot = 42 })
		req := rig.FromTelegram(textFrom(1, 1))
		req.Path = "/bot" + rig.APIToken + "/" + rig.HookSecret
		c.spoil(&req)
		w.Serve(t.Context(), req)
		lines := logged.Lines()
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
		logged.Check(t, "the line", lines[0], rig.HookSecret, rig.APIToken, "presented")
		told := requestError(t, seen.only(t).Err)
		assert.Equal(t, "/bot<token>/[hidden]", told.Path, "Path")
		assert.Equal(t, "149.154.167.220", told.Peer, "Peer")
		logged.Check(t, "the error", fmt.Sprintf("%+v %v", *told, told), rig.HookSecret, rig.APIToken, "presented")
	}
}

func TestALongPathIsCutInTheLog(t *testing.T) {
	t.Parallel()
	w, seen := hookFor(t, forbidden(t))
	req := rig.FromTelegram(nil)
	req.Path, req.Secret = strings.Repeat("x", 190)+rig.HookSecret+strings.Repeat("y", 1<<20), nil
	w.Serve(t.Context(), req)
	assert.Equal(t, strings.Repeat("x", 190)+"[hidden]yy", requestError(t, seen.only(t).Err).Path, "Path")
}

func TestRefusalsAreLoggedAtABoundedRate(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var logged, other rig.Log
		w, seen := hookFor(t, rig.Nothing, logging(&logged), func(cfg *tghook.Config) { cfg.Dispatch.Bot = 42 })
		second, _ := hookFor(t, rig.Nothing, logging(&other))
		refused(t, w, 6)
		rig.Pass(30 * time.Second)
		refused(t, w, 1000)
		assert.Len(t, logged.Lines(), 10, "lines of the first half minute")
		rig.Pass(29 * time.Second)
		assert.Nil(t, logged.Lines(), "lines within the minute")
		refused(t, second, 3)
		assert.Len(t, other.Lines(), 3, "lines of another Webhook")
		rig.Pass(time.Second)
		assert.Equal(t, []string{`level=WARN msg="tghook: more requests were refused, without a line each" count=996 bot=42`}, logged.Lines(), "line at the end of the minute")
		rig.Pass(time.Hour)
		assert.Nil(t, append(logged.Lines(), other.Lines()...), "lines of an hour without a request")

		refused(t, w, 11)
		assert.Len(t, logged.Lines(), 10, "lines of another minute")
		rig.Pass(10 * time.Second)
		assert.NoError(t, w.Shutdown(t.Context()))
		assert.Equal(t, []string{`level=WARN msg="tghook: more requests were refused, without a line each" count=1 bot=42`}, logged.Lines(), "line at the end of the Webhook")
		refused(t, w, 50)
		assert.Len(t, logged.Lines(), 10, "lines after Shutdown")
		rig.Pass(24 * time.Hour)
		assert.Nil(t, logged.Lines(), "lines long after Shutdown")
		assert.Len(t, seen.list(), 6+1000+11, "what Observe was told of before Shutdown had returned")
	})
}

// A health check that asks every ten seconds is no news.
func TestProbesAreOneQuietLineAnHour(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var logged rig.Log
		w, _ := hookFor(t, rig.Nothing, logging(&logged))
		for i := range 360 {
			req := rig.FromTelegram(nil)
			req.Method, req.Secret, req.RemoteAddr = []string{http.MethodGet, http.MethodHead}[i%2], nil, "192.0.2.9:1"
			if res := w.Serve(t.Context(), req); res.Status != 405 {
				t.Errorf("got %d, want 405", res.Status)
			}
			rig.Pass(10 * time.Second)
		}
		assert.Equal(t, []string{
			`level=INFO msg="tghook: a GET request where Telegram sends POST" path=/hook peer=192.0.2.9`,
			`level=INFO msg="tghook: more GET and HEAD requests came, without a line each" count=359`,
		}, logged.Lines(), "lines")
		refused(t, w, 1)
		assert.Len(t, logged.Lines(), 1, "lines of a refusal")
	})
}

// What a slog.Handler of the user's does must not hold up Shutdown, or the next refusal.
func TestALoggerThatBlocksHoldsUpNoShutdown(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		w, _ := hookFor(t, rig.Nothing, func(cfg *tghook.Config) {
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
		req := rig.FromTelegram(nil)
		req.Body, req.ContentLength = bytes.NewReader(c.body), c.length
		res := w.Serve(t.Context(), req)
		problem := requestError(t, seen.only(t).Err).Problem
		if res.Status != 400 || !strings.Contains(problem, c.want) || strings.Contains(problem, "middleware") != strings.Contains(c.want, "middleware") {
			t.Errorf("%s: got %d and %q, want 400 and %q", c.name, res.Status, problem, c.want)
		}
	}
}
