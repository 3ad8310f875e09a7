package tgechov5_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/tghook/tghook/adapters/internal/adaptertest"
	"github.com/tghook/tghook/adapters/tgechov5"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	adaptertest.TestEcho(t, adaptertest.Echo[echo.MiddlewareFunc]{
		New:         newEcho,
		Own:         own,
		ErrNotFound: echo.ErrNotFound,
		BodyDump: func(dump func(in, out []byte)) echo.MiddlewareFunc {
			return middleware.BodyDump(func(_ *echo.Context, in, out []byte, _ error) { dump(in, out) })
		},
		BodyLimit:           middleware.BodyLimit,
		ContextTimeout:      middleware.ContextTimeout,
		Decompress:          middleware.Decompress,
		Gzip:                middleware.Gzip,
		Recover:             middleware.Recover,
		RemoveTrailingSlash: middleware.RemoveTrailingSlash,
		RequestLogger:       requestLogger,
		Timeouts:            map[string]func(time.Duration) echo.MiddlewareFunc{"ContextTimeout": middleware.ContextTimeout},
	})
}

func newEcho(app adaptertest.EchoApp[echo.MiddlewareFunc]) http.Handler {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	e.Pre(app.Pre...)
	e.Use(app.Use...)
	if app.OnError != nil {
		e.HTTPErrorHandler = func(c *echo.Context, err error) {
			app.OnError(err)
			_ = c.String(http.StatusTeapot, "teapot")
		}
	}
	handler := tgechov5.Handler(app.Webhook)
	if app.Choose != nil {
		handler = func(c *echo.Context) error { return tgechov5.Handler(app.Choose(c))(c) }
	}
	group := e.Group(app.Group, app.GroupUse...)
	if app.Post {
		group.POST(app.Path, handler)
	} else {
		group.Any(app.Path, handler)
	}
	return e
}

func own(f func(c adaptertest.EchoContext, next func() error) error) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { return f(c, func() error { return next(c) }) }
	}
}

func requestLogger(log func(status int)) echo.MiddlewareFunc {
	return middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		LogStatus: true,
		LogValuesFunc: func(_ *echo.Context, v middleware.RequestLoggerValues) error {
			log(v.Status)
			return v.Error
		},
	})
}
