// Package tgecho mounts a [tghook.Webhook] on an Echo v4 server:
//
//	e := echo.New()
//	e.POST("/telegram", tgecho.Handler(hook))
package tgecho

import (
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tghook/tghook"
)

// Handler returns w as an Echo handler, which may serve any number of routes and
// requests at once. On a route of e.POST, Echo answers other methods; on one of
// e.Any, w does, with 405.
//
// It answers by itself and returns nil, whatever the answer: Echo's error handler
// is not called, and Recover has nothing to recover from. Only a handler's panic
// with [http.ErrAbortHandler] leaves it, and Recover lets that pass.
//
// A middleware in front of it must leave the request's body unread, or restore it
// as BodyDump does: after Bind, w answers 400. It must not answer either. Values
// reach the update's handler by the context of c.Request(), not by c.Set. Where
// that context has a deadline, as by ContextTimeout, w answers before it, and the
// update's handler goes on.
func Handler(w *tghook.Webhook) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.ContentLength < 0 { // else BodyLimit has looked at that
			r.Body = &chunked{ReadCloser: r.Body}
		}
		w.ServeHTTP(c.Response(), r)
		return nil
	}
}

// chunked is a body in which Echo's BodyLimit speaks as net/http's does.
type chunked struct {
	io.ReadCloser

	read int64
}

func (b *chunked) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if errors.Is(err, echo.ErrStatusRequestEntityTooLarge) {
		err = &http.MaxBytesError{Limit: b.read - 1} // the limit itself is not told
	}
	return n, err
}
