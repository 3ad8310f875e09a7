package tghook_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// dripping is a body of size bytes that comes in pieces, all but its last byte within a
// second, and the last when it is released.
type dripping struct {
	head, tail string
	size, read int
	release    <-chan struct{}
	reading    *atomic.Int64 // how many have been read from
}

func (b *dripping) Read(p []byte) (int, error) {
	if b.read == 0 {
		b.reading.Add(1)
	}
	switch left := b.size - b.read; left {
	case 0:
		return 0, io.EOF
	case 1:
		<-b.release
	default:
		time.Sleep(time.Millisecond)
		p = p[:min(len(p), 4<<10, left-1)]
	}
	for i := range p {
		switch at := b.read + i; {
		case at < len(b.head):
			p[i] = b.head[at]
		case at >= b.size-len(b.tail) && at < b.size:
			p[i] = b.tail[at-b.size+len(b.tail)]
		default:
			p[i] = 'x'
		}
	}
	n := min(len(p), b.size-b.read)
	b.read += n
	return n, nil
}

// drip sends n bodies of 1 MiB, of updates with ids from first, and returns how their
// answers come, and how many were read.
func drip(w *tghook.Webhook, first int64, n int, release <-chan struct{}) (answers []*rig.Pending, read *atomic.Int64) {
	read = new(atomic.Int64)
	for i := range n {
		id := first + int64(i)
		req := rig.FromTelegram(nil)
		req.ContentLength = 1 << 20
		req.Body = &dripping{
			head: fmt.Sprintf(`{"update_id":%d,"message":{"chat":{"id":%d},"text":"`, id, id), tail: `"}}`,
			size: 1 << 20, release: release, reading: read,
		}
		p := &rig.Pending{Done: make(chan struct{})}
		answers = append(answers, p)
		go func() {
			defer close(p.Done)
			p.Answer = rig.Answer(w.Serve(context.Background(), req))
		}()
	}
	synctest.Wait()
	rig.Pass(10 * time.Second)
	return answers, read
}

// Bodies come before MaxInFlight can count their updates: 500 of 1 MiB would be 500 MiB.
func TestBodiesThatAreReadAtOnceHaveABound(t *testing.T) {
	rig.Alone(t, func(t *testing.T) {
		const slack = 2 << 20 // goroutines and readers
		w, _ := hookFor(t, rig.Nothing, logging(new(rig.Log)))
		before, release := rig.Heap(), make(chan struct{})
		answers, read := drip(w, 1, 500, release)
		if held := rig.Heap() - before; held > 64<<20+slack {
			t.Errorf("%d MiB are held for bodies that come slowly, want 64 at most", held>>20)
		}
		turnedAway := 0
		for _, p := range answers {
			if p.Now() != "" {
				assert.Contains(t, []string{"503 after 2", "503 after 3"}, p.Answer, "answer to a body for which there is no room")
				turnedAway++
			}
		}
		if still := len(answers) - turnedAway; still < 1 || still > 64 { // how many get so far depends on who grows first
			t.Errorf("%d bodies are being read, %d were read from; want some, and no more than 64 MiB can hold", still, read.Load())
		}
		close(release)
		for _, p := range answers {
			if got, _ := p.Wait(); got != "200" && !strings.HasPrefix(got, "503") {
				t.Errorf("answered %s, want 200 or 503", got)
			}
		}
		if held := rig.Heap() - before; held > 70<<20 { // the room is free again; updates are remembered by id
			t.Errorf("%d MiB are held in the end", held>>20)
		}
		answers, _ = drip(w, 1000, 40, release)
		for _, p := range answers {
			assert.Equal(t, "200", p.Now(), "answer when there is room again")
		}
	})
}

// While the dispatcher is full, what comes is most likely to be turned away: little of it
// is read. A redelivery of a known update is heard all the same, or two seconds later.
func TestWhileFullFewBodiesAreRead(t *testing.T) {
	rig.Alone(t, func(t *testing.T) {
		const slack = 2 << 20
		end := make(chan struct{})
		w, seen := hookFor(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-end
			return rig.Hello, nil
		}, logging(new(rig.Log)), func(cfg *tghook.Config) { cfg.Dispatch.MaxInFlight = 1; cfg.LateAfter = -1 })
		post := func() *rig.Pending {
			return rig.Eventually(func() string { return rig.Answer(w.Serve(context.Background(), rig.FromTelegram(textFrom(1, 1)))) })
		}
		first := post()
		before, release := rig.Heap(), make(chan struct{})
		answers, read := drip(w, 10, 500, release)
		if held := rig.Heap() - before; held > 4<<20+slack {
			t.Errorf("%d MiB are held for bodies that come slowly, want 4 at most", held>>20)
		}
		if n := read.Load(); n > 64 {
			t.Errorf("%d bodies were read from, want as many as 4 MiB have room for", n)
		}
		still := 0
		for _, p := range answers {
			if p.Now() == "" {
				still++
			}
		}
		assert.NotEqual(t, 0, still, "no body is being read: a redelivery could never join")
		joined := post()
		assert.Empty(t, joined.Now(), "a redelivery, whose small body has room")
		close(release)
		for _, p := range answers {
			if got, _ := p.Wait(); !strings.HasPrefix(got, "503 after ") {
				t.Errorf("an update beyond MaxInFlight is answered %s, want 503", got)
			}
		}
		close(end)
		got, _ := joined.Wait()
		assert.Equal(t, rig.HelloAnswer, got, "the redelivery carries the reply")
		got, _ = first.Wait()
		assert.Equal(t, "200", got, "the first delivery")
		rejected := 0
		for _, v := range seen.list() {
			if v.Status == 503 && v.Update == nil && v.Outcome == tghook.OutcomeRejected {
				rejected++
			}
		}
		assert.Equal(t, 500-still, rejected, "requests that Observe is told were rejected")
	})
}

// A redelivery that finds no room is not lost: it comes again.
func TestARedeliveryThatFindsNoRoomJoinsTwoSecondsLater(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		end := make(chan struct{})
		w, _ := hookFor(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-end
			return rig.Hello, nil
		}, logging(new(rig.Log)), func(cfg *tghook.Config) {
			cfg.Dispatch.MaxInFlight, cfg.LateAfter, cfg.MaxBody = 1, -1, 4<<20
		})
		post := func() *rig.Pending {
			return rig.Eventually(func() string { return rig.Answer(w.Serve(context.Background(), rig.FromTelegram(textFrom(1, 1)))) })
		}
		post()
		stuck := make([]*io.PipeWriter, 0, 128) // each body has taken its first 64 KiB: 128 of them are 8 MiB
		for range 128 {
			r, in := io.Pipe()
			stuck = append(stuck, in)
			req := rig.FromTelegram(nil)
			req.ContentLength, req.Body = 1<<20, r
			rig.Eventually(func() string { return rig.Answer(w.Serve(context.Background(), req)) })
		}
		assert.Contains(t, []string{"503 after 2", "503 after 3"}, post().Now(), "a redelivery for which there is no room")
		for _, in := range stuck {
			_ = in.CloseWithError(rig.ErrBroken)
		}
		rig.Pass(2 * time.Second)
		again := post()
		assert.Empty(t, again.Now(), "the redelivery two seconds later")
		close(end)
		got, _ := again.Wait()
		assert.Equal(t, rig.HelloAnswer, got, "its answer")
	})
}

// readerFunc is a body that is the user's code.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A body may be the user's: a middleware has put it there.
func TestAFoulBodyHurtsItsRequestAlone(t *testing.T) {
	for name, c := range map[string]struct {
		read readerFunc
		want string
	}{
		"panics":            {func([]byte) (int, error) { panic("broken") }, "400"},
		"panics with nil":   {func([]byte) (int, error) { panic(nil) }, "400"}, //nolint:govet // this is the mistake
		"exits":             {func([]byte) (int, error) { runtime.Goexit(); return 0, nil }, "none"},
		"blocks":            {func([]byte) (int, error) { time.Sleep(time.Minute); return 0, io.EOF }, "400"},
		"reads less than 0": {func([]byte) (int, error) { return -1, nil }, "400"},
		"reads too much":    {func(p []byte) (int, error) { return len(p) + 1, nil }, "400"},
		"never reads":       {func([]byte) (int, error) { return 0, nil }, "400"},
		"returns a nil error of a type": {func([]byte) (int, error) {
			var err *rig.NilError
			return 0, err
		}, "400"},
		"returns an error that wraps itself":       {func([]byte) (int, error) { return 0, rig.NewCycle() }, "400"},
		"returns an error that wraps itself twice": {func([]byte) (int, error) { return 0, newTwins() }, "400"},
		"returns an error whose Unwrap panics":     {func([]byte) (int, error) { return 0, badUnwrapError{} }, "400"},
		"returns an error whose Is and As panic":   {func([]byte) (int, error) { return 0, foulError{} }, "400"},
		"returns an error that wraps the deadline's": {func([]byte) (int, error) {
			return 0, fmt.Errorf("slow: %w", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded})
		}, "408 close"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				w, _ := hookFor(t, rig.Nothing, logging(new(rig.Log)))
				req := rig.FromTelegram(nil)
				req.ContentLength, req.Body = 100, c.read
				p := &rig.Pending{Done: make(chan struct{})}
				go func() {
					defer close(p.Done)
					p.Answer = "none"
					p.Answer = rig.Answer(w.Serve(context.Background(), req))
				}()
				synctest.Wait()
				assert.Equal(t, 200, w.Serve(t.Context(), rig.FromTelegram(textFrom(2, 2))).Status, "another request")
				got, _ := p.Wait()
				assert.Equal(t, c.want, got, "answer")
				assert.NoError(t, w.Shutdown(t.Context()))
			})
		})
	}
}

// twins wraps itself and itself.
type twins struct{ errs []error }

func newTwins() error {
	c := &twins{}
	c.errs = []error{c, c}
	return c
}

func (c *twins) Error() string   { return "twins" }
func (c *twins) Unwrap() []error { return c.errs }

type badUnwrapError struct{}

func (badUnwrapError) Error() string { return "bad unwrap" }
func (badUnwrapError) Unwrap() error { panic("broken") }

// foulError must not be asked.
type foulError struct{}

func (foulError) Error() string { return "foul" }
func (foulError) Is(error) bool { panic("broken") }
func (foulError) As(any) bool   { panic("broken") }

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
		assert.Equal(t, 401, w.Serve(t.Context(), req).Status)
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
			assert.Containsf(t, lines[0], want, "the line %q has no %q", lines[0], want)
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
		require.NoError(t, w.Shutdown(t.Context()))
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
			assert.Equal(t, 405, w.Serve(t.Context(), req).Status)
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

func TestAPlatformThatFreezesIsToldOnceUnlessItIsKnown(t *testing.T) {
	const text = "may freeze a process"
	for _, variable := range []string{"K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME", "VERCEL", "FUNCTION_TARGET", "HOME"} {
		t.Run(variable, func(t *testing.T) {
			for _, other := range []string{"K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME", "VERCEL", "FUNCTION_TARGET"} {
				t.Setenv(other, "")
			}
			t.Setenv(variable, "1")
			for name, c := range map[string]struct {
				cfg   tghook.Config
				known bool // to the door
				want  int
			}{
				"by default":             {tghook.Config{}, false, 1},
				"with LateAck":           {tghook.Config{Late: tghook.LateAck}, false, 1},
				"with LateRetry set":     {tghook.Config{Late: tghook.LateRetry}, false, 0},
				"with LateCancel":        {tghook.Config{Late: tghook.LateCancel}, false, 0},
				"Ephemeral":              {tghook.Config{Ephemeral: true}, false, 0},
				"on a door that knows":   {tghook.Config{}, true, 0},
				"LateAck, the door does": {tghook.Config{Late: tghook.LateAck}, true, 0},
			} {
				log, logged := rig.Logger()
				c.cfg.Dispatch = tghook.DispatchConfig{Logger: log, Bot: 5}
				r := rig.NewBot(t, c.cfg, rig.Nothing)
				for id := range int64(3) {
					r.ServeWith(context.Background(), rig.MessageIn(7, id), func(req *tghook.Request) { req.Ephemeral = c.known })
				}
				want := strings.Repeat("x", c.want)
				if variable == "HOME" {
					want = ""
				}
				assert.Equal(t, want, strings.Repeat("x", len(rig.Warnings(logged, text, "bot"))), name)
			}
		})
	}
}

func TestUnusualTimesAndSizes(t *testing.T) {
	t.Setenv("K_SERVICE", "")
	const text = "Config.LateAfter is unusual"
	for after, c := range map[time.Duration]struct{ mistake, warned bool }{
		8: {true, false}, 999 * time.Microsecond: {true, false}, time.Millisecond: {false, true}, 99 * time.Millisecond: {false, true},
		100 * time.Millisecond: {}, 55 * time.Second: {}, 56 * time.Second: {false, true}, time.Hour: {false, true}, -1: {}, 0: {},
	} {
		log, logged := rig.Logger()
		cfg := tghook.Config{Secret: rig.HookSecret, LateAfter: after, Dispatch: tghook.DispatchConfig{Logger: log}}
		_, err := tghook.New(tghook.HandlerFunc(rig.Nothing), cfg)
		assert.Equal(t, c.mistake, err != nil, after.String()+": mistaken")
		assert.Equal(t, c.warned, len(rig.Warnings(logged, text)) == 1, after.String()+": warned")
	}
	_, err := tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{Secret: rig.HookSecret, LateAfter: 8})
	assert.Equal(t, "tghook: Config.LateAfter: 8ns is too short; give it with its unit, as in 8*time.Second, or 0 for 8 seconds", err.Error(), "its words")
	for size, mistake := range map[int64]bool{1: true, 64<<10 - 1: true, 64 << 10: false, 0: false, -1: true} {
		_, err := tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{Secret: rig.HookSecret, MaxBody: size})
		assert.Equal(t, mistake, err != nil, "MaxBody")
	}
}
