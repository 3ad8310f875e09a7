// Package tgfiberv3 mounts a [tghook.Webhook] on a Fiber v3 server:
//
//	app := fiber.New()
//	app.Post("/telegram", tgfiberv3.Handler(hook))
package tgfiberv3

import (
	"bytes"
	"io"

	"github.com/gofiber/fiber/v3"

	"github.com/tghook/tghook"
)

// Handler returns w as a Fiber handler.
func Handler(w *tghook.Webhook) fiber.Handler {
	return func(c fiber.Ctx) error {
		req := c.Request()
		var body io.Reader = bytes.NewReader(req.Body())
		res := w.Serve(c.Context(), tghook.Request{Method: c.Method(), Body: body})
		return c.Status(res.Status).Send(res.Body)
	}
}
