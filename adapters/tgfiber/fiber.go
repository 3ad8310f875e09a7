// Package tgfiber mounts a [tghook.Webhook] on a Fiber v2 server:
//
//	app := fiber.New(fiber.Config{ReadTimeout: 75 * time.Second})
//	app.Post("/telegram", tgfiber.Handler(hook))
//
// Fiber reads a body before it calls a handler, and only its ReadTimeout bounds
// how long that may take. It also bounds the wait for a request, the first and,
// without an IdleTimeout, the next: 75 seconds leave it to Telegram to close a
// silent connection, after 60. What exceeds BodyLimit is answered by Fiber's
// ErrorHandler, and Observe is not told: keep it above [tghook.Config].MaxBody.
//
// With Prefork each process has a memory and lanes of its own, and a redelivery may
// reach another than the delivery before: without a [tghook.Store] the update runs
// there too, even while it still runs here. Prefer one process.
package tgfiber

//lint:file-ignore SA1019 the fasthttp that Fiber v2 requires has no All

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/utils"

	"github.com/tghook/tghook"
)

// Handler returns w as a Fiber handler, which may be used concurrently. It answers
// by itself: nothing is left to Fiber's ErrorHandler. The ctx of w's handler has
// the values of c.UserContext(). Do not derive that from c.Context(), which Fiber
// uses again while a late handler still runs.
//
// Shut down w before the app.
func Handler(w *tghook.Webhook) fiber.Handler {
	return func(c *fiber.Ctx) error {
		in, out := c.Request(), c.Response()
		a := arrivals.Get().(*arrival)
		defer arrivals.Put(a)
		served := false
		defer func() {
			if !served { // the user's code has ended this goroutine, and nobody would close the connection
				_ = c.Context().Conn().Close()
			}
		}()
		a.read(c)
		var unread *stream
		if in.IsBodyStream() {
			unread = &stream{Reader: in.BodyStream()}
			a.Body = unread
		}

		res := w.Serve(c.UserContext(), a.Request)
		for name, values := range res.Header {
			out.Header.Del(name)
			for _, value := range values {
				out.Header.Add(name, value)
			}
		}
		if unread != nil && !unread.discard(c.Context().Conn()) {
			out.SetConnectionClose()
		}
		served = true
		return c.Status(res.Status).Send(bytes.Clone(res.Body)) // middleware may write into it
	}
}

// An arrival is a request as Serve takes it, of strings and slices that the next
// request overwrites: Serve keeps none.
type arrival struct {
	tghook.Request

	body bytes.Reader
	peer net.IP // whose RemoteAddr that is: most often it is the same again
}

var arrivals = sync.Pool{New: func() any { return new(arrival) }}

func (a *arrival) read(c *fiber.Ctx) {
	in := c.Request()
	a.from(c.Context().RemoteAddr())
	a.Request = tghook.Request{
		Method:        c.Method(),
		Host:          utils.UnsafeString(in.Header.Host()),
		Path:          utils.UnsafeString(in.URI().Path()),
		ContentType:   utils.UnsafeString(in.Header.ContentType()),
		Secret:        a.Secret[:0],
		ForwardedFor:  a.ForwardedFor[:0],
		RemoteAddr:    a.RemoteAddr,
		ContentLength: int64(in.Header.ContentLength()),
		Body:          &a.body,
	}
	if !in.IsBodyStream() {
		a.body.Reset(in.Body())
	}
	if a.ContentLength >= 0 {
		in.Header.VisitAll(a.line) //nolint:staticcheck // the fasthttp that Fiber v2 requires has no All
	} else { // of a chunked body VisitAll has the trailer too, be it the secret
		in.Header.VisitAllInOrder(a.line) //nolint:staticcheck // see above
	}
}

// from notes the peer's address; c.IP() may believe a header. A unix socket's peer has
// none, where fasthttp's RemoteIP would say 0.0.0.0.
func (a *arrival) from(peer net.Addr) {
	tcp, ok := peer.(*net.TCPAddr)
	switch {
	case !ok:
		a.peer, a.RemoteAddr = nil, peer.String()
	case a.peer == nil || !tcp.IP.Equal(a.peer):
		a.peer, a.RemoteAddr = bytes.Clone(tcp.IP), tcp.IP.String()
	}
}

func (a *arrival) line(name, value []byte) {
	switch value := utils.UnsafeString(value); {
	case is(name, "X-Telegram-Bot-Api-Secret-Token"):
		a.Secret = append(a.Secret, value)
	case is(name, fiber.HeaderXForwardedFor):
		a.ForwardedFor = append(a.ForwardedFor, value)
	case is(name, fiber.HeaderContentEncoding):
		a.ContentEncoding += value
	}
}

// is compares a header's name, which DisableHeaderNormalizing leaves as it came.
func is(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(utils.UnsafeString(name), want)
}

// stream is a body that StreamRequestBody has left on the connection. What is not
// read of it, fasthttp would take for the next request.
type stream struct {
	io.Reader

	ended bool
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.ended = s.ended || err == io.EOF
	return n, err
}

// discard reads the rest, as much and as long as net/http does for a client to
// see the answer, and reports whether that was all.
func (s *stream) discard(conn net.Conn) bool {
	defer func() { _ = recover() }() // the stream may be that of a middleware
	if !s.ended {
		_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		_, _ = io.CopyN(io.Discard, s, 256<<10)
		_ = conn.SetReadDeadline(time.Time{}) // fasthttp sets its own for each request
	}
	return s.ended
}
