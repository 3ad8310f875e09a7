// Package tgfiber mounts a [tghook.Webhook] on a Fiber v2 server:
//
//	app := fiber.New()
//	app.Post("/telegram", tgfiber.Handler(hook))
package tgfiber

import (
	"bytes"
	"io"

	"github.com/gofiber/fiber/v2"

	"github.com/tghook/tghook"
)

// Handler returns w as a Fiber handler.
func Handler(w *tghook.Webhook) fiber.Handler {
	return func(c *fiber.Ctx) error {
		req := c.Request()
		var body io.Reader = bytes.NewReader(req.Body())
		res := w.Serve(c.UserContext(), tghook.Request{Method: c.Method(), Body: body})
		return c.Status(res.Status).Send(res.Body)
	}
}
