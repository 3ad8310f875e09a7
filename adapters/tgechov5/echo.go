// Package tgechov5 mounts a [tghook.Webhook] on an Echo v5 server:
//
//	e := echo.New()
//	e.POST("/telegram", tgechov5.Handler(hook))
package tgechov5

import (
	"github.com/labstack/echo/v5"

	"github.com/tghook/tghook"
)

// Handler returns w as an Echo handler, which may be used concurrently. It answers
// by itself: nothing is left to Echo's error handler.
func Handler(w *tghook.Webhook) echo.HandlerFunc {
	return func(c *echo.Context) error {
		w.ServeHTTP(c.Response(), c.Request())
		return nil
	}
}
