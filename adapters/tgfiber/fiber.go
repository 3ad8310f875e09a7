// Package tgfiber mounts a [tghook.Webhook] on a Fiber v2 server:
//
//	app := fiber.New(fiber.Config{ReadTimeout: 75 * time.Second})
//	app.Post("/telegram", tgfiber.Handler(hook))
//
// Fiber reads a body before it calls a handler, and only ReadTimeout limits how long
// that takes. ReadTimeout also limits the wait for the first request of a connection
// and, without an IdleTimeout, for each later one. Telegram closes a silent connection
// after 60 seconds; with 75 seconds, Fiber does not close it first.
//
// Fiber's ErrorHandler answers a body over BodyLimit, and Observe is not called. Keep
// BodyLimit above [tghook.Config].MaxBody.
//
// With Prefork, each process has its own memory and its own lanes, and a redelivery may
// reach another process than the delivery before it. Without a [tghook.Store], the
// update then runs in that process too, even while it still runs in the first one.
// Prefer one process.
package tgfiber

//lint:file-ignore SA1019 the fasthttp that Fiber v2 requires has no All

import (
	"bytes"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/internal/fiberrequest"
)

// Handler returns a Fiber handler that serves requests with w. It may be used
// concurrently.
//
// It writes all answers of w itself: Fiber's ErrorHandler is not called for them.
//
// The context of w's handler has the values of c.UserContext(). Do not derive that
// context from c.Context(): Fiber uses c.Context() again while a late handler still
// runs.
//
// Shut down w before the app.
func Handler(w *tghook.Webhook) fiber.Handler {
	return func(c *fiber.Ctx) error {
		in, out := c.Request(), c.Response()
		conn := c.Context().Conn()
		r := requests.Get().(*fiberrequest.Request)
		defer requests.Put(r)
		served := false
		defer func() {
			if !served { // a user's code has ended this goroutine: nothing else closes the connection
				_ = conn.Close()
			}
		}()
		read(r, c)
		var unread *fiberrequest.Stream
		if in.IsBodyStream() {
			unread = &fiberrequest.Stream{Reader: in.BodyStream()}
			r.Body = unread
		}

		res := w.Serve(c.UserContext(), r.Request)
		for name, values := range res.Header {
			out.Header.Del(name)
			for _, value := range values {
				out.Header.Add(name, value)
			}
		}
		if unread != nil && !unread.Discard(conn) {
			out.SetConnectionClose()
		}
		served = true
		return c.Status(res.Status).Send(bytes.Clone(res.Body)) // a copy, because middleware may write into it
	}
}

var requests = sync.Pool{New: func() any { return new(fiberrequest.Request) }}

func read(r *fiberrequest.Request, c *fiber.Ctx) {
	in := c.Request()
	r.Start(c.Context().RemoteAddr())
	r.Method = c.Method()
	r.Host = fiberrequest.String(in.Header.Host())
	r.Path = fiberrequest.String(in.URI().Path())
	r.ContentType = fiberrequest.String(in.Header.ContentType())
	r.ContentLength = int64(in.Header.ContentLength())
	if !in.IsBodyStream() {
		r.Whole.Reset(in.Body())
	}
	if r.ContentLength >= 0 {
		in.Header.VisitAll(r.Line) //nolint:staticcheck // the fasthttp that Fiber v2 requires has no All
	} else { // chunked: VisitAll would visit the trailer too, which may hold a secret
		in.Header.VisitAllInOrder(r.Line) //nolint:staticcheck // see above
	}
}
