package tghook

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/botapi"
	"github.com/tghook/tghook/internal/envelope"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/redact"
)

// Config is how a [Webhook] receives. The zero value of each field is its safe
// default; only a secret has none.
type Config struct { //nolint:recvcheck // what prints it has to print values too
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
	// [TelegramSources]. If empty, any. Behind a proxy they are of use only with
	// TrustedProxies. A peer on a unix socket has no address: if AllowedSources is set
	// it is refused on every door, and the proxy has to check the source.
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
	// them as they are. It is called concurrently. If it has not returned after 5
	// seconds, the update is answered 500.
	Deadline func(*Update) (time.Duration, LatePolicy)
	// Ephemeral says that the process is frozen once it has answered, as on Lambda
	// or a throttled Cloud Run. LateRetry and LateAck act as LateCancel then.
	Ephemeral bool
	// MaxBody bounds a request's body in bytes. Default 1 MiB, twice what Telegram
	// sends. All bodies that are being read at one time have 64 MiB; while
	// Dispatch.MaxInFlight is reached they have 4 MiB. What does not fit is answered
	// 503 with Retry-After.
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
	cfg        Config // without the secrets
	dispatcher *Dispatcher
	secrets    func() [][]byte // a function, into which fmt does not look
	freezing   *freezing
	reading    *reading
	refusals   *refusals
	probes     *refusals
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
	cfg.warn()
	var secrets [][]byte
	for _, secret := range []string{cfg.Secret, cfg.PreviousSecret} {
		if secret != "" {
			secrets = append(secrets, []byte(secret))
		}
	}
	cfg.Secret, cfg.PreviousSecret = "", ""
	w := &Webhook{cfg: cfg, dispatcher: newDispatcher(h, cfg.Dispatch), secrets: func() [][]byte { return secrets }}
	w.freezing = &freezing{platform: freezingPlatform()}
	w.reading = newReading(w.dispatcher, cfg.MaxBody)
	w.refusals = newRefusals(10, time.Minute, w.logMore(slog.LevelWarn, "tghook: more requests refused"))
	w.probes = newRefusals(1, time.Hour, w.logMore(slog.LevelInfo, "tghook: more GET and HEAD requests"))
	return w, nil
}

func (c Config) mistakes(h Handler) []error {
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
	add(c.MaxBody > 0 && c.MaxBody < leastMaxBody, "MaxBody",
		"is in bytes, and too small for a long message with the one that it answers: give 64 KiB or more, or 0 for 1 MiB")
	add(c.LateAfter > 0 && c.LateAfter < time.Millisecond, "LateAfter",
		"is "+c.LateAfter.String()+": give it with its unit, as in 8*time.Second, or 0 for 8 seconds")
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
	w.dispatcher.talking.Add(1)
	defer w.dispatcher.hush()
	u, refused := w.receive(req)
	if refused != nil {
		return w.reject(ctx, req, refused), refused
	}
	w.freezing.warn(ctx, &w.cfg, req.Ephemeral)
	v := w.guard(ctx, u, arrived, w.cfg.Ephemeral || req.Ephemeral)
	res := v.response()
	w.dispatcher.observe(ctx, v.delivery(u, res.Status))
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
	d.talking.Add(1)
	defer d.hush()
	var v verdict
	if err := guard.Call(func() error { // ctx may be the user's own
		v = w.deliver(ctx, u)
		return nil
	}); err != nil {
		v = verdict{outcome: OutcomeFailed, err: err}
	}
	d.observe(ctx, v.delivery(u, 0))
	return v.failure()
}

func (w *Webhook) deliver(ctx context.Context, u *Update) verdict {
	d := w.dispatcher
	arrived := d.now()
	late := deadline{after: -1, how: byCancel, setting: "the deadline of the context that it arrived with"}
	if _, ok := ctx.Deadline(); ok {
		late.after = d.inTime(ctx, arrived)
	}
	v := d.deliver(ctx, true, arrived, u, late)
	if len(v.reply) > 0 && v.outcome == OutcomeReplied { // of a run that ended before this delivery
		// Not with ctx itself: where that is the user's own, the context package would call
		// its methods in a goroutine that nobody guards.
		calling, cancel := context.WithCancel(valuesOf(ctx))
		go func(gone <-chan struct{}) {
			select {
			case <-gone:
				cancel()
			case <-calling.Done():
			}
		}(ctx.Done())
		v.outcome, v.err = d.call(calling, v.reply, v.held)
		cancel()
	}
	v.reply = nil
	return v
}

// receive checks a request and reads its update, in the order that the least is
// done for those who may not ask.
func (w *Webhook) receive(req *Request) (*Update, *RequestError) {
	if req.Method != http.MethodPost {
		return nil, &RequestError{Status: http.StatusMethodNotAllowed, Problem: fmt.Sprintf("method %q: want POST", envelope.Excerpt([]byte(req.Method), 0))}
	}
	if problem := w.stranger(req); problem != "" {
		return nil, &RequestError{Status: http.StatusUnauthorized, Problem: problem}
	}
	if problem := w.unauthentic(req.Secret); problem != "" {
		return nil, &RequestError{Status: http.StatusUnauthorized, Problem: problem}
	}
	if !isJSON(req.ContentType) {
		return nil, &RequestError{Status: http.StatusUnsupportedMediaType, Problem: fmt.Sprintf("Content-Type %q: want application/json", envelope.Excerpt([]byte(req.ContentType), 0))}
	}
	if req.ContentEncoding != "" && !strings.EqualFold(req.ContentEncoding, "identity") {
		return nil, &RequestError{Status: http.StatusUnsupportedMediaType, Problem: fmt.Sprintf("Content-Encoding %q: the body must not be encoded", envelope.Excerpt([]byte(req.ContentEncoding), 0))}
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
	const problem = "the body is no update"
	switch start := bytes.TrimLeft(body, " \t\r\n"); {
	case int64(len(body)) < length:
		return fmt.Sprintf("%s: %d of %d bytes are left: %s", problem, len(body), length, wasRead)
	case length < 0 && len(start) > 0 && start[0] != '{':
		return problem + ": it does not begin with a brace: " + wasRead
	default:
		return problem
	}
}

// unauthentic says what is wrong with a request's secret; nothing if it is right.
func (w *Webhook) unauthentic(lines []string) string {
	switch {
	case len(w.secrets()) == 0:
		return ""
	case len(lines) == 0 || len(lines) == 1 && lines[0] == "":
		return "secret token missing: was setWebhook given one, and does every proxy pass X-Telegram-Bot-Api-Secret-Token on?"
	case len(lines) > 1:
		return "secret token doubled: Telegram sends X-Telegram-Bot-Api-Secret-Token once"
	}
	match := 0
	for _, secret := range w.secrets() {
		match |= subtle.ConstantTimeCompare([]byte(lines[0]), secret)
	}
	if match == 0 {
		return "secret token wrong: is it the one that setWebhook was given?"
	}
	return ""
}

func isJSON(contentType string) bool {
	if contentType == botapi.TypeJSON {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return mediaType == botapi.TypeJSON && (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter))
}

// reject answers what is no update.
func (w *Webhook) reject(ctx context.Context, req *Request, refused *RequestError) Response {
	refused.Path, refused.Peer = w.pathOf(req), w.peerOf(req)
	res := Response{Status: refused.Status}
	switch res.Status {
	case http.StatusMethodNotAllowed:
		res.Header = http.Header{"Allow": {http.MethodPost}}
	case http.StatusUnauthorized, http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		res.Header = http.Header{"Connection": {"close"}} // the body is unread
	case http.StatusServiceUnavailable:
		// What is left of net/http's body net/http reads and forgets, and the connection stays.
		res.Header = http.Header{"Retry-After": {strconv.Itoa(2 + rand.IntN(2))}} //nolint:gosec // jitter is no secret
	}
	w.logRefusal(ctx, req.Method, refused)
	w.dispatcher.observe(ctx, Delivery{Outcome: OutcomeRejected, Status: res.Status, Err: refused})
	return res
}

// response is what Telegram is told. A failure has no body: of one Telegram
// would read nothing.
func (v *verdict) response() Response {
	switch {
	case v.acked && len(v.reply) > 0:
		return Response{http.StatusOK, http.Header{"Content-Type": {botapi.ContentType(v.reply)}}, v.reply}
	case v.acked:
		return Response{Status: http.StatusOK}
	case v.retry > 0:
		seconds := int64((v.retry + time.Second - 1) / time.Second)
		return Response{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {strconv.FormatInt(seconds, 10)}}}
	case v.outcome == OutcomeLate: // by LateCancel: Telegram backs off by itself
		return Response{Status: http.StatusServiceUnavailable}
	default:
		return Response{Status: http.StatusInternalServerError}
	}
}

// Shutdown is that of the [Dispatcher] beneath: call it before the server's own.
func (w *Webhook) Shutdown(ctx context.Context) error {
	err := w.dispatcher.Shutdown(ctx)
	w.refusals.stop(ctx)
	w.probes.stop(ctx)
	return err
}

// Stats is that of the [Dispatcher] beneath.
func (w *Webhook) Stats() Stats { return w.dispatcher.Stats() }

// Format implements [fmt.Formatter]: the fields that are set, without the secrets.
func (c Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer]: the fields that are set, without the secrets.
func (c Config) LogValue() slog.Value { return redact.LogValue(c) }

// MarshalJSON implements [json.Marshaler]: the fields that are set, without the secrets.
// Config cannot be read back from it.
func (c Config) MarshalJSON() ([]byte, error) { return redact.MarshalJSON(c) }

// Format implements [fmt.Formatter]: its [Config], without the secrets.
func (w *Webhook) Format(f fmt.State, verb rune) { w.shown().Format(f, verb) }

// LogValue implements [slog.LogValuer]: its [Config], without the secrets.
func (w *Webhook) LogValue() slog.Value { return w.shown().LogValue() }

// MarshalJSON implements [json.Marshaler]: its [Config], without the secrets.
func (w *Webhook) MarshalJSON() ([]byte, error) { return w.shown().MarshalJSON() }

// shown is the Config of w, with something in the place of each secret.
func (w *Webhook) shown() Config {
	if w == nil {
		return Config{}
	}
	cfg := w.cfg
	for i, place := range []*string{&cfg.Secret, &cfg.PreviousSecret} {
		if i < len(w.secrets()) {
			*place = redact.Hidden
		}
	}
	return cfg
}
