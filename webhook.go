package tghook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/redact"
	"github.com/tghook/tghook/internal/throttle"
)

// Config says how a [Webhook] receives. The zero value of each field is its safe
// default. Only the secret has no default.
type Config struct { //nolint:recvcheck // what prints it has to print values too
	// Dispatch has the settings that all doors have.
	Dispatch DispatchConfig
	// Secret is the secret_token that setWebhook was called with: 1 to 256
	// characters of A-Z, a-z, 0-9, _ and - (https://core.telegram.org/bots/api#setwebhook).
	// It is required unless InsecureNoSecret is set.
	Secret string
	// PreviousSecret is a second secret that is accepted. Set it while you change Secret,
	// until Telegram has the new one.
	PreviousSecret string
	// InsecureNoSecret allows an empty Secret. Then anybody who finds the address can post
	// updates.
	InsecureNoSecret bool
	// AllowedSources are the addresses that updates may come from, such as
	// [TelegramSources]. If empty, any.
	//
	// Behind a proxy set TrustedProxies too. A peer on a unix socket has no address. If
	// AllowedSources is set, such a peer is refused on every door, and the proxy has to
	// check the source.
	AllowedSources []netip.Prefix
	// TrustedProxies are the addresses of the proxies whose X-Forwarded-For is believed.
	// It is read from right to left, as far as its addresses are trusted proxies. If empty,
	// no proxy is believed. X-Real-IP and Forwarded are never read.
	TrustedProxies []netip.Prefix
	// Late says what happens to an update whose handler does not finish within
	// LateAfter. If zero, LateRetry.
	Late LatePolicy
	// LateAfter is how long a delivery waits for its handler before Late applies, measured
	// from its own arrival. If zero, 8 seconds, because Telegram opens only one connection
	// to a bot whose last success is more than 10 seconds old. If negative, never, even
	// if the context of the request has a deadline.
	//
	// Unless it is negative, it is at most 5 seconds for an inline_query and a
	// pre_checkout_query. If the context of the request has a deadline, Late applies before
	// that: by 500 ms, or by 5 % of the time that is left if that is more.
	LateAfter time.Duration
	// Deadline returns LateAfter and Late for one update. If it returns 0 or LateDefault,
	// the fields above apply. It is called concurrently. If it has not returned after 5
	// seconds, the update is answered 500.
	Deadline func(*Update) (time.Duration, LatePolicy)
	// Ephemeral says that the process is frozen once it has answered, as on Lambda
	// or a throttled Cloud Run. Then LateRetry and LateAck act as LateCancel.
	Ephemeral bool
	// MaxBody is how many bytes the body of a request may have. If zero, 1 MiB, which is
	// twice the longest body that Telegram sends. A longer body is answered 413.
	//
	// All bodies that are read at one time may have 64 MiB together, and 4 MiB while
	// Dispatch.MaxInFlight is reached. If a body has no room, the request is answered 503
	// with Retry-After.
	MaxBody int64
}

const (
	defaultMaxBody = 1 << 20
	// bodyTimeout is how long a body may take to come on net/http.
	bodyTimeout = 10 * time.Second
)

// Webhook receives one bot's updates. It is an [http.Handler], and [Webhook.Serve]
// is the same for any other server. It is safe for concurrent use.
type Webhook struct {
	cfg        Config // without the secrets
	dispatcher *Dispatcher
	secrets    secrets
	sources    sources
	freezing   *freezing
	reading    *reading
	refusals   *throttle.Throttle
	probes     *throttle.Throttle
}

// New returns a Webhook that gives its updates to h. It starts nothing,
// except with an [AlbumStore]: see [Album]. The error joins a *[ConfigError] for every
// mistake in cfg.
func New(h Handler, cfg Config) (*Webhook, error) {
	w, err := newWebhook(h, cfg)
	if err != nil {
		return nil, err
	}
	w.dispatcher.start()
	return w, nil
}

// newWebhook is New without what that starts.
func newWebhook(h Handler, cfg Config) (*Webhook, error) {
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
	secrets := newSecrets(cfg.Secret, cfg.PreviousSecret)
	cfg.Secret, cfg.PreviousSecret = "", ""
	w := &Webhook{cfg: cfg, dispatcher: newDispatcher(h, cfg.Dispatch, dispatch.Redelivered{}), secrets: secrets}
	w.sources = sources{allowed: cfg.AllowedSources, proxies: cfg.TrustedProxies}
	w.freezing = &freezing{platform: freezingPlatform()}
	w.reading = newReading(w.dispatcher, cfg.MaxBody)
	w.refusals = throttle.New(10, time.Minute, w.logMore(slog.LevelWarn, "tghook: more requests were refused, without a line each"))
	w.probes = throttle.New(1, time.Hour, w.logMore(slog.LevelInfo, "tghook: more GET and HEAD requests came, without a line each"))
	return w, nil
}

func (c Config) mistakes(h Handler) []error {
	errs := c.Dispatch.mistakes(h, "Config.Dispatch")
	if c.Ephemeral && hasAlbum(h) {
		errs = append(errs, errFrozenAlbum)
	}
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{"Config." + field, problem})
		}
	}
	add(c.Secret == "" && !c.InsecureNoSecret, "Secret",
		"empty; pass the secret_token given to setWebhook (or set InsecureNoSecret)")
	add(c.Secret != "" && !validSecret(c.Secret), "Secret", secretRule)
	add(c.PreviousSecret != "" && !validSecret(c.PreviousSecret), "PreviousSecret", secretRule)
	add(c.PreviousSecret != "" && c.Secret == "", "PreviousSecret", "set without Secret; set both")
	for i, p := range c.AllowedSources {
		add(!p.IsValid(), fmt.Sprintf("AllowedSources[%d]", i), "not a valid prefix; make one with netip.ParsePrefix")
	}
	for i, p := range c.TrustedProxies {
		add(!p.IsValid(), fmt.Sprintf("TrustedProxies[%d]", i), "not a valid prefix; make one with netip.ParsePrefix")
	}
	add(c.Late < LateDefault || c.Late > LateAck, "Late", fmt.Sprintf("%d is not a LatePolicy; give LateRetry, LateCancel or LateAck", c.Late))
	add(c.MaxBody < 0, "MaxBody", fmt.Sprintf("%d is negative; give a number of bytes, or 0 for 1 MiB", c.MaxBody))
	add(c.MaxBody > 0 && c.MaxBody < leastMaxBody, "MaxBody",
		fmt.Sprintf("%d bytes are too few for a long message with the one that it answers; give 64 KiB or more, or 0 for 1 MiB", c.MaxBody))
	add(c.LateAfter > 0 && c.LateAfter < time.Millisecond, "LateAfter",
		c.LateAfter.String()+" is too short; give it with its unit, as in 8*time.Second, or 0 for 8 seconds")
	return errs
}

// Serve receives one request. It returns the answer when the update has been
// handled, or is late. It does not fail, and keeps nothing of req. The handler's context
// has the values of ctx; see [Config].LateAfter for the deadline of ctx.
func (w *Webhook) Serve(ctx context.Context, req Request) Response {
	res, _ := w.serve(ctx, w.dispatcher.engine.Now(), &req)
	return res
}

// serve is Serve. It also returns the error that made the answer a failure.
func (w *Webhook) serve(ctx context.Context, arrived time.Duration, req *Request) (Response, error) {
	w.dispatcher.engine.Begin()
	defer w.dispatcher.engine.End()
	u, refused := w.receive(req)
	if refused != nil {
		return w.reject(ctx, req, refused), refused
	}
	w.freezing.warn(ctx, &w.cfg, req.Ephemeral)
	voice := dispatch.Carries
	if req.compressed {
		voice = dispatch.CarriesLight
	}
	v := w.guard(ctx, u, arrived, voice, w.cfg.Ephemeral || req.Ephemeral)
	if req.compressed {
		withoutFiles(&v)
	}
	res := responseTo(&v)
	w.dispatcher.observe(ctx, deliveryOf(&v, u, res.Status))
	if v.Acked {
		return res, nil
	}
	return res, v.Err
}

// Deliver hands over an update that did not come by a request, such as one from a queue.
// The update is not checked: it must be authentic. Of Config only Dispatch applies to it.
// Its reply is sent by Caller, because there is no response.
//
// The error is as that of [Dispatcher.Do]: nil acknowledges the update. After any other
// error it must be offered again. If ctx has a deadline, the handler's context ends before
// it with [ErrLate], by the margin given at [Config].LateAfter.
func (w *Webhook) Deliver(ctx context.Context, u *Update) error {
	d := w.dispatcher
	d.engine.Begin()
	defer d.engine.End()
	var v dispatch.Verdict
	if err := guard.Call(func() error { // ctx may be the user's own
		v = w.deliver(ctx, u)
		return nil
	}); err != nil {
		v = dispatch.Verdict{Outcome: dispatch.Failed, Err: err}
	}
	d.observe(ctx, deliveryOf(&v, u, 0))
	return failureOf(&v)
}

func (w *Webhook) deliver(ctx context.Context, u *Update) dispatch.Verdict {
	d := w.dispatcher
	arrived := d.engine.Now()
	late := dispatch.Deadline{After: -1, Then: dispatch.Cancel, Setting: "the deadline of the context that it arrived with"}
	if _, ok := ctx.Deadline(); ok {
		late.After = d.inTime(ctx, arrived)
	}
	v := d.deliver(ctx, dispatch.Mute, arrived, u, late, false)
	if len(v.Reply.Body) > 0 && v.Outcome == dispatch.Replied { // the run had ended before this delivery
		// The call does not get ctx itself, which may be of the user's own type. The context
		// package would call its methods in a goroutine that does not recover their panics.
		calling, cancel := context.WithCancel(dispatch.ValuesOf(ctx))
		go func(gone <-chan struct{}) {
			select {
			case <-gone:
				cancel()
			case <-calling.Done():
			}
		}(ctx.Done())
		if v.Err = v.Reply.Send(calling); v.Err != nil {
			v.Outcome = dispatch.ReplyLost
		}
		cancel()
	}
	v.Reply = dispatch.Reply{}
	return v
}

// Shutdown calls [Dispatcher.Shutdown]. Call it before the Shutdown of the server.
func (w *Webhook) Shutdown(ctx context.Context) error {
	err := w.dispatcher.Shutdown(ctx)
	w.refusals.Stop(ctx)
	w.probes.Stop(ctx)
	return err
}

// Stats calls [Dispatcher.Stats].
func (w *Webhook) Stats() Stats { return w.dispatcher.Stats() }

const (
	leastMaxBody = 64 << 10
	shortestLate = 100 * time.Millisecond
	longestLate  = 55 * time.Second // Telegram waits for 60
)

// warn logs a LateAfter that is most likely a mistake.
func (c *Config) warn() {
	tooLong := c.LateAfter > longestLate && !c.Ephemeral && freezingPlatform() == "" // on such a platform a deadline may come first
	if c.LateAfter > 0 && c.LateAfter < shortestLate || tooLong {
		c.Dispatch.log(context.Background(), slog.LevelWarn,
			"tghook: Config.LateAfter is unusual: the default is 8 s, and Telegram waits 60 s for an answer", slog.Duration("LateAfter", c.LateAfter))
	}
}

// freezing warns once if the platform may freeze the process as soon as it has answered,
// and the configuration does not say so.
type freezing struct {
	platform string // the variable by which the platform is recognized; "" if there is none
	once     sync.Once
}

// freezingPlatform returns the environment variable that is set by a platform which may
// freeze a process that has answered; "" if none is set.
func freezingPlatform() string {
	for _, variable := range []string{"K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME", "VERCEL", "FUNCTION_TARGET"} {
		if os.Getenv(variable) != "" {
			return variable
		}
	}
	return ""
}

// warn is called with the first updates, because only a request says whether its door knows
// the platform. If Late is set to LateRetry or LateCancel, the user knows it.
func (f *freezing) warn(ctx context.Context, c *Config, known bool) {
	if f.platform == "" || known || c.Ephemeral || c.Late == LateRetry || c.Late == LateCancel {
		return
	}
	f.once.Do(func() {
		c.Dispatch.log(ctx, slog.LevelWarn, "tghook: this platform may freeze a process that has answered, so that work still under way is lost or done twice: "+
			"set Config.Ephemeral; if the CPU is always allocated, set Config.Late to LateRetry instead, which silences this line; see docs/doors.md",
			slog.String("variable", f.platform))
	})
}

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

// shown returns the Config of w, with a placeholder for each secret.
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

// guard gives u to the dispatcher, and returns in time for an answer. arrived is when the
// delivery came, by the dispatcher's clock.
func (w *Webhook) guard(ctx context.Context, u *Update, arrived time.Duration, voice dispatch.Voice, ephemeral bool) dispatch.Verdict {
	var late dispatch.Deadline
	err := guard.Call(func() (err error) {
		late, err = w.deadlineOf(ctx, u, arrived, ephemeral)
		return err
	})
	if err != nil {
		return dispatch.Verdict{Outcome: dispatch.Failed, Err: err}
	}
	return w.dispatcher.deliver(ctx, voice, arrived, u, late, ephemeral)
}

// deadlineOf returns when a delivery of u is late, and what happens then.
func (w *Webhook) deadlineOf(ctx context.Context, u *Update, arrived time.Duration, ephemeral bool) (dispatch.Deadline, error) {
	late := dispatch.Deadline{After: w.cfg.LateAfter, Setting: "Config.LateAfter"}
	policy := w.cfg.Late
	if w.cfg.Deadline != nil {
		type own struct {
			after  time.Duration
			policy LatePolicy
		}
		told := make(chan own, 1)
		err := guard.Within(callbackTime, func() error {
			var o own
			o.after, o.policy = w.cfg.Deadline(u)
			told <- o
			return nil
		})
		if err != nil {
			return dispatch.Deadline{}, fmt.Errorf("tghook: Config.Deadline: %w", err)
		}
		o := <-told
		if o.after != 0 {
			late.After, late.Setting = o.after, "Config.Deadline"
		}
		policy = cmp.Or(o.policy, policy)
	}
	late.Then = dispatch.Retry
	switch {
	case ephemeral || policy == LateCancel:
		late.Then = dispatch.Cancel
	case policy == LateAck:
		late.Then = dispatch.Acknowledge
	}
	if late.After >= 0 {
		late.AtMost(u.Kind.maxLateAfter(), "the bound for its kind")
		late.AtMost(w.dispatcher.inTime(ctx, arrived), "the deadline of the context that it arrived with")
	}
	return late, nil
}

// inTime returns how long after its arrival a delivery can still be answered before ctx
// ends.
func (d *Dispatcher) inTime(ctx context.Context, arrived time.Duration) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return 1<<63 - 1
	}
	left := time.Until(end)
	margin := max(500*time.Millisecond, left/20)
	return max(0, d.engine.Now()-arrived+left-margin)
}

// ServeHTTP receives one request on net/http. A handler's panic with
// [http.ErrAbortHandler] is passed on to the server.
func (w *Webhook) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	arrived := w.dispatcher.engine.Now()
	if r.Body != nil && r.Body != http.NoBody {
		_ = guard.Call(func() error { // rw and the context of r may be of the user's own types
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
		compressed:      rw.Header().Get("Content-Encoding") != "",
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

// boundBody sets the deadline for reading the body. It applies also to a request that is
// refused, because the server reads its body to the end. When the server has read the body,
// it removes the deadline, to see whether the peer hangs up. If the server has a ReadTimeout
// of its own, that stays. If the server supports no deadline, there is none.
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

// LatePolicy says how a delivery is answered that is late: its handler has not finished
// within [Config].LateAfter.
type LatePolicy int

const (
	// LateDefault is LateRetry. If Config.Deadline returns it, Config.Late applies.
	LateDefault LatePolicy = iota
	// LateRetry answers 503 with Retry-After: 2. The handler goes on. The redelivery waits
	// for the same run, and its answer has the reply. A crash loses nothing, nothing runs
	// twice, the order holds, and the delay shows in getWebhookInfo.
	//
	// This has a price. Slow chats take up Telegram's window of 2 x max_connections queues.
	// Replicas without a Store each run a slow update.
	LateRetry
	// LateCancel answers 503 and ends the handler's context with [ErrLate]. The redelivery
	// waits until the handler has returned. If the handler did not succeed after all, the
	// attempt has failed like any other, and the handler runs again. The 503 has no
	// Retry-After, so that Telegram waits longer from attempt to attempt.
	//
	// An update that still waits in its lane leaves it without an attempt, and comes again
	// after 2 seconds.
	LateCancel
	// LateAck answers 200 while the handler goes on, still in its lane. If the process
	// crashes then, the update is lost. The reply is sent by Caller. If the handler fails,
	// DeadLetter gets the update.
	//
	// With a Store an update that still waits in its lane is not claimed yet. It is
	// answered as by LateRetry.
	LateAck
)

const (
	defaultLateAfter = 8 * time.Second
	// callbackTime bounds Config.Deadline and DispatchConfig.Lane, because a delivery waits
	// for them.
	callbackTime = 5 * time.Second
)

// maxLateAfter returns the longest LateAfter for an update of kind k. It is short for the
// kinds whose sender watches a spinner: Telegram's own clients give up after ten seconds.
func (k Kind) maxLateAfter() time.Duration {
	switch k {
	case KindInlineQuery, KindPreCheckoutQuery:
		return 5 * time.Second
	default:
		return 1<<63 - 1
	}
}

// lateKey finds the engine's part of a handler's context.
type lateKey = dispatch.Key

// IsLate reports whether no delivery waits for the handler with this context, because the
// delivery was late and has been answered, and none has come since. Then the reply cannot
// be sent in an HTTP response for now. It returns false for a context that is not a
// handler's.
func IsLate(ctx context.Context) bool {
	run, ok := ctx.Value(lateKey{}).(*dispatch.Context)
	return ok && run.IsLate()
}
