package tgechov5_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgechov5"
	"github.com/tghook/tghook/tghooktest"
)

func TestEchoIsADoor(t *testing.T) {
	t.Parallel()
	for name, mount := range map[string]func(e *echo.Echo, w *tghook.Webhook){
		"at a route": func(e *echo.Echo, w *tghook.Webhook) { e.Any(path, tgechov5.Handler(w)) },
		"in a group behind middleware": func(e *echo.Echo, w *tghook.Webhook) {
			log := middleware.RequestLoggerConfig{LogStatus: true, LogValuesFunc: func(*echo.Context, middleware.RequestLoggerValues) error { return nil }}
			e.Use(middleware.RequestLoggerWithConfig(log), middleware.Recover())
			g := e.Group("/:name", middleware.BodyLimit(8<<20), middleware.ContextTimeout(time.Minute))
			g.Any("", tgechov5.Handler(w))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
				e := quiet()
				mount(e, w)
				server := httptest.NewServer(e)
				tb.Cleanup(server.Close)
				return tghooktest.Door{Addr: server.Listener.Addr().String(), Path: path}
			})
		})
	}
}
