package tgecho_test

import (
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/tghook/tghook/adapters/internal/adaptertest"
	"github.com/tghook/tghook/adapters/tgecho"
)

func TestEcho(t *testing.T) {
	t.Parallel()
	adaptertest.TestEcho(t, adaptertest.Echo[echo.MiddlewareFunc]{
		New:         newEcho,
		Own:         own,
		ErrNotFound: echo.ErrNotFound,
		BodyDump: func(dump func(in, out []byte)) echo.MiddlewareFunc {
			return middleware.BodyDump(func(_ echo.Context, in, out []byte) { dump(in, out) })
		},
		BodyLimit:           func(limit int64) echo.MiddlewareFunc { return middleware.BodyLimit(strconv.FormatInt(limit, 10) + "B") },
		ContextTimeout:      middleware.ContextTimeout,
		Decompress:          middleware.Decompress,
		Gzip:                middleware.Gzip,
		Recover:             middleware.Recover,
		RemoveTrailingSlash: middleware.RemoveTrailingSlash,
		RequestLogger:       requestLogger,
		Timeouts: map[string]func(time.Duration) echo.MiddlewareFunc{
			"ContextTimeout": middleware.ContextTimeout,
			"Timeout": func(timeout time.Duration) echo.MiddlewareFunc {
				//lint:ignore SA1019 deprecated, and in use
				return middleware.TimeoutWithConfig(middleware.TimeoutConfig{Timeout: timeout}) //nolint:staticcheck // deprecated, and in use
			},
		},
	})
}

func newEcho(app adaptertest.EchoApp[echo.MiddlewareFunc]) http.Handler {
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.Pre(app.Pre...)
	e.Use(app.Use...)
	if app.OnError != nil {
		e.HTTPErrorHandler = func(err error, c echo.Context) {
			app.OnError(err)
			_ = c.String(http.StatusTeapot, "teapot")
		}
	}
	handler := tgecho.Handler(app.Webhook)
	if app.Choose != nil {
		handler = func(c echo.Context) error { return tgecho.Handler(app.Choose(c))(c) }
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
		return func(c echo.Context) error { return f(c, func() error { return next(c) }) }
	}
}

func requestLogger(log func(status int)) echo.MiddlewareFunc {
	return middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
		LogStatus: true,
		LogValuesFunc: func(_ echo.Context, v middleware.RequestLoggerValues) error {
			log(v.Status)
			return v.Error
		},
	})
}
