package tgecho_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgecho"
	"github.com/tghook/tghook/tghooktest"
)

// A bare route is in the table at the root.
func TestEchoIsADoorInAGroupBehindMiddleware(t *testing.T) {
	t.Parallel()
	log := middleware.RequestLoggerConfig{LogStatus: true, LogValuesFunc: func(echo.Context, middleware.RequestLoggerValues) error { return nil }}
	tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		e := quiet(middleware.RequestLoggerWithConfig(log), middleware.Recover())
		g := e.Group("/:name", middleware.BodyLimit("8M"), middleware.ContextTimeout(time.Minute))
		g.Any("", tgecho.Handler(w))
		server := httptest.NewServer(e)
		tb.Cleanup(server.Close)
		return tghooktest.Door{Addr: server.Listener.Addr().String(), Path: path}
	})
}
