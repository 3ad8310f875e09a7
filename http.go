package tghook

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/redact"
)

// ServeHTTP receives one request on net/http. A handler's panic with
// [http.ErrAbortHandler] is passed on to the server.
func (w *Webhook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	arrived := w.dispatcher.engine.Now()
	if r.Body != nil && r.Body != http.NoBody {
		_ = guard.Call(func() error { // r's context and rw may be the user's own
			return boundBody(rw, r, w.dispatcher.engine.At(arrived+bodyTimeout))
		})
	}
	res, err := w.serve(r.Context(), arrived, &Request{
		Method:          r.Method,
		Host:            r.Host,
		Path:            r.URL.Path,
		ContentType:     first(r.Header["Content-Type"]),
		ContentEncoding: strings.Join(r.Header["Content-Encoding"], ", "),
		Secret:          r.Header["X-Telegram-Bot-Api-Secret-Token"],
		ForwardedFor:    r.Header["X-Forwarded-For"],
		RemoteAddr:      r.RemoteAddr,
		ContentLength:   r.ContentLength,
		Body:            r.Body,
	})
	if err != nil && aborted(inspect(err).panicked) {
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

// boundBody ends the reading of the body at a time, also for those who are refused: the
// server reads their body to its end. It lifts the deadline there, to see whether the peer
// hangs up. A server that has a timeout of its own, or supports none, has to do with that.
func boundBody(rw http.ResponseWriter, r *http.Request, end time.Time) error {
	if server, _ := r.Context().Value(http.ServerContextKey).(*http.Server); server != nil && server.ReadTimeout != 0 {
		return nil
	}
	return http.NewResponseController(rw).SetReadDeadline(end)
}

// aborted reports whether p is a panic with which a handler asks net/http to cut the
// connection. p may be nil.
func aborted(p *PanicError) bool {
	return p != nil && p.Value == http.ErrAbortHandler //nolint:errorlint // net/http compares so too
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Format implements [fmt.Formatter]: the fields that are set, without the secret and the
// body.
func (r Request) Format(f fmt.State, _ rune) { redact.Format(f, r) }

// LogValue implements [slog.LogValuer]: the fields that are set, without the secret and
// the body.
func (r Request) LogValue() slog.Value { return redact.LogValue(r) }

// MarshalJSON implements [json.Marshaler]: the fields that are set, without the secret
// and the body.
func (r Request) MarshalJSON() ([]byte, error) { return redact.MarshalJSON(r) }
