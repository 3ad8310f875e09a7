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
	"github.com/tghook/tghook/adapters/internal/echoresponse"
)

// Handler returns an Echo handler that serves requests with w. It may serve any number
// of routes, and may be used concurrently. On a route of e.POST, Echo answers other
// methods. On a route of e.Any, w answers them, with 405.
//
// It writes every answer itself and returns nil: Echo's error handler is not called, and
// Recover recovers nothing. Only a panic of w's handler with [http.ErrAbortHandler]
// leaves it, and Recover passes that on.
//
// A middleware in front of it must not answer, and must leave the request's body unread
// or restore it, as BodyDump does. After Bind, w answers 400. Values for w's handler
// belong in the context of c.Request(): those of c.Set do not reach it. If the context of
// c.Request() has a deadline, as by ContextTimeout, w answers before that, and w's handler
// goes on.
//
// Echo's Gzip compresses no answer with files, because Telegram does not come to the end of
// a large one: such an answer is written past Gzip, and past the middlewares behind it.
func Handler(w *tghook.Webhook) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if r.ContentLength < 0 { // else BodyLimit has checked the length
			r.Body = &chunked{ReadCloser: r.Body}
		}
		res := c.Response()
		res.Before(func() {
			if echoresponse.Encoded(res.Header()) {
				res.Writer = echoresponse.Behind(res.Writer)
			}
		})
		w.ServeHTTP(res, r)
		return nil
	}
}

// chunked is a body of unknown length. It turns the error of Echo's BodyLimit into that
// of net/http, which w knows.
type chunked struct {
	io.ReadCloser

	read int64
}

func (b *chunked) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if errors.Is(err, echo.ErrStatusRequestEntityTooLarge) {
		err = &http.MaxBytesError{Limit: b.read - 1} // Echo's error does not state the limit
	}
	return n, err
}
