package adaptertest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
)

// Fiber's own answer to an error would have a body.
func (f Fiber[M]) errorHandlerIsNotCalled(t *testing.T) {
	for name, c := range map[string]struct {
		h         tghook.HandlerFunc
		raw, want string
	}{
		"success":           {doortest.Idle, doortest.Delivery(doortest.Message(1)), "200"},
		"a reply":           {doortest.Repeat, doortest.Delivery(doortest.Message(1)), repeated(doortest.Message(1))},
		"an error":          {doortest.Failing(errors.New("no")), doortest.Delivery(doortest.Message(1)), "500"},
		"an error of Fiber": {doortest.Failing(f.ErrTeapot), doortest.Delivery(doortest.Message(1)), "500"},
		"RetryAfter":        {doortest.Failing(tghook.RetryAfter(7*time.Second, nil)), doortest.Delivery(doortest.Message(1)), "503 7"},
		"a wrong secret":    {doortest.Idle, doortest.Changed(1, doortest.Secret, "wrong"), "401 close"},
		"GET":               {doortest.Idle, "GET " + doortest.Path + " HTTP/1.1\r\nHost: bot.example.org\r\n\r\n", "405 POST"},
		"a wrong type":      {doortest.Idle, doortest.Changed(1, "application/json", "text/xml"), "415"},
		"a large body":      {doortest.Idle, doortest.Delivery(doortest.Sized(1, 64<<10+1)), "413 close"},
		"a malformed body":  {doortest.Idle, doortest.Delivery("{"), "400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := doortest.NewBot(t, c.h, func(cfg *tghook.Config) { cfg.MaxBody = 64 << 10 })
			app := f.mounted(b.Webhook)
			app.OnError = func(err error) { t.Errorf("Fiber's ErrorHandler was called with %v", err) }
			assert.Equal(t, c.want, f.dial(t, app).Ask(c.raw))
			seen := b.Deliveries()
			require.Len(t, seen, 1)
			assert.Equal(t, c.want[:3], strconv.Itoa(seen[0].Status), "the status that Observe saw")
		})
	}
}

func (f Fiber[M]) headIsRefused(t *testing.T) {
	app := f.mounted(doortest.NewBot(t, doortest.Idle).Webhook)
	w := f.dial(t, app)
	w.Send("HEAD " + doortest.Path + " HTTP/1.1\r\nHost: bot.example.org\r\n\r\n")
	res := w.ReadTo(http.MethodHead)
	assert.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
	assert.Equal(t, http.Header{"Allow": {http.MethodPost}}, res.Header)
	assert.Equal(t, "200", w.Ask(doortest.Delivery(doortest.Message(1))))
}

func (f Fiber[M]) panicIs500(t *testing.T) {
	for name, value := range map[string]any{"a panic": "oops", "http.ErrAbortHandler": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := doortest.NewBot(t, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic(value) })
			app := f.mounted(b.Webhook, f.Recover(func(v any) { t.Errorf("Recover saw %v", v) }))
			assert.Equal(t, "500", f.dial(t, app).Ask(doortest.Delivery(doortest.Message(1))))
			assert.Equal(t, []int64{1}, b.Runs())
			seen := b.Deliveries()
			require.Len(t, seen, 1)
			var panicked *tghook.PanicError
			require.ErrorAs(t, seen[0].Err, &panicked)
			assert.Equal(t, value, panicked.Value)
		})
	}
}

func (f Fiber[M]) everyLineOfASecretCounts(t *testing.T) {
	const name = doortest.SecretHeader
	for _, disable := range []bool{false, true} {
		b := doortest.NewBot(t, doortest.Idle)
		app := f.mounted(b.Webhook)
		app.DisableHeaderNormalizing = disable
		addr := f.listen(t, app)
		for i, c := range []struct{ lines, want string }{
			{name + ": " + doortest.Secret, "200"},
			{strings.ToLower(name) + ": " + doortest.Secret, "200"},
			{strings.ToUpper(name) + ": " + doortest.Secret, "200"},
			{"x-TELEGRAM-bot-API-secret-TOKEN: " + doortest.Secret, "200"},
			{"X-None: 1", "401 close"},
			{name + ":", "401 close"},
			{name + ": " + doortest.Secret + "\r\n" + name + ": " + doortest.Secret, "401 close"},
			{name + ": " + doortest.Secret + "\r\n" + strings.ToLower(name) + ": wrong", "401 close"},
			{strings.ToLower(name) + ": wrong\r\n" + strings.ToUpper(name) + ": " + doortest.Secret, "401 close"},
		} {
			got := doortest.Dial(t, addr).Ask(doortest.Changed(int64(i), name+": "+doortest.Secret, c.lines))
			assert.Equal(t, c.want, got, "DisableHeaderNormalizing %v, %q", disable, c.lines)
		}
	}
}

func (f Fiber[M]) sourceIsThePeer(t *testing.T) {
	const telegrams, strangers = "149.154.167.220", "203.0.113.9"
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, disable := range []bool{false, true} {
		for i, c := range []struct {
			trusted []netip.Prefix
			lines   string
			want    string
		}{
			{nil, "X-Forwarded-For: " + telegrams, "401 close"},
			{loopback, "X-Real-Ip: " + telegrams, "401 close"},
			{loopback, "X-Forwarded-For: " + telegrams, "200"},
			{loopback, "x-forwarded-for: " + telegrams, "200"},
			{loopback, "X-Forwarded-For: " + strangers + "\r\nx-forwarded-for: " + telegrams, "200"},
			{loopback, "X-Forwarded-For: " + telegrams + "\r\nx-forwarded-for: " + strangers, "401 close"},
			{loopback, "x-forwarded-for: " + telegrams + "\r\nX-Forwarded-For: " + strangers, "401 close"},
		} {
			b := doortest.NewBot(t, doortest.Idle, func(cfg *tghook.Config) {
				cfg.AllowedSources, cfg.TrustedProxies = tghook.TelegramSources(), c.trusted
			})
			app := f.mounted(b.Webhook)
			app.DisableHeaderNormalizing, app.ForwardedIP = disable, true
			got := f.dial(t, app).Ask(doortest.Changed(int64(i), "Host:", c.lines+"\r\nHost:"))
			assert.Equal(t, c.want, got, "DisableHeaderNormalizing %v, %q", disable, c.lines)
		}
	}
}

// The adapter keeps a peer's address for the next request. It must not do so for that
// of another peer.
func (f Fiber[M]) eachConnectionHasItsPeer(t *testing.T) {
	b := doortest.NewBot(t, doortest.Idle, func(cfg *tghook.Config) {
		cfg.AllowedSources = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	addr := f.listen(t, f.mounted(b.Webhook))
	for id := range int64(20) {
		from, want := "127.0.0.1", "200"
		if id%2 == 1 {
			from, want = "127.0.0.2", "401 close"
		}
		assert.Equal(t, want, doortest.DialFrom(t, from, addr).Ask(doortest.Delivery(doortest.Message(id))))
	}
}

// fasthttp puts trailers among the headers, behind the lines of a proxy that passes
// trailers on.
func (f Fiber[M]) trailerIsNoSource(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		b := doortest.NewBot(t, doortest.Idle, func(cfg *tghook.Config) {
			cfg.AllowedSources = tghook.TelegramSources()
			cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		})
		app := f.mounted(b.Webhook)
		app.StreamRequestBody = streamed
		raw := strings.Replace(doortest.Chunked(doortest.Message(1), "X-Forwarded-For: 149.154.167.220\r\n"), "Host:", "X-Forwarded-For: 203.0.113.9\r\nHost:", 1)
		// The version of fasthttp decides which rule refuses it.
		assert.Regexp(t, "^40[01]", f.dial(t, app).Ask(raw), "StreamRequestBody %v", streamed)
		assert.Empty(t, b.Runs())
	}
}

func (f Fiber[M]) encodedBodyIsRefused(t *testing.T) {
	for _, disable := range []bool{false, true} {
		b := doortest.NewBot(t, doortest.Idle)
		app := f.mounted(b.Webhook)
		app.DisableHeaderNormalizing = disable
		addr := f.listen(t, app)
		for i, line := range []string{"Content-Encoding: gzip", "content-encoding: GZIP", "Content-Encoding: identity\r\nContent-Encoding: br"} {
			got := doortest.Dial(t, addr).Ask(doortest.Changed(int64(i), "Host:", line+"\r\nHost:"))
			assert.Equal(t, "415", got, "DisableHeaderNormalizing %v, %q", disable, line)
		}
		assert.Empty(t, b.Runs())
		assert.Equal(t, "200", doortest.Dial(t, addr).Ask(doortest.Changed(9, "Host:", "Content-Encoding: identity\r\nHost:")))
	}
}

// Fiber's c.Body() decodes it, to any size and for any client. The test is not
// parallel, because it measures the memory of the process.
func (f Fiber[M]) encodedBodyIsNotDecoded(t *testing.T) {
	const size = 64 << 20
	var encoded bytes.Buffer
	zip := gzip.NewWriter(&encoded)
	_, err := zip.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	raw := strings.Replace(strings.Replace(doortest.Delivery(encoded.String()), "Host:", "Content-Encoding: gzip\r\nHost:", 1), doortest.Secret, "wrong", 1)
	w := f.dial(t, f.mounted(doortest.NewBot(t, doortest.Idle).Webhook))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	assert.Equal(t, "401 close", w.Ask(raw))
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(size/4), "the memory for %d bytes that decode to %d", encoded.Len(), size)
}

func (f Fiber[M]) headersReplaceThoseOfMiddleware(t *testing.T) {
	app := f.mounted(doortest.NewBot(t, doortest.Failing(tghook.RetryAfter(7*time.Second, nil))).Webhook, f.Own(func(c FiberContext) error {
		c.Set("Retry-After", "9")
		c.Set("Allow", "GET")
		c.Set("X-Other", "kept")
		return c.Next()
	}))
	w := f.dial(t, app)
	assert.Equal(t, "405 9 POST map[X-Other:[kept]]", w.Ask(doortest.Changed(1, "POST", "PUT")))
	assert.Equal(t, "503 7 GET map[X-Other:[kept]]", w.Ask(doortest.Delivery(doortest.Message(1))))
}

func (f Fiber[M]) contextValuesReachTheHandler(t *testing.T) {
	b := doortest.NewBot(t, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		assert.Equal(t, "abc", ctx.Value(contextKey{}))
		return tghook.NoReply, nil
	})
	app := f.mounted(b.Webhook, f.Own(func(c FiberContext) error {
		c.SetContext(context.WithValue(c.Context(), contextKey{}, "abc"))
		return c.Next()
	}))
	assert.Equal(t, "200", f.dial(t, app).Ask(doortest.Delivery(doortest.Message(1))))
	assert.Equal(t, []int64{1}, b.Runs())
}

func (f Fiber[M]) timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := doortest.NewBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(6 * time.Second)
			return doortest.Repeat(ctx, u)
		})
		app := f.mounted(b.Webhook)
		app.Timeout = 4 * time.Second
		w := f.pipe(t, app)
		start := time.Now()
		assert.Equal(t, "503 2", w.Ask(doortest.Delivery(doortest.Message(1))))
		assert.Equal(t, 3500*time.Millisecond, time.Since(start))
		assert.Equal(t, repeated(doortest.Message(1)), w.Ask(doortest.Delivery(doortest.Message(1))))
		assert.Equal(t, []int64{1}, b.Runs())
	})
}

// The server uses the response of a connection again.
func (f Fiber[M]) answersDoNotMix(t *testing.T) {
	b := doortest.NewBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		switch u.ID % 4 {
		case 0:
			return tghook.NoReply, nil
		case 1:
			return tghook.NoReply, errors.New("no")
		case 2:
			return tghook.NoReply, tghook.RetryAfter(7*time.Second, nil)
		default:
			return doortest.Repeat(ctx, u)
		}
	})
	app := f.mounted(b.Webhook, f.Own(func(c FiberContext) error {
		if c.Path() == "/own" {
			return c.SendString("own")
		}
		return c.Next()
	}))
	w := f.dial(t, app)
	for id := int64(4); id < 40; id += 4 {
		assert.Equal(t, repeated(doortest.Message(id+3)), w.Ask(doortest.Delivery(doortest.Message(id+3))))
		assert.Equal(t, "200", w.Ask(doortest.Delivery(doortest.Message(id))))
		assert.Equal(t, "200 text/plain; charset=utf-8 own", w.Ask("GET /own HTTP/1.1\r\nHost: bot.example.org\r\n\r\n"))
		assert.Equal(t, "503 7", w.Ask(doortest.Delivery(doortest.Message(id+2))))
		assert.Equal(t, "500", w.Ask(doortest.Delivery(doortest.Message(id+1))))
		assert.Equal(t, "405 POST", w.Ask(doortest.Changed(id+3, "POST", "PUT")))
	}
}

func (f Fiber[M]) groupAndMountedApp(t *testing.T) {
	red, blue := doortest.NewBot(t, doortest.Repeat), doortest.NewBot(t, doortest.Idle)
	inGroup := FiberApp[M]{Group: "/bots", Path: "/red/+", Webhook: red.Webhook, GroupUse: []M{f.Own(func(c FiberContext) error {
		c.Set("X-Group", "bots")
		return c.Next()
	})}}
	mounted := FiberApp[M]{Mount: "/more", Path: "/blue", Webhook: blue.Webhook}
	assert.Equal(t, "200 application/json map[X-Group:[bots]] "+doortest.Repeated(doortest.Message(1)),
		f.dial(t, inGroup).Ask(doortest.Changed(1, doortest.Path, "/bots/red/x?y=z")))
	assert.Equal(t, "200", f.dial(t, mounted).Ask(doortest.Changed(1, doortest.Path, "/more/blue")))
	assert.Equal(t, []int64{1}, red.Runs())
	assert.Equal(t, []int64{1}, blue.Runs())
}

// Behind net/http, fasthttp has not parsed the headers.
func (f Fiber[M]) adaptor(t *testing.T) {
	b := doortest.NewBot(t, doortest.Repeat)
	rec := httptest.NewRecorder()
	f.New(f.mounted(b.Webhook)).HTTP.ServeHTTP(rec, newRequest(t, doortest.Path, 1))
	assert.Equal(t, http.StatusOK, rec.Code)
	assert.Equal(t, doortest.Repeated(doortest.Message(1)), rec.Body.String())
}

// In this order, the app still answers the updates that wait for a handler, and asks
// Telegram to send later ones again.
func (f Fiber[M]) shutdown(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	b := doortest.NewBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID > 1 {
			return tghook.NoReply, nil
		}
		close(entered)
		<-release
		return doortest.Repeat(ctx, u)
	})
	app := f.New(f.mounted(b.Webhook))
	addr := listenAt(t, app, "tcp", "127.0.0.1:0")
	running, other := doortest.Dial(t, addr), doortest.Dial(t, addr)
	running.Send(doortest.Delivery(doortest.Message(1)))
	doortest.Await(t, entered, "the handler to start")

	down := make(chan error, 1)
	go func() { down <- errors.Join(b.Shutdown(context.Background()), app.Shutdown()) }()
	got := "200"
	for id := int64(2); got == "200"; id++ { // until Shutdown has begun
		got = other.Ask(doortest.Delivery(doortest.Message(id)))
	}
	assert.Regexp(t, "^503 [0-9]+$", got, "the answer to an update that came too late")
	close(release)
	assert.Equal(t, repeated(doortest.Message(1)), running.Answer())
	require.NoError(t, doortest.Await(t, down, "the end of both"))
}

// Telegram closes a connection on which nothing has happened for 60 seconds.
func (f Fiber[M]) readTimeout(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := doortest.NewBot(t, doortest.Repeat)
			app := f.mounted(b.Webhook)
			app.ReadTimeout, app.StreamRequestBody = 75*time.Second, streamed
			w := f.pipe(t, app)
			for id := int64(1); id < 4; id++ {
				time.Sleep(60 * time.Second)
				assert.Equal(t, repeated(doortest.Message(id)), w.Ask(doortest.Delivery(doortest.Message(id))))
			}
			start := time.Now()
			go w.Send(strings.TrimSuffix(doortest.Delivery(doortest.Message(4)), "}"))
			assert.Regexp(t, "^408 ", w.Answer(), "the answer to a body that does not come")
			w.Ended()
			assert.Equal(t, 75*time.Second, time.Since(start))
			assert.Equal(t, []int64{1, 2, 3}, b.Runs())
		})
	}
}

func (f Fiber[M]) connectionLastsAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := f.mounted(doortest.NewBot(t, doortest.Repeat).Webhook)
		app.StreamRequestBody = true
		w := f.pipe(t, app)
		assert.Equal(t, "415", w.Ask(doortest.Changed(1, "application/json", "text/plain")))
		time.Sleep(60 * time.Second)
		assert.Equal(t, repeated(doortest.Message(1)), w.Ask(doortest.Delivery(doortest.Message(1))))
	})
}

// foul is a context with methods that panic or end their goroutine.
type foul struct {
	context.Context

	deadline, done func()
}

func (c foul) Deadline() (time.Time, bool) {
	if c.deadline != nil {
		c.deadline()
	}
	return c.Context.Deadline()
}

func (c foul) Done() <-chan struct{} {
	if c.done != nil {
		c.done()
	}
	return c.Context.Done()
}

// foulStream is such a body, set by a middleware.
type foulStream func()

func (f foulStream) Read([]byte) (int, error) { f(); return 0, io.EOF }

// fasthttp recovers nothing: a panic that reached it would end the process.
func (f Fiber[M]) faultyMiddleware(t *testing.T) {
	breaks := func() { panic("broken") }
	within := func(method string, f func()) func(FiberContext, func()) {
		return func(c FiberContext, started func()) {
			ctx := foul{Context: context.Background()}
			if method == "Deadline" {
				ctx.deadline = f
			} else {
				ctx.done = func() { started(); f() }
			}
			c.SetContext(ctx)
		}
	}
	streaming := func(f func()) func(FiberContext, func()) {
		return func(c FiberContext, _ func()) { c.SetBody(foulStream(f)) }
	}
	for name, c := range map[string]struct {
		spoil func(c FiberContext, started func())
		want  string
	}{
		"Deadline panics":   {within("Deadline", breaks), "500"},
		"Deadline exits":    {within("Deadline", runtime.Goexit), ""},
		"Done panics":       {within("Done", breaks), "500"},
		"Done exits":        {within("Done", runtime.Goexit), ""},
		"the stream panics": {streaming(breaks), "400 close"},
		"the stream exits":  {streaming(runtime.Goexit), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			started := make(chan struct{})
			b := doortest.NewBot(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 1 {
					<-started
				}
				return tghook.NoReply, nil
			})
			var requests atomic.Int64
			addr := f.listen(t, f.mounted(b.Webhook, f.Own(func(f FiberContext) error {
				if requests.Add(1) == 1 {
					c.spoil(f, func() { close(started) })
				}
				return f.Next()
			})))
			first := doortest.Dial(t, addr)
			first.Send(doortest.Delivery(doortest.Message(1)))
			if c.want == "" {
				first.Ended()
			} else {
				assert.Equal(t, c.want, first.Answer())
			}
			assert.Equal(t, "200", doortest.Dial(t, addr).Ask(doortest.Delivery(doortest.Message(2))))
		})
	}
}
