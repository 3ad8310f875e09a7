package tghook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/botapi"
	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/redact"
)

// Request is one HTTP request, of any server.
type Request struct {
	Method, Host, Path, ContentType string
	ContentEncoding                 string    // empty or identity; any other is refused
	Secret, ForwardedFor            []string  // every line of X-Telegram-Bot-Api-Secret-Token and X-Forwarded-For
	RemoteAddr                      string    // the address of the peer, with or without a port
	ContentLength                   int64     // negative if unknown
	Body                            io.Reader // is read before the handler starts, and is not kept; nil for an empty body
	Ephemeral                       bool      // as Config.Ephemeral; a door sets it if it knows that its platform freezes

	compressed bool // a middleware has announced that it encodes the answer, whatever the answer says
}

// Response is the answer to a Request. A door sends it unchanged. Header may be nil, and
// has neither Content-Length nor Date.
//
// An answer with files has a Content-Encoding of none, so that nobody on the way to Telegram
// compresses it: Telegram never comes to the end of a compressed multipart body of more than
// 2 MB.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
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

// receive checks a request and reads its update. The cheap checks come first, so that a
// stranger costs little.
func (w *Webhook) receive(req *Request) (*Update, *RequestError) {
	if req.Method != http.MethodPost {
		return nil, &RequestError{Status: http.StatusMethodNotAllowed, Problem: fmt.Sprintf("method %.64q: want POST", req.Method)}
	}
	if problem := w.sources.stranger(req.RemoteAddr, req.ForwardedFor); problem != "" {
		return nil, &RequestError{Status: http.StatusUnauthorized, Problem: problem}
	}
	if problem := w.secrets.unauthentic(req.Secret); problem != "" {
		return nil, &RequestError{Status: http.StatusUnauthorized, Problem: problem}
	}
	if !isJSON(req.ContentType) {
		return nil, &RequestError{Status: http.StatusUnsupportedMediaType, Problem: fmt.Sprintf("Content-Type %.64q: want application/json", req.ContentType)}
	}
	if req.ContentEncoding != "" && !strings.EqualFold(req.ContentEncoding, "identity") {
		return nil, &RequestError{Status: http.StatusUnsupportedMediaType, Problem: fmt.Sprintf("Content-Encoding %.64q: the body must not be encoded", req.ContentEncoding)}
	}
	body, refused := w.reading.read(req.Body, req.ContentLength, w.cfg.MaxBody)
	if refused != nil {
		return nil, refused
	}
	if len(body) == 0 && req.ContentLength != 0 {
		return nil, &RequestError{Status: http.StatusBadRequest, Problem: "the body is empty: " + wasRead}
	}
	u, err := ParseUpdate(body)
	if u == nil {
		return nil, &RequestError{Status: http.StatusBadRequest, Problem: notAnUpdate(body, req.ContentLength), Err: err}
	}
	return u, nil
}

const wasRead = "has a middleware read it? Mount the webhook without that"

// notAnUpdate says what is wrong with a body that did not parse, of which length bytes
// were announced.
func notAnUpdate(body []byte, length int64) string {
	const problem = "the body is not an update"
	switch start := bytes.TrimLeft(body, " \t\r\n"); {
	case int64(len(body)) < length:
		return fmt.Sprintf("%s: %d of %d bytes are left: %s", problem, len(body), length, wasRead)
	case length < 0 && len(start) > 0 && start[0] != '{':
		return problem + ": it does not begin with a brace: " + wasRead
	default:
		return problem
	}
}

func isJSON(contentType string) bool {
	if contentType == botapi.TypeJSON {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return mediaType == botapi.TypeJSON && (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter))
}

// reject answers a request that is refused.
func (w *Webhook) reject(ctx context.Context, req *Request, refused *RequestError) Response {
	refused.Path, refused.Peer = w.pathOf(req), w.sources.name(req.RemoteAddr, req.ForwardedFor)
	res := Response{Status: refused.Status}
	switch res.Status {
	case http.StatusMethodNotAllowed:
		res.Header = http.Header{"Allow": {http.MethodPost}}
	case http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		res.Header = http.Header{"Connection": {"close"}} // the body was not read
	case http.StatusServiceUnavailable:
		// The connection stays open, because net/http reads the rest of the body and drops it.
		res.Header = http.Header{"Retry-After": {strconv.Itoa(2 + rand.IntN(2))}} //nolint:gosec // jitter is no secret
	}
	w.logRefusal(ctx, req.Method, refused)
	w.dispatcher.observe(ctx, Delivery{Outcome: OutcomeRejected, Status: res.Status, Err: refused})
	return res
}

// noEncoding is the Content-Encoding of an answer that must not be compressed. What compresses
// leaves an answer alone that has one. Telegram takes none for no encoding, and refuses
// identity (tdlib/td, HttpReader).
const noEncoding = "none"

var errCompressed = errors.New("tghook: a reply with files cannot be in an answer that a middleware compresses: mount the webhook outside of that middleware")

// withoutFiles takes files out of an answer that will be compressed, and says why they are
// lost.
func withoutFiles(v *dispatch.Verdict) {
	switch {
	case botapi.HasFiles(v.Reply.Body): // it was in another answer before
		v.Reply, v.Err = dispatch.Reply{}, errCompressed
	case v.Outcome == dispatch.ReplyLost && v.Err == dispatch.ErrNoSender: //nolint:errorlint // as the engine returns it
		v.Err = fmt.Errorf("%w; there is %w", errCompressed, v.Err)
	}
}

// responseTo returns the answer to Telegram. A failure has no body, because Telegram would
// not read it.
func responseTo(v *dispatch.Verdict) Response {
	switch {
	case v.Acked && len(v.Reply.Body) > 0:
		header := http.Header{"Content-Type": {botapi.ContentType(v.Reply.Body)}}
		if botapi.HasFiles(v.Reply.Body) {
			header["Content-Encoding"] = []string{noEncoding}
		}
		return Response{http.StatusOK, header, v.Reply.Body}
	case v.Acked:
		return Response{Status: http.StatusOK}
	case v.Retry > 0:
		seconds := int64((v.Retry + time.Second - 1) / time.Second)
		return Response{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}}
	case v.Outcome == dispatch.Late: // LateCancel: without Retry-After Telegram waits longer each time
		return Response{Status: http.StatusServiceUnavailable}
	default:
		return Response{Status: http.StatusInternalServerError}
	}
}

// logRefusal writes a line for a request that was refused. GET and HEAD mostly come from a
// health check or a browser. They get one line an hour.
func (w *Webhook) logRefusal(ctx context.Context, method string, refused *RequestError) {
	attrs := []slog.Attr{slog.String("path", refused.Path), slog.String("peer", refused.Peer)}
	if refused.Status == http.StatusMethodNotAllowed && (method == http.MethodGet || method == http.MethodHead) {
		if w.probes.Take() {
			w.cfg.Dispatch.log(ctx, slog.LevelInfo, "tghook: a "+method+" request where Telegram sends POST", attrs...)
		}
		return
	}
	if !w.refusals.Take() {
		return
	}
	attrs = append(attrs, slog.Int("status", refused.Status), slog.String("problem", refused.Problem))
	if refused.Err != nil {
		attrs = append(attrs, slog.Any("error", refused.Err))
	}
	w.cfg.Dispatch.log(ctx, slog.LevelWarn, "tghook: request refused", attrs...)
}

// logMore returns a function that logs line with a count.
func (w *Webhook) logMore(level slog.Level, line string) func(count int) {
	return func(count int) { w.cfg.Dispatch.log(context.Background(), level, line, slog.Int("count", count)) }
}

const maxPath = 200 // bytes of a path in a log

// pathOf returns the path of a request for a log: short, and without secrets.
func (w *Webhook) pathOf(req *Request) string {
	path := req.Path[:min(len(req.Path), 20*maxPath)]
	for _, secret := range w.secrets() {
		path = strings.ReplaceAll(path, string(secret), redact.Hidden)
	}
	path = redact.Tokens(path)
	return path[:min(len(path), maxPath)]
}

const (
	maxReading     = 64 << 20 // bytes for all bodies that are being read
	maxReadingFull = 4 << 20  // the same while MaxInFlight is reached
	firstRead      = 64 << 10 // the first buffer for a larger body; it grows as the body comes
	maxEmptyReads  = 100      // in a row; bufio has the same limit
)

// reading bounds the memory of the bodies that are being read at one time.
//
// MaxInFlight counts an update that is admitted. Its body comes before that, and
// many bodies may come slowly at once. So all bodies that are being read share maxReading
// bytes. When these are used up, a request is answered 503 and the rest of its body is not
// read.
//
// While MaxInFlight is reached most new updates are turned away, and their bodies need not
// be read. But a redelivery of a known update must still join it, and its id is
// only in its body. So bodies are read within maxReadingFull bytes, which is
// room for thousands of usual updates, or for several of the largest. A redelivery that
// finds no room comes again after two seconds, as any update that is turned away does.
//
// The alternatives were worse. If no body were read while MaxInFlight is reached, no
// redelivery could join, and a slow update could not end. If the bodies were counted, 1024
// bodies of 1 MiB could be in memory.
type reading struct {
	dispatcher *Dispatcher
	most       int64 // in bytes
	mostFull   int64
	held       atomic.Int64
}

// newReading leaves room for one body of maxBody bytes, however large that is.
func newReading(d *Dispatcher, maxBody int64) *reading {
	one := 2 * min(maxBody, 1<<40) // its memory grows by doubling
	return &reading{dispatcher: d, most: max(maxReading, one), mostFull: max(maxReadingFull, one)}
}

// take reserves n bytes. It returns false if they are not free.
func (b *reading) take(n int) bool {
	most := b.most
	if b.dispatcher.engine.Full() {
		most = b.mostFull
	}
	if b.held.Add(int64(n)) > most {
		b.give(n)
		return false
	}
	return true
}

func (b *reading) give(n int) { b.held.Add(-int64(n)) }

// read reads a body of at most limit bytes into memory of its own. The body may be the
// user's code.
func (b *reading) read(r io.Reader, length, limit int64) (body []byte, refused *RequestError) {
	if length > limit {
		return nil, tooLarge(limit)
	}
	if r == nil {
		r = http.NoBody
	}
	size := int(min(max(length, 511)+1, firstRead))
	if !b.take(size) {
		return nil, tooBusy()
	}
	defer func() { b.give(size) }()
	body = make([]byte, 0, size)
	for empty := 0; ; {
		n, err := readOnce(r, body[len(body):cap(body)])
		body = body[:len(body)+n]
		if empty++; n > 0 {
			empty = 0
		}
		switch {
		case int64(len(body)) > limit:
			return nil, tooLarge(limit)
		case err == io.EOF: //nolint:errorlint // a Reader returns EOF itself
			return body, nil
		case err == nil && empty > maxEmptyReads:
			return nil, broken(io.ErrNoProgress, limit)
		case err != nil:
			return nil, broken(err, limit)
		case len(body) == cap(body):
			grown := grownSize(len(body), length, limit)
			if !b.take(grown) {
				return nil, tooBusy()
			}
			body = append(make([]byte, 0, grown), body...)
			b.give(size)
			size = grown
		}
	}
}

// readOnce calls r.Read, and returns its panic as an error.
func readOnce(r io.Reader, p []byte) (n int, err error) {
	defer guard.Recover(&err)
	if n, err = r.Read(p); n < 0 || n > len(p) {
		return 0, fmt.Errorf("the Read of a %T returned %d for %d bytes", r, n, len(p))
	}
	return n, err
}

// grownSize returns the next size of a full buffer of n bytes: twice n. If the body or its
// limit is shorter, it is one byte longer than that, so that a read shows the end.
func grownSize(n int, length, limit int64) int {
	grown := 2 * int64(n)
	if length >= int64(n) && grown >= length {
		grown = length + 1
	}
	if grown >= limit {
		grown = limit + 1
	}
	return int(grown)
}

// broken says why a body could not be read.
func broken(err error, limit int64) *RequestError {
	refused := &RequestError{Status: http.StatusBadRequest, Problem: "the body broke off", Err: err}
	guard.Find(err, func(err error) bool {
		over, tooMuch := err.(*http.MaxBytesError) //nolint:errorlint // this is the walk
		switch {
		case tooMuch && over != nil:
			refused = tooLarge(min(limit, over.Limit))
			return true
		case err == os.ErrDeadlineExceeded: //nolint:errorlint // this is the walk
			refused = &RequestError{Status: http.StatusRequestTimeout, Problem: "the body did not come in time", Err: refused.Err}
			return true
		}
		return false
	})
	return refused
}

func tooLarge(limit int64) *RequestError {
	return &RequestError{Status: http.StatusRequestEntityTooLarge, Problem: fmt.Sprintf("the body has more than %d bytes", limit)}
}

func tooBusy() *RequestError {
	return &RequestError{Status: http.StatusServiceUnavailable, Problem: "too many bodies are being read at once, or MaxInFlight is reached; the body was not read"}
}
