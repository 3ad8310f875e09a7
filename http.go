package tghook

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP receives one request on net/http. A handler's panic with
// [http.ErrAbortHandler] is passed on to the server.
func (w *Webhook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	res, err := w.serve(r.Context(), &Request{
		Method:          r.Method,
		Host:            r.Host,
		Path:            r.URL.Path,
		ContentType:     first(r.Header["Content-Type"]),
		ContentEncoding: strings.Join(r.Header["Content-Encoding"], ", "),
		Secret:          r.Header["X-Telegram-Bot-Api-Secret-Token"],
		ForwardedFor:    r.Header["X-Forwarded-For"],
		RemoteAddr:      r.RemoteAddr,
		ContentLength:   r.ContentLength,
		Body:            &timedBody{body: r.Body, control: *http.NewResponseController(rw)},
	})
	if err != nil && aborted(err) {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(rw.Header(), res.Header)
	if len(res.Body) > 0 {
		rw.Header()["Content-Length"] = []string{strconv.Itoa(len(res.Body))}
	}
	rw.WriteHeader(res.Status)
	if len(res.Body) > 0 {
		_, _ = rw.Write(res.Body) // if Telegram does not get it, it sends the update again
	}
}

func aborted(err error) bool {
	var panicked *PanicError
	return errors.As(err, &panicked) && panicked.Value == http.ErrAbortHandler //nolint:errorlint // net/http compares so too
}

// timedBody reads a request's body with a deadline, where the server supports
// one. It is lifted at the end of the body, for the server reads on while the
// handler runs, to see whether the peer hangs up.
type timedBody struct {
	body    io.Reader
	control http.ResponseController
	begun   bool
	timed   bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	if !b.begun {
		b.begun = true
		b.timed = b.control.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil
	}
	n, err := b.body.Read(p)
	if err != nil && b.timed {
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
