package tgfiberv3_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
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

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	recovery "github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/timeout"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgfiberv3"
)

// Fiber's own answer to an error would have a body.
func TestFibersErrorHandlerIsNotCalledForAnyAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		h         tghook.HandlerFunc
		raw, want string
	}{
		"success":           {idle, delivery(message(1)), "200"},
		"a reply":           {echo, delivery(message(1)), echoed(message(1))},
		"an error":          {failing(errors.New("no")), delivery(message(1)), "500"},
		"an error of Fiber": {failing(fiber.ErrTeapot), delivery(message(1)), "500"},
		"RetryAfter":        {failing(tghook.RetryAfter(7*time.Second, nil)), delivery(message(1)), "503 7"},
		"a wrong secret":    {idle, swap(1, secret, "wrong"), "401 close"},
		"GET":               {idle, "GET " + path + " HTTP/1.1\r\nHost: bot.example.org\r\n\r\n", "405 POST"},
		"a wrong type":      {idle, swap(1, "application/json", "text/xml"), "415"},
		"a large body":      {idle, delivery(sized(1, 64<<10+1)), "413 close"},
		"a malformed body":  {idle, delivery("{"), "400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBot(t, c.h, func(cfg *tghook.Config) { cfg.MaxBody = 64 << 10 })
			app := mounted(fiber.Config{ErrorHandler: func(c fiber.Ctx, err error) error {
				t.Errorf("Fiber's ErrorHandler was called with %v", err)
				return c.SendStatus(fiber.StatusTeapot)
			}}, b.Webhook)
			is(t, dial(t, listen(t, app)).ask(c.raw), c.want)
			if told := b.told(); len(told) != 1 || strconv.Itoa(told[0].Status) != c.want[:3] {
				t.Errorf("Observe was told %+v, want the one delivery with its status", told)
			}
		})
	}
}

func TestAHeadRequestIsRefusedWithoutABody(t *testing.T) {
	t.Parallel()
	app := mounted(fiber.Config{}, newBot(t, idle).Webhook)
	w := dial(t, listen(t, app))
	w.send("HEAD " + path + " HTTP/1.1\r\nHost: bot.example.org\r\n\r\n")
	res, err := http.ReadResponse(w.in, &http.Request{Method: http.MethodHead})
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != http.MethodPost || res.Header["Content-Type"] != nil {
		t.Errorf("answered %s %v, want 405 with Allow alone", res.Status, res.Header)
	}
	is(t, w.ask(delivery(message(1))), "200")
}

func TestAPanicIs500OnceAndRecoverDoesNotSeeIt(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"a panic": "oops", "http.ErrAbortHandler": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBot(t, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic(value) })
			app := mounted(fiber.Config{}, b.Webhook, recovery.New(recovery.Config{
				EnableStackTrace:  true,
				StackTraceHandler: func(_ fiber.Ctx, v any) { t.Errorf("recover saw %v", v) },
			}))
			is(t, dial(t, listen(t, app)).ask(delivery(message(1))), "500")
			b.ran(1)
			panicked := new(tghook.PanicError)
			if told := b.told(); len(told) != 1 || !errors.As(told[0].Err, &panicked) || panicked.Value != value {
				t.Errorf("Observe was told %+v, want the panic once", told)
			}
		})
	}
}

func TestEveryLineOfASecretCountsWhateverItsCase(t *testing.T) {
	t.Parallel()
	const name = "X-Telegram-Bot-Api-Secret-Token"
	for _, disable := range []bool{false, true} {
		b := newBot(t, idle)
		addr := listen(t, mounted(fiber.Config{DisableHeaderNormalizing: disable}, b.Webhook))
		for i, c := range []struct{ lines, want string }{
			{name + ": " + secret, "200"},
			{strings.ToLower(name) + ": " + secret, "200"},
			{strings.ToUpper(name) + ": " + secret, "200"},
			{"x-TELEGRAM-bot-API-secret-TOKEN: " + secret, "200"},
			{"X-None: 1", "401 close"},
			{name + ":", "401 close"},
			{name + ": " + secret + "\r\n" + name + ": " + secret, "401 close"},
			{name + ": " + secret + "\r\n" + strings.ToLower(name) + ": wrong", "401 close"},
			{strings.ToLower(name) + ": wrong\r\n" + strings.ToUpper(name) + ": " + secret, "401 close"},
		} {
			if got := dial(t, addr).ask(swap(int64(i), name+": "+secret, c.lines)); got != c.want {
				t.Errorf("DisableHeaderNormalizing %v, %q: answered %s, want %s", disable, c.lines, got, c.want)
			}
		}
	}
}

func TestTheSourceIsThePeersAddressUntilItsProxyIsTrusted(t *testing.T) {
	t.Parallel()
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
			b := newBot(t, idle, func(cfg *tghook.Config) {
				cfg.AllowedSources, cfg.TrustedProxies = tghook.TelegramSources(), c.trusted
			})
			// c.IP() believes it.
			app := mounted(fiber.Config{
				DisableHeaderNormalizing: disable, ProxyHeader: fiber.HeaderXForwardedFor,
				TrustProxy: true, TrustProxyConfig: fiber.TrustProxyConfig{Loopback: true},
			}, b.Webhook)
			raw := swap(int64(i), "Host:", c.lines+"\r\nHost:")
			if got := dial(t, listen(t, app)).ask(raw); got != c.want {
				t.Errorf("DisableHeaderNormalizing %v, %q: answered %s, want %s", disable, c.lines, got, c.want)
			}
		}
	}
}

// What the adapter keeps of one request must not speak for the next.
func TestEachConnectionHasItsOwnPeer(t *testing.T) {
	t.Parallel()
	b := newBot(t, idle, func(cfg *tghook.Config) {
		cfg.AllowedSources = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	addr := listen(t, mounted(fiber.Config{}, b.Webhook))
	for id := range int64(20) {
		from, want := "127.0.0.1", "200"
		if id%2 == 1 {
			from, want = "127.0.0.2", "401 close"
		}
		is(t, dialFrom(t, from, addr).ask(delivery(message(id))), want)
	}
}

// fasthttp puts trailers among the headers, behind the line of a proxy that passes
// them on.
func TestATrailerDoesNotTellTheSource(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{false, true} {
		b := newBot(t, idle, func(cfg *tghook.Config) {
			cfg.AllowedSources = tghook.TelegramSources()
			cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		})
		addr := listen(t, mounted(fiber.Config{StreamRequestBody: streamed}, b.Webhook))
		raw := strings.Replace(chunked(message(1), "X-Forwarded-For: 149.154.167.220\r\n"), "Host:", "X-Forwarded-For: 203.0.113.9\r\nHost:", 1)
		if got := dial(t, addr).ask(raw); !strings.HasPrefix(got, "40") { // by which rule depends on the version of fasthttp
			t.Errorf("StreamRequestBody %v: answered %s, want 400 or 401", streamed, got)
		}
		b.ran()
	}
}

func TestAnEncodedBodyIsRefused(t *testing.T) {
	t.Parallel()
	for _, disable := range []bool{false, true} {
		b := newBot(t, idle)
		addr := listen(t, mounted(fiber.Config{DisableHeaderNormalizing: disable}, b.Webhook))
		for i, line := range []string{"Content-Encoding: gzip", "content-encoding: GZIP", "Content-Encoding: identity\r\nContent-Encoding: br"} {
			if got := dial(t, addr).ask(swap(int64(i), "Host:", line+"\r\nHost:")); got != "415" {
				t.Errorf("DisableHeaderNormalizing %v, %q: answered %s, want 415", disable, line, got)
			}
		}
		b.ran()
		is(t, dial(t, addr).ask(swap(9, "Host:", "Content-Encoding: identity\r\nHost:")), "200")
	}
}

// Fiber's c.Body() would, to whatever size and for anybody. Not parallel: it looks
// at the memory of the process.
func TestAnEncodedBodyIsNotDecoded(t *testing.T) {
	const size = 64 << 20
	var encoded bytes.Buffer
	zip := gzip.NewWriter(&encoded)
	if _, err := zip.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	raw := strings.Replace(strings.Replace(delivery(encoded.String()), "Host:", "Content-Encoding: gzip\r\nHost:", 1), secret, "wrong", 1)
	w := dial(t, listen(t, mounted(fiber.Config{}, newBot(t, idle).Webhook)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	is(t, w.ask(raw), "401 close")
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > size/4 {
		t.Errorf("%d bytes that decode to %d took %d bytes of memory", encoded.Len(), size, used)
	}
}

func TestTheAnswersHeadersReplaceThoseOfMiddleware(t *testing.T) {
	t.Parallel()
	app := mounted(fiber.Config{}, newBot(t, failing(tghook.RetryAfter(7*time.Second, nil))).Webhook, func(c fiber.Ctx) error {
		c.Set(fiber.HeaderRetryAfter, "9")
		c.Set(fiber.HeaderAllow, "GET")
		c.Set("X-Other", "kept")
		return c.Next()
	})
	w := dial(t, listen(t, app))
	is(t, w.ask(swap(1, "POST", "PUT")), "405 9 POST map[X-Other:[kept]]")
	is(t, w.ask(delivery(message(1))), "503 7 GET map[X-Other:[kept]]")
}

type contextKey struct{}

func TestValuesOfTheContextReachTheHandler(t *testing.T) {
	t.Parallel()
	b := newBot(t, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		if got := ctx.Value(contextKey{}); got != "abc" {
			t.Errorf("the handler's ctx has %v, want abc", got)
		}
		return tghook.NoReply, nil
	})
	app := mounted(fiber.Config{}, b.Webhook, func(c fiber.Ctx) error {
		c.SetContext(context.WithValue(c.Context(), contextKey{}, "abc"))
		return c.Next()
	})
	is(t, dial(t, listen(t, app)).ask(delivery(message(1))), "200")
	b.ran(1)
}

func TestAnUpdateIsAnsweredBeforeFibersTimeoutMiddlewareEndsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(6 * time.Second)
			return echo(ctx, u)
		})
		app := fiber.New(fiber.Config{DisableDefaultDate: true})
		app.Post(path, timeout.New(tgfiberv3.Handler(b.Webhook), timeout.Config{Timeout: 4 * time.Second}))
		w := pipe(t, app)
		start := time.Now()
		is(t, w.ask(delivery(message(1))), "503 2")
		if took := time.Since(start); took != 3500*time.Millisecond {
			t.Errorf("answered after %v, want 3.5s", took)
		}
		is(t, w.ask(delivery(message(1))), echoed(message(1)))
		b.ran(1)
	})
}

// The server uses the response of a connection again.
func TestNothingOfOneAnswerIsInTheNext(t *testing.T) {
	t.Parallel()
	b := newBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		switch u.ID % 4 {
		case 0:
			return tghook.NoReply, nil
		case 1:
			return tghook.NoReply, errors.New("no")
		case 2:
			return tghook.NoReply, tghook.RetryAfter(7*time.Second, nil)
		default:
			return echo(ctx, u)
		}
	})
	app := mounted(fiber.Config{}, b.Webhook)
	app.Get("/own", func(c fiber.Ctx) error { return c.SendString("own") })
	w := dial(t, listen(t, app))
	for id := int64(4); id < 40; id += 4 {
		is(t, w.ask(delivery(message(id+3))), echoed(message(id+3)))
		is(t, w.ask(delivery(message(id))), "200")
		is(t, w.ask("GET /own HTTP/1.1\r\nHost: bot.example.org\r\n\r\n"), "200 text/plain; charset=utf-8 own")
		is(t, w.ask(delivery(message(id+2))), "503 7")
		is(t, w.ask(delivery(message(id+1))), "500")
		is(t, w.ask(swap(id+3, "POST", "PUT")), "405 POST")
	}
}

func TestABotInAGroupAndInAMountedAppIsServed(t *testing.T) {
	t.Parallel()
	red, blue := newBot(t, echo), newBot(t, idle)
	app, mount := fiber.New(fiber.Config{}), fiber.New(fiber.Config{})
	app.Group("/bots", func(c fiber.Ctx) error {
		c.Set("X-Group", "bots")
		return c.Next()
	}).Post("/red/+", tgfiberv3.Handler(red.Webhook))
	mount.Post("/blue", tgfiberv3.Handler(blue.Webhook))
	app.Use("/more", mount)
	w := dial(t, listen(t, app))
	is(t, w.ask(swap(1, path, "/bots/red/x?y=z")), strings.Replace(echoed(message(1)), "json", "json map[X-Group:[bots]]", 1))
	is(t, w.ask(swap(1, path, "/more/blue")), "200")
	red.ran(1)
	blue.ran(1)
}

// As an app does behind net/http, whose headers fasthttp has not parsed.
func TestAnAppBehindFibersAdaptorIsServed(t *testing.T) {
	t.Parallel()
	b := newBot(t, echo)
	app := mounted(fiber.Config{}, b.Webhook)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(message(1)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	rec := httptest.NewRecorder()
	adaptor.FiberApp(app)(rec, r)
	if rec.Code != http.StatusOK || rec.Body.String() != echoedBody(message(1)) {
		t.Errorf("answered %d %s, want 200 %s", rec.Code, rec.Body, echoedBody(message(1)))
	}
}

// Shut down in this order, the app still answers what waits for a handler, and
// tells Telegram when to come again.
func TestTheWebhookIsShutDownBeforeTheApp(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	b := newBot(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID > 1 {
			return tghook.NoReply, nil
		}
		close(entered)
		<-release
		return echo(ctx, u)
	})
	app := mounted(fiber.Config{}, b.Webhook)
	addr := listen(t, app)
	running, other := dial(t, addr), dial(t, addr)
	running.send(delivery(message(1)))
	await(t, entered, "the handler to start")

	down := make(chan error, 1)
	go func() { down <- errors.Join(b.Shutdown(context.Background()), app.Shutdown()) }()
	got := "200"
	for id := int64(2); got == "200"; id++ { // until Shutdown has begun
		got = other.ask(delivery(message(id)))
	}
	if !strings.HasPrefix(got, "503 ") {
		t.Errorf("an update that came too late is answered %s, want 503 and when to come again", got)
	}
	close(release)
	is(t, running.answer(), echoed(message(1)))
	if err := await(t, down, "the end of both"); err != nil {
		t.Error(err)
	}
}

// Telegram closes a connection on which nothing has happened for 60 seconds.
func TestTheReadTimeoutOfTheDocumentationOutlastsTelegramsSilence(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBot(t, echo)
			w := pipe(t, mounted(fiber.Config{ReadTimeout: 75 * time.Second, StreamRequestBody: streamed, DisableDefaultDate: true}, b.Webhook))
			for id := int64(1); id < 4; id++ {
				time.Sleep(60 * time.Second)
				is(t, w.ask(delivery(message(id))), echoed(message(id)))
			}
			start := time.Now()
			go w.send(strings.TrimSuffix(delivery(message(4)), "}"))
			if got := w.answer(); !strings.HasPrefix(got, "408 ") {
				t.Errorf("a body that does not come is answered %s, want 408", got)
			}
			w.ended()
			if took := time.Since(start); took != 75*time.Second {
				t.Errorf("a body that does not come is ended after %v, want 75s", took)
			}
			b.ran(1, 2, 3)
		})
	}
}

func TestAConnectionLastsAfterItsStreamWasRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := pipe(t, mounted(fiber.Config{StreamRequestBody: true, DisableDefaultDate: true}, newBot(t, echo).Webhook))
		is(t, w.ask(swap(1, "application/json", "text/plain")), "415")
		time.Sleep(60 * time.Second)
		is(t, w.ask(delivery(message(1))), echoed(message(1)))
	})
}

// pipe has app serve one connection in memory, for a bubble. In one, a server that
// writes the date never ends.
func pipe(t *testing.T, app *fiber.App) *wire {
	t.Helper()
	app.Handler() // makes it ready
	ours, theirs := net.Pipe()
	served := make(chan error)
	go func() { served <- app.Server().ServeConn(theirs) }()
	t.Cleanup(func() { <-served })
	return newWire(t, ours)
}

// foul is a context whose methods do what no context should.
type foul struct {
	context.Context //nolint:containedctx // it is one

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

// foulStream is a body that a middleware has put in the place of the request's.
type foulStream func()

func (f foulStream) Read([]byte) (int, error) { f(); return 0, io.EOF }

// fasthttp recovers nothing: a panic that reached it would end the process.
func TestFaultyCodeOfAMiddlewareHurtsItsRequestAlone(t *testing.T) {
	t.Parallel()
	breaks := func() { panic("broken") }
	within := func(method string, f func()) func(fiber.Ctx, func()) {
		return func(c fiber.Ctx, started func()) {
			ctx := foul{Context: context.Background()}
			if method == "Deadline" {
				ctx.deadline = f
			} else {
				ctx.done = func() { started(); f() }
			}
			c.SetContext(ctx)
		}
	}
	streaming := func(f func()) func(fiber.Ctx, func()) {
		return func(c fiber.Ctx, _ func()) { c.Request().SetBodyStream(foulStream(f), -1) }
	}
	for name, c := range map[string]struct {
		spoil func(c fiber.Ctx, started func())
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
			b := newBot(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 1 {
					<-started
				}
				return tghook.NoReply, nil
			})
			var requests atomic.Int64
			addr := listen(t, mounted(fiber.Config{}, b.Webhook, func(f fiber.Ctx) error {
				if requests.Add(1) == 1 {
					c.spoil(f, func() { close(started) })
				}
				return f.Next()
			}))
			first := dial(t, addr)
			first.send(delivery(message(1)))
			if c.want == "" {
				first.ended()
			} else {
				is(t, first.answer(), c.want)
			}
			is(t, dial(t, addr).ask(delivery(message(2))), "200")
		})
	}
}
