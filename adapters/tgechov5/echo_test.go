package tgechov5_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgechov5"
)

// Echo's own answer to an error would have a body, and its log would have an
// error for what Telegram simply sends again.
func TestEchosErrorHandlerIsNotCalledForAnyAnswer(t *testing.T) {
	t.Parallel()
	fail := func(err error) tghook.HandlerFunc {
		return func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, err }
	}
	good := delivery(path, message(1))
	for _, c := range []struct {
		name    string
		h       tghook.HandlerFunc
		raw     string
		status  int
		headers string // name: value
	}{
		{"success", idle, good, 200, ""},
		{"an error", fail(errors.New("no")), good, 500, ""},
		{"an error of Echo", fail(echo.NewHTTPError(404, "no")), good, 500, ""},
		{"RetryAfter", fail(tghook.RetryAfter(7*time.Second, errors.New("busy"))), good, 503, "Retry-After: 7"},
		{"wrong secret", idle, strings.Replace(good, secret, "wrong", 1), 401, "Connection: close"},
		{"GET", idle, "GET " + path + " HTTP/1.1\r\nHost: bot.example.org\r\n\r\n", 405, "Allow: POST"},
		{"wrong type", idle, strings.Replace(good, "application/json", "text/xml", 1), 415, ""},
		{"too large", idle, delivery(path, sized(64<<10+1)), 413, "Connection: close"},
		{"malformed", idle, delivery(path, "{"), 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var logged []int
			e := mounted(newBot(t, c.h, func(cfg *tghook.Config) { cfg.MaxBody = 64 << 10 }).Webhook,
				middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
					LogStatus: true,
					LogValuesFunc: func(_ *echo.Context, v middleware.RequestLoggerValues) error {
						logged = append(logged, v.Status)
						return v.Error
					},
				}))
			e.HTTPErrorHandler = func(c *echo.Context, err error) {
				t.Errorf("Echo's error handler was called with %v", err)
				_ = c.String(418, "teapot")
			}
			a := ask(t, e, c.raw)
			a.is(t, c.status, "")
			if name, value, _ := strings.Cut(c.headers, ": "); name == "Connection" {
				if !a.Close {
					t.Error("the connection stays open")
				}
			} else if a.Header.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, a.Header.Get(name), value)
			}
			if len(logged) != 1 || logged[0] != c.status {
				t.Errorf("RequestLogger saw %v, want %d", logged, c.status)
			}
		})
	}
}

func TestAPanicIs500AndRecoverDoesNotSeeIt(t *testing.T) {
	t.Parallel()
	b := newBot(t, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic("oops") })
	e := mounted(b.Webhook, func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			err := next(c)
			if err != nil {
				t.Errorf("Recover recovered %v", err)
			}
			return err
		}
	}, middleware.Recover())
	ask(t, e, delivery(path, message(1))).is(t, 500, "")
	b.ran(1)
	if v, panicked := b.only(), new(tghook.PanicError); v.Status != 500 || !errors.As(v.Err, &panicked) || panicked.Value != "oops" {
		t.Errorf("Observe was told %+v, want a 500 with the panic", v)
	}
}

func TestErrAbortHandlerDropsTheConnectionThroughAllMiddleware(t *testing.T) {
	t.Parallel()
	b := newBot(t, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic(http.ErrAbortHandler) })
	e := mounted(b.Webhook, middleware.Gzip(), middleware.BodyLimit(1<<20), middleware.Recover())
	if a, err := try(t, e, delivery(path, message(1))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %+v and %v, want the end of the connection", a, err)
	}
	b.ran(1)
	b.only()
}

type contextKey struct{}

func TestValuesInTheRequestsContextReachTheHandler(t *testing.T) {
	t.Parallel()
	b := newBot(t, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		if got := ctx.Value(contextKey{}); got != "abc" {
			t.Errorf("the handler's ctx has %v, want abc", got)
		}
		return tghook.NoReply, nil
	})
	e := mounted(b.Webhook, func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			r := c.Request()
			c.SetRequest(r.WithContext(context.WithValue(r.Context(), contextKey{}, "abc")))
			return next(c)
		}
	})
	ask(t, e, delivery(path, message(1))).is(t, 200, "")
	b.ran(1)
}

func TestOneRouteOfAGroupServesManyBots(t *testing.T) {
	t.Parallel()
	bots := map[string]*bot{"red": newBot(t, greet), "blue": newBot(t, idle)}
	handlers := map[string]echo.HandlerFunc{"red": tgechov5.Handler(bots["red"].Webhook), "blue": tgechov5.Handler(bots["blue"].Webhook)}
	e := quiet()
	g := e.Group("/bots/:bot", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if handlers[c.Param("bot")] == nil {
				return echo.ErrNotFound
			}
			c.Response().Header().Set("X-Bot", c.Param("bot"))
			return next(c)
		}
	})
	g.POST("/telegram", func(c *echo.Context) error { return handlers[c.Param("bot")](c) })

	for name, body := range map[string]string{"red": greeting(1001), "blue": ""} {
		a := ask(t, e, delivery("/bots/"+name+"/telegram", message(1)))
		a.is(t, 200, body)
		if a.Header.Get("X-Bot") != name {
			t.Errorf("the group's middleware set %q, want %q", a.Header.Get("X-Bot"), name)
		}
		bots[name].ran(1)
	}
	if a := ask(t, e, delivery("/bots/green/telegram", message(1))); a.StatusCode != http.StatusNotFound {
		t.Errorf("the group's middleware lets an unknown bot pass with %d", a.StatusCode)
	}
}

// Behind Any it is the webhook's answer, which TestEchosErrorHandlerIsNotCalledForAnyAnswer sees.
func TestEchoAnswersOtherMethodsOfAPOSTRoute(t *testing.T) {
	t.Parallel()
	b := newBot(t, idle)
	e := quiet()
	e.POST(path, tgechov5.Handler(b.Webhook))
	a := ask(t, e, strings.Replace(delivery(path, message(1)), "POST", "PUT", 1))
	if a.StatusCode != http.StatusMethodNotAllowed || a.Header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("got %d with Allow %q, want Echo's 405", a.StatusCode, a.Header.Get("Allow"))
	}
	ask(t, e, delivery(path, message(1))).is(t, 200, "")
	b.ran(1)
	b.only()
}

// Telegram follows no redirect: RedirectCode would be a failure.
func TestATrailingSlashMayBeRemoved(t *testing.T) {
	t.Parallel()
	b := newBot(t, greet)
	e := mounted(b.Webhook)
	if a := ask(t, e, delivery(path+"/", message(1))); a.StatusCode != http.StatusNotFound {
		t.Errorf("without RemoveTrailingSlash: got %d, want 404", a.StatusCode)
	}
	b.ran(0)
	e.Pre(middleware.RemoveTrailingSlash())
	ask(t, e, delivery(path+"/?bot=1", message(1))).is(t, 200, greeting(1001))
	b.ran(1)
}

// It cannot be taken back. The update is handled all the same, and only once.
func TestWhatAnEarlierMiddlewareHasAnsweredStands(t *testing.T) {
	t.Parallel()
	b := newBot(t, idle)
	e := mounted(b.Webhook, func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if err := c.String(http.StatusAccepted, "early"); err != nil {
				return err
			}
			return next(c)
		}
	})
	for range 2 {
		ask(t, e, delivery(path, message(1))).is(t, 202, "early")
	}
	b.ran(1)
}

func TestEchoServesManyUpdatesAtOnce(t *testing.T) {
	t.Parallel()
	const senders, each = 16, 20
	b := newBot(t, greet)
	server := httptest.NewServer(mounted(b.Webhook, middleware.Recover(), middleware.Gzip(), middleware.BodyLimit(1<<20)))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}, Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	for s := range int64(senders) {
		all.Go(func() {
			for i := range int64(each) {
				id := s*each + i
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader(message(id)))
				if err != nil {
					t.Error(err)
					return
				}
				if i%2 == 0 {
					req.ContentLength = -1
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
				res, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK || string(body) != greeting(1000+id) {
					t.Errorf("update %d: got %d %q and %v, want 200 %q", id, res.StatusCode, body, err, greeting(1000+id))
				}
			}
		})
	}
	all.Wait()
	b.ran(senders * each)
}

// The deadline has to reach the connection through every wrapper of its writer.
func TestASlowBodyIs408BehindMiddleware(t *testing.T) {
	t.Parallel()
	for name, all := range map[string][]echo.MiddlewareFunc{
		"none": nil,
		"some": {middleware.Recover(), middleware.Gzip(), middleware.BodyLimit(1 << 20), middleware.ContextTimeout(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBot(t, idle)
				conn := connect(t, mounted(b.Webhook, all...), func(s *http.Server) { s.ReadTimeout = 0 }) // Echo sets 30 s
				raw := delivery(path, message(1))
				start := time.Now()
				if _, err := conn.Write([]byte(raw[:len(raw)-5])); err != nil {
					t.Fatal(err)
				}
				a, err := read(conn)
				if err != nil {
					t.Fatal(err)
				}
				a.is(t, 408, "")
				if took := time.Since(start); took != 10*time.Second {
					t.Errorf("answered after %v, want 10 s", took)
				}
				b.ran(0)
			})
		})
	}
}

// Its ReadTimeout of 30 seconds is its idle timeout too. Telegram may have sent
// an update by the time that it sees the end of the connection.
func TestEchosOwnServerHangsUpBeforeTelegramUnlessItIsTold(t *testing.T) {
	t.Parallel()
	for _, idleTimeout := range []time.Duration{0, 90 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := newBot(t, idle)
			conn := connect(t, mounted(b.Webhook), func(s *http.Server) { s.IdleTimeout = idleTimeout })
			send := func(id int64) error {
				if _, err := conn.Write([]byte(delivery(path, message(id)))); err != nil {
					return err
				}
				a, err := read(conn)
				if err == nil {
					a.is(t, 200, "")
				}
				return err
			}
			if err := send(1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(59 * time.Second)
			if err := send(2); (err == nil) != (idleTimeout > 0) {
				t.Errorf("with an IdleTimeout of %v: got %v after 59 s", idleTimeout, err)
			}
		})
	}
}
