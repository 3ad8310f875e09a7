package thirdparty_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/handlers"
	"github.com/gorilla/mux"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

// middlewares are middleware that many programs have in front of a hook.
var middlewares = []struct {
	name  string
	mount func(hook *tghook.Webhook) http.Handler
}{
	{"chi's", func(hook *tghook.Webhook) http.Handler {
		r := chi.NewRouter()
		r.Use(middleware.RequestID, chiLogger(io.Discard), middleware.Recoverer, middleware.Timeout(time.Minute))
		r.Handle("/telegram", hook)
		return r
	}},
	{"gin's", func(hook *tghook.Webhook) http.Handler {
		r := gin.New()
		r.Use(gin.LoggerWithWriter(io.Discard), gin.RecoveryWithWriter(io.Discard))
		r.Any("/telegram", gin.WrapH(hook))
		return r
	}},
	{"gorilla's", func(hook *tghook.Webhook) http.Handler {
		r := mux.NewRouter()
		r.Handle("/telegram", hook)
		recovery := handlers.RecoveryHandler(handlers.RecoveryLogger(log.New(io.Discard, "", 0)))
		return handlers.CombinedLoggingHandler(io.Discard, recovery(r))
	}},
	{"http.MaxBytesHandler", func(hook *tghook.Webhook) http.Handler { return http.MaxBytesHandler(hook, 1<<20) }},
}

func chiLogger(out io.Writer) func(http.Handler) http.Handler {
	return middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(out, "", 0), NoColor: true})
}

func TestADoorIsOneBehindMiddlewares(t *testing.T) {
	t.Parallel()
	for _, middleware := range middlewares {
		t.Run(middleware.name, func(t *testing.T) {
			t.Parallel()
			tghooktest.TestDoor(t, func(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
				tb.Helper()
				return tghooktest.Door{Addr: serve(tb, middleware.mount(hook))}
			})
		})
	}
}

// The hook sets a deadline for the body on the connection, through the middleware that
// wraps it. Behind a middleware that does not allow this, Server.ReadTimeout has to limit
// the body.
func TestWhichMiddlewareLeavesTheDeadlineOfTheBodyToTheHook(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name string
		wrap func(http.Handler) http.Handler
		want error
	}{
		{"chi's Logger", chiLogger(io.Discard), nil},
		{"chi's Compress", middleware.Compress(5), nil},
		{"chi's Timeout", middleware.Timeout(time.Minute), nil},
		{"gin", func(h http.Handler) http.Handler {
			r := gin.New()
			r.Any("/telegram", gin.WrapH(h))
			return r
		}, nil},
		{"gorilla's CombinedLoggingHandler", func(h http.Handler) http.Handler { return handlers.CombinedLoggingHandler(io.Discard, h) }, nil},
		{"gorilla's CompressHandler", handlers.CompressHandler, nil},
		{"http.MaxBytesHandler", func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 1<<20) }, nil},
		{"http.TimeoutHandler", func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "") }, http.ErrNotSupported},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, x.wrap(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				err := http.NewResponseController(rw).SetReadDeadline(time.Now().Add(time.Minute))
				if !errors.Is(err, x.want) {
					t.Errorf("SetReadDeadline: %v, want %v", err, x.want)
				}
			})))
			if got := post(t, client(t, "tcp", addr), "/telegram", doortest.Message(1)); !strings.HasPrefix(got, "200") {
				t.Errorf("the request was answered %q", got)
			}
		})
	}
}

// timeouts are middleware that ends a request after a time and answers it, unless it was
// answered before.
var timeouts = []struct {
	name string
	wrap func(h http.Handler, after time.Duration) http.Handler
	own  string // its answer
}{
	{
		"http.TimeoutHandler", func(h http.Handler, after time.Duration) http.Handler {
			return http.TimeoutHandler(h, after, "time is up")
		},
		"503  time is up",
	},
	{
		"chi's Timeout", func(h http.Handler, after time.Duration) http.Handler { return middleware.Timeout(after)(h) },
		"503 after 2", // it waits for the hook, which does not send a reply that comes too late
	},
}

// A timeout before LateAfter does no harm: the guard answers 500 ms before it.
func TestTheGuardAnswersBeforeATimeoutThatStandsInFront(t *testing.T) {
	t.Parallel()
	for _, timeout := range timeouts {
		t.Run(timeout.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var end error
				server := bridge{timeout.wrap(newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					time.Sleep(7 * time.Second)
					end = ctx.Err()
					return hello(ctx, u)
				}), 5*time.Second)}
				start := time.Now()
				assert.Equal(t, "503 after 2", post(t, server, "/telegram", doortest.Message(1)), "the update")
				assert.Equal(t, 4500*time.Millisecond, time.Since(start), "the time of its answer")
				assert.Equal(t, helloAnswer, post(t, server, "/telegram", doortest.Message(1)), "its redelivery")
				assert.Equal(t, 7*time.Second, time.Since(start), "the time of its answer: it joins the handler that still runs")
				if end != nil {
					t.Errorf("the timeout ended the handler's ctx: %v", end)
				}
			})
		})
	}
}

// Without a guard, the middleware answers the update, and the handler's reply is kept for
// the redelivery.
func TestWithoutAGuardATimeoutAnswersAndNothingIsLost(t *testing.T) {
	t.Parallel()
	for _, timeout := range timeouts {
		t.Run(timeout.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				server := bridge{timeout.wrap(newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					runs++
					time.Sleep(7 * time.Second)
					return hello(ctx, u)
				}, func(cfg *tghook.Config) { cfg.LateAfter = -1 }), 5*time.Second)}
				assert.Equal(t, timeout.own, post(t, server, "/telegram", doortest.Message(1)), "the update")
				assert.Equal(t, helloAnswer, post(t, server, "/telegram", doortest.Message(1)), "its redelivery")
				assert.Equal(t, 1, runs, "runs of the handler")
			})
		})
	}
}

// A timeout that is not longer than the guard's margin leaves a handler no time.
func TestATimeoutBelowTheMarginMakesEveryUpdateLate(t *testing.T) {
	t.Parallel()
	for _, timeout := range timeouts {
		t.Run(timeout.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				server := bridge{timeout.wrap(newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					time.Sleep(time.Millisecond)
					return hello(ctx, u)
				}), 500*time.Millisecond)}
				assert.Equal(t, "503 after 2", post(t, server, "/telegram", doortest.Message(1)), "the update")
				time.Sleep(2 * time.Second)
				assert.Equal(t, helloAnswer, post(t, server, "/telegram", doortest.Message(1)), "its redelivery")
			})
		})
	}
}

// Telegram decodes gzip, so a reply may be compressed. From an answer without a reply,
// gorilla's middleware makes 23 bytes that decode to none.
func TestACompressedReplyIsWhole(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("hello ", 1000)
	for name, compress := range map[string]func(http.Handler) http.Handler{
		"chi's Compress": middleware.Compress(5), "gorilla's CompressHandler": handlers.CompressHandler,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, compress(newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 1 {
					return say(long)(ctx, u)
				}
				return tghook.NoReply, nil
			})))
			for id, want := range map[int64]string{
				1: `200 application/json {"method":"sendMessage","text":"` + long + `"}`,
				2: "200",
			} {
				assert.Equal(t, want, post(t, gunzip{t, client(t, "tcp", addr), id == 1}, "/telegram", doortest.Message(id)), "the decoded answer")
			}
		})
	}
}

// Telegram never comes to the end of a large file in gzip. gorilla's middleware compresses
// whatever the answer says, so there the file is not in the answer.
func TestALargeFileIsNotCompressed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		compress func(http.Handler) http.Handler
		rides    bool
	}{
		"chi's Compress of all types": {middleware.Compress(5, "multipart/form-data", "application/json"), true},
		"gorilla's CompressHandler":   {handlers.CompressHandler, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := doortest.NewBot(t, doortest.SendLargeFile)
			conn := doortest.Dial(t, serve(t, test.compress(b.Webhook)))
			conn.Send(doortest.Delivery(doortest.Message(1)))
			res := conn.Read()
			if test.rides {
				doortest.WantLargeFile(t, res)
				return
			}
			assert.Less(t, len(res.Text), 100, "only what gzip makes of nothing")
			seen := b.Deliveries()
			require.Len(t, seen, 1)
			assert.Equal(t, tghook.OutcomeReplyLost, seen[0].Outcome)
			assert.ErrorContains(t, seen[0].Err, "mount the webhook outside of that middleware")
		})
	}
}

// gunzip decodes answers as Telegram does.
type gunzip struct {
	tb testing.TB
	http.RoundTripper

	must bool // the answer must be encoded
}

func (g gunzip) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := g.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.Header.Get("Content-Encoding") != "gzip" {
		if g.must {
			g.tb.Error("the answer is not compressed")
		}
		return res, nil
	}
	defer res.Body.Close()
	body, err := gzip.NewReader(res.Body)
	if err != nil {
		return nil, err
	}
	decoded, err := io.ReadAll(body)
	res.Body = io.NopCloser(bytes.NewReader(decoded))
	return res, err
}

// A body over a limit in front of the hook's own gets the same answer, with and without a
// Content-Length.
func TestABodyOverALimitInFrontIsAnswered413(t *testing.T) {
	t.Parallel()
	const limit = 1000
	server := client(t, "tcp", serve(t, http.MaxBytesHandler(newHook(t, hello), limit)))
	chunked := func(r *http.Request) { r.ContentLength = -1 }
	for size, want := range map[int]string{limit: helloAnswer, limit + 1: "413"} {
		body := doortest.Message(1) + strings.Repeat(" ", size-len(doortest.Message(1)))
		for name, change := range map[string]func(*http.Request){"with a length": func(*http.Request) {}, "in chunks": chunked} {
			if got := post(t, server, "/telegram", body, change); got != want {
				t.Errorf("%d bytes %s were answered %q, want %q", size, name, got, want)
			}
		}
	}
}

// A body that a middleware has read is gone. Observe gets an error that says so.
func TestABodyThatAMiddlewareHasReadIsReported(t *testing.T) {
	t.Parallel()
	told := make(chan tghook.Delivery, 1)
	hook := newHook(t, hello, func(cfg *tghook.Config) {
		cfg.Dispatch.Observe = func(_ context.Context, v tghook.Delivery) { told <- v }
	})
	r := gin.New()
	r.POST("/telegram", func(c *gin.Context) {
		if err := c.ShouldBindJSON(&struct{}{}); err != nil {
			t.Error(err)
		}
	}, gin.WrapH(hook))
	assert.Equal(t, "400", post(t, client(t, "tcp", serve(t, r)), "/telegram", doortest.Message(1)), "the update")
	require.ErrorContains(t, doortest.Await(t, told, "Observe").Err, "has a middleware read it?")
}

// A handler's panic ends in the hook. Only http.ErrAbortHandler, which asks for the
// connection to be closed, reaches a middleware, and none may answer it with success.
func TestARecovererSeesNoPanicButAnAbort(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		recover func(h http.Handler, seen io.Writer) http.Handler
		abort   string // the answer to http.ErrAbortHandler
	}{
		"chi's Recoverer": {func(h http.Handler, seen io.Writer) http.Handler {
			return chiLogger(seen)(middleware.Recoverer(h))
		}, noAnswer + "EOF"},
		"gin.Recovery": {func(h http.Handler, seen io.Writer) http.Handler {
			r := gin.New()
			r.Use(gin.RecoveryWithWriter(seen))
			r.Any("/telegram", gin.WrapH(h))
			return r
		}, "500"},
		"gorilla's RecoveryHandler": {func(h http.Handler, seen io.Writer) http.Handler {
			return handlers.RecoveryHandler(handlers.RecoveryLogger(log.New(seen, "", 0)))(h)
		}, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen bytes.Buffer
			hook := newHook(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 1 {
					panic("oops")
				}
				panic(http.ErrAbortHandler)
			})
			addr := serve(t, x.recover(hook, &seen))
			assert.Equal(t, "500", post(t, client(t, "tcp", addr), "/telegram", doortest.Message(1)), "a panic")
			assert.NotContains(t, seen.String(), "oops", "seen by the middleware")
			assert.Equal(t, x.abort, post(t, client(t, "tcp", addr), "/telegram", doortest.Message(2)), "an abort")
		})
	}
}

// Access logs hold parts of a request. The secret is in a header, which they leave out.
func TestAnAccessLogDoesNotTellTheSecret(t *testing.T) {
	t.Parallel()
	for name, logged := range map[string]func(h http.Handler, out io.Writer) http.Handler{
		"chi's Logger": func(h http.Handler, out io.Writer) http.Handler { return chiLogger(out)(h) },
		"gin.Logger": func(h http.Handler, out io.Writer) http.Handler {
			r := gin.New()
			r.Use(gin.LoggerWithWriter(out))
			r.Any("/telegram", gin.WrapH(h))
			return r
		},
		"gorilla's CombinedLoggingHandler": func(h http.Handler, out io.Writer) http.Handler {
			return handlers.CombinedLoggingHandler(out, h)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := make(writes, 1)
			server := client(t, "tcp", serve(t, logged(newHook(t, hello), lines)))
			assert.Equal(t, helloAnswer, post(t, server, "/telegram", doortest.Message(1)), "the update")
			line := doortest.Await(t, lines, "a line of the log")
			assert.Contains(t, line, "/telegram")
			assert.Contains(t, line, "200")
			assert.NotContains(t, line, secret)
		})
	}
}

// writes is a Writer whose output a test can wait for: a log's line may come after the
// answer.
type writes chan string

func (w writes) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

// gin.Recovery in its debug mode, the default, logs the headers of a request whose
// handler aborts.
func TestGinRecoveryInDebugModeTellsTheSecret(t *testing.T) { //nolint:paralleltest // the mode is gin's for all
	defer func(out io.Writer) { gin.DefaultWriter = out }(gin.DefaultWriter)
	defer gin.SetMode(gin.ReleaseMode)
	gin.DefaultWriter = io.Discard // gin lists the routes there
	for mode, want := range map[string]bool{gin.DebugMode: true, gin.ReleaseMode: false} {
		gin.SetMode(mode)
		var seen bytes.Buffer
		r := gin.New()
		r.Use(gin.RecoveryWithWriter(&seen))
		r.Any("/telegram", gin.WrapH(newHook(t, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic(http.ErrAbortHandler) })))
		assert.Equal(t, "500", post(t, bridge{r}, "/telegram", doortest.Message(1)), "the abort")
		if told := strings.Contains(seen.String(), secret); told != want {
			t.Errorf("in %s mode the log tells the secret: %v, want %v:\n%s", mode, told, want, seen.String())
		}
	}
}

// A middleware that writes a header's address into RemoteAddr lets any client pass for
// Telegram.
func TestAMiddlewareThatBelievesHeadersOpensAllowedSources(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		wrap func(http.Handler) http.Handler
		want string
	}{
		"nothing in front": {func(h http.Handler) http.Handler { return h }, "401"},
		//lint:ignore SA1019 this is why it is deprecated
		"chi's RealIP":             {middleware.RealIP, helloAnswer}, //nolint:staticcheck // this is why it is deprecated
		"gorilla's ProxyHeaders":   {handlers.ProxyHeaders, helloAnswer},
		"chi's ClientIPFromHeader": {middleware.ClientIPFromHeader("X-Real-IP"), "401"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := client(t, "tcp", serve(t, x.wrap(newHook(t, hello, func(cfg *tghook.Config) {
				cfg.AllowedSources = tghook.TelegramSources()
			}))))
			got := post(t, server, "/telegram", doortest.Message(1), func(r *http.Request) { r.Header.Set("X-Real-IP", "149.154.167.220") })
			assert.Equal(t, x.want, got, "the update")
		})
	}
}
