package tghook

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Config is how a [Webhook] receives. The zero value of each field is its safe
// default; only a secret has none.
type Config struct {
	// Dispatch is shared by every door that takes updates to the same handler.
	Dispatch DispatchConfig
	// Secret is the secret_token that setWebhook was called with: 1 to 256
	// characters of A-Z, a-z, 0-9, _ and - (https://core.telegram.org/bots/api#setwebhook).
	Secret string
	// PreviousSecret is accepted too, while a new secret is on its way to Telegram.
	PreviousSecret string
	// InsecureNoSecret lets anybody who finds the address post updates, where
	// Secret is empty.
	InsecureNoSecret bool
	// AllowedSources are the addresses that updates may come from, such as
	// [TelegramSources]. Default: any.
	AllowedSources []netip.Prefix
	// TrustedProxies are the addresses whose X-Forwarded-For is believed: read
	// from right to left, as far as trusted proxies reach. Default: nobody's.
	// X-Real-IP and Forwarded are never believed.
	TrustedProxies []netip.Prefix
	// Late says what happens to an update whose handler does not finish within
	// LateAfter. Default: LateRetry.
	Late LatePolicy
	// LateAfter counts from each delivery's own arrival. Default 8 s, since
	// Telegram opens but one connection to a bot whose last success is over 10 s
	// old; negative: never, not even at the end of the ctx that an update arrives
	// with. Else it is at most 5 s for inline_query and pre_checkout_query, and ends
	// before the deadline of that ctx by 500 ms or 5 % of what is left, whichever is
	// more.
	LateAfter time.Duration
	// Deadline overrides LateAfter and Late for an update; 0 and LateDefault leave
	// them as they are. It is called concurrently.
	Deadline func(*Update) (time.Duration, LatePolicy)
	// Ephemeral says that the process is frozen once it has answered, as on Lambda
	// or a throttled Cloud Run. LateRetry and LateAck act as LateCancel then.
	Ephemeral bool
	// MaxBody bounds a request's body in bytes. Default 1 MiB, twice what Telegram
	// sends.
	MaxBody int64
}

const (
	defaultMaxBody = 1 << 20
	maxSecret      = 256
	// bodyTimeout bounds the reading of a body on net/http.
	bodyTimeout = 10 * time.Second
)

// Webhook receives one bot's updates. It is an [http.Handler], and [Webhook.Serve]
// is the same for any other server. It is safe for concurrent use.
type Webhook struct {
	cfg        Config
	dispatcher *Dispatcher
	secrets    [][]byte
}

// New returns a Webhook that gives its updates to h. It starts nothing. The error
// joins a *[ConfigError] for every mistake in cfg.
func New(h Handler, cfg Config) (*Webhook, error) {
	if err := errors.Join(cfg.mistakes(h)...); err != nil {
		return nil, err
	}
	if cfg.LateAfter == 0 {
		cfg.LateAfter = defaultLateAfter
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	w := &Webhook{cfg: cfg, dispatcher: newDispatcher(h, cfg.Dispatch)}
	for _, secret := range []string{cfg.Secret, cfg.PreviousSecret} {
		if secret != "" {
			w.secrets = append(w.secrets, []byte(secret))
		}
	}
	return w, nil
}

func (c *Config) mistakes(h Handler) []error {
	errs := c.Dispatch.mistakes(h, "Config.Dispatch")
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{"Config." + field, problem})
		}
	}
	add(c.Secret == "" && !c.InsecureNoSecret, "Secret",
		"is empty, so that anybody could post updates: give the secret_token of setWebhook")
	add(c.Secret != "" && !validSecret(c.Secret), "Secret", secretRule)
	add(c.PreviousSecret != "" && !validSecret(c.PreviousSecret), "PreviousSecret", secretRule)
	add(c.PreviousSecret != "" && c.Secret == "", "PreviousSecret", "is set without Secret: give both")
	for i, p := range c.AllowedSources {
		add(!p.IsValid(), fmt.Sprintf("AllowedSources[%d]", i), "is no prefix: make it with netip.ParsePrefix")
	}
	for i, p := range c.TrustedProxies {
		add(!p.IsValid(), fmt.Sprintf("TrustedProxies[%d]", i), "is no prefix: make it with netip.ParsePrefix")
	}
	add(c.Late < LateDefault || c.Late > LateAck, "Late", "is no LatePolicy: give LateRetry, LateCancel or LateAck")
	add(c.MaxBody < 0, "MaxBody", "is negative: give a number of bytes, or 0 for the default")
	return errs
}

const secretRule = "must be 1 to 256 characters of A-Z, a-z, 0-9, _ and -, as Telegram demands of a secret_token"

func validSecret(s string) bool {
	for _, c := range []byte(s) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return len(s) <= maxSecret
}

// Request is one HTTP request, from whatever server.
type Request struct {
	Method, Host, Path, ContentType string
	ContentEncoding                 string    // other than identity is refused
	Secret, ForwardedFor            []string  // every line of X-Telegram-Bot-Api-Secret-Token and X-Forwarded-For
	RemoteAddr                      string    // the peer's address, with or without a port
	ContentLength                   int64     // negative if unknown
	Body                            io.Reader // read before the handler starts, never kept; nil is empty
	Ephemeral                       bool      // as Config.Ephemeral, for a door that knows
}

// Response is what to answer. A door sends it as it is: Header may be nil, and
// neither Content-Length nor Date is in it.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Serve receives one request and returns what to answer once its update has been
// handled, or was found to be late. It does not fail, and does not keep anything
// of req. The handler's ctx carries the values of ctx; see [Config.LateAfter] for
// its deadline.
func (w *Webhook) Serve(ctx context.Context, req Request) Response {
	res, _ := w.serve(ctx, w.dispatcher.now(), &req)
	return res
}

// serve is Serve, with the error that made the answer a failure.
func (w *Webhook) serve(ctx context.Context, arrived time.Duration, req *Request) (Response, error) {
	u, err := w.receive(req)
	if u == nil {
		return w.reject(ctx, err)
	}
	v := w.guard(ctx, u, arrived, w.cfg.Ephemeral || req.Ephemeral)
	res := v.response()
	w.cfg.Dispatch.observe(ctx, v.delivery(u, res.Status))
	if v.acked {
		return res, nil
	}
	return res, v.err
}

// Deliver hands over an update that came by another way than a request, and is
// authentic, such as from a queue. Of Config only Dispatch counts for it. Its reply
// goes by Caller, for there is no response to carry it.
//
// The error is as that of [Dispatcher.Do]: nil acknowledges the update, else it
// must be offered again. Where ctx has a deadline the handler's ctx ends before it,
// with [ErrLate] and by the margin of [Config].LateAfter.
func (w *Webhook) Deliver(ctx context.Context, u *Update) error {
	d := w.dispatcher
	arrived := d.now()
	late := deadline{after: -1}
	if _, ok := ctx.Deadline(); ok {
		late = deadline{d.inTime(ctx, arrived), byCancel}
	}
	v := d.deliver(arrival{ctx: ctx, at: arrived, mute: true}, u, late)
	if len(v.reply) > 0 && v.outcome == OutcomeReplied { // of a run that ended before this delivery
		v.outcome, v.err = d.call(ctx, v.reply, v.held)
	}
	v.reply = nil
	d.cfg.observe(ctx, v.delivery(u, 0))
	return v.failure()
}

// receive checks a request and reads its update, in the order that the least is
// done for those who may not ask.
func (w *Webhook) receive(req *Request) (*Update, error) {
	switch {
	case req.Method != http.MethodPost:
		return nil, &RequestError{Status: http.StatusMethodNotAllowed, Problem: "method " + excerpt([]byte(req.Method), 0) + ": want POST"}
	case !w.allowed(req):
		return nil, &RequestError{Status: http.StatusUnauthorized, Problem: "source not in Config.AllowedSources"}
	case !w.authentic(req.Secret):
		return nil, &RequestError{Status: http.StatusUnauthorized, Problem: "secret token missing, doubled or wrong: is it the one that setWebhook was given?"}
	case !isJSON(req.ContentType):
		return nil, &RequestError{Status: http.StatusUnsupportedMediaType, Problem: "Content-Type is not application/json"}
	case req.ContentEncoding != "" && !strings.EqualFold(req.ContentEncoding, "identity"):
		return nil, &RequestError{Status: http.StatusUnsupportedMediaType, Problem: "the body is encoded"}
	}
	body, err := readBody(req.Body, req.ContentLength, w.cfg.MaxBody)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 && req.ContentLength != 0 {
		return nil, &RequestError{Status: http.StatusBadRequest, Problem: "the body is empty: has a middleware read it? Mount the webhook without that"}
	}
	u, err := ParseUpdate(body)
	if u == nil {
		return nil, &RequestError{Status: http.StatusBadRequest, Problem: "the body is no update", Err: err}
	}
	return u, nil
}

func (w *Webhook) authentic(lines []string) bool {
	if len(w.secrets) == 0 {
		return true
	}
	if len(lines) != 1 {
		return false
	}
	match := 0
	for _, secret := range w.secrets {
		match |= subtle.ConstantTimeCompare([]byte(lines[0]), secret)
	}
	return match == 1
}

func isJSON(contentType string) bool {
	if contentType == contentTypeJSON {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return mediaType == contentTypeJSON && (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter))
}

// readBody reads a body of at most limit bytes into memory of its own.
func readBody(r io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, tooLarge(limit)
	}
	if r == nil {
		r = http.NoBody
	}
	const start = 64 << 10 // more only as it comes
	body := make([]byte, 0, min(max(length, 511)+1, start))
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, tooLarge(limit)
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, broken(err, limit)
		case len(body) == cap(body):
			body = append(body, 0)[:len(body)]
		}
	}
}

// broken says why a body could not be read.
func broken(err error, limit int64) error {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge(min(limit, over.Limit))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &RequestError{Status: http.StatusRequestTimeout, Problem: "the body did not come in time", Err: err}
	default:
		return &RequestError{Status: http.StatusBadRequest, Problem: "the body broke off", Err: err}
	}
}

func tooLarge(limit int64) error {
	return &RequestError{Status: http.StatusRequestEntityTooLarge, Problem: fmt.Sprintf("the body has more than %d bytes", limit)}
}

// reject answers what is no update.
func (w *Webhook) reject(ctx context.Context, err error) (Response, error) {
	res := Response{Status: http.StatusBadRequest}
	var refused *RequestError
	if errors.As(err, &refused) {
		res.Status = refused.Status
	}
	switch res.Status {
	case http.StatusMethodNotAllowed:
		res.Header = http.Header{"Allow": {http.MethodPost}}
	case http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		res.Header = http.Header{"Connection": {"close"}} // the body is unread
	}
	w.cfg.Dispatch.observe(ctx, Delivery{Outcome: OutcomeRejected, Status: res.Status, Err: err})
	return res, err
}

// response is what Telegram is told. A failure has no body: of one Telegram
// would read nothing.
func (v *verdict) response() Response {
	switch {
	case v.acked && len(v.reply) > 0:
		return Response{http.StatusOK, http.Header{"Content-Type": {v.reply.contentType()}}, v.reply}
	case v.acked:
		return Response{Status: http.StatusOK}
	case v.retry > 0:
		seconds := int64((v.retry + time.Second - 1) / time.Second)
		return Response{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}}
	default:
		return Response{Status: http.StatusInternalServerError}
	}
}

// Shutdown is that of the [Dispatcher] beneath: call it before the server's own.
func (w *Webhook) Shutdown(ctx context.Context) error { return w.dispatcher.Shutdown(ctx) }

// Stats is that of the [Dispatcher] beneath.
func (w *Webhook) Stats() Stats { return w.dispatcher.Stats() }
