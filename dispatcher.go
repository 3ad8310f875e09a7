package tghook

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/envelope"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/spelling"
)

// DispatchConfig is what every door shares. The zero value of each field is its
// safe default.
type DispatchConfig struct {
	// Bot is the bot's id, the number before its token's colon. It is required
	// with Store, where it keeps the updates of several bots apart, and with
	// [ReplyTransport], which must not have one bot's call executed as another's.
	Bot int64
	// Lane returns the name of an update's lane. The updates of one lane run one at a
	// time, in order of arrival. An update with the name "" has no lane. If nil, the lane
	// is the chat. The inline_query, shipping_query and pre_checkout_query of a user have
	// a lane of their own, because they live for seconds. A poll and its poll_answer have
	// the poll's lane. An update without any of these has its user's.
	//
	// By webhook Telegram itself queues a chat's messages: only LateAck lets them run at
	// once.
	//
	// A handler must never wait for another update of its own lane: give that
	// one (a Cancel button, say) another lane.
	//
	// Lane is called concurrently. It must return. If it has not after 5 seconds, or if it
	// panics, it has failed: the delivery is answered 500, and in a poll the update
	// becomes a dead letter.
	Lane func(*Update) string
	// HandlerTimeout is how long a handler may run. Then its ctx ends with
	// [ErrHandlerTimeout]. If zero, 5 minutes. If negative, there is no limit. With a
	// Store it must be at most 24 hours.
	//
	// A handler that has not returned 10 seconds later is abandoned: its update becomes a
	// dead letter, with the outcome [OutcomeAbandoned], and its lane goes on. The handler's
	// goroutine runs on, and its result is ignored. This is the one way that two updates
	// of a chat can overlap in one process. So return when ctx ends.
	HandlerTimeout time.Duration
	// MaxInFlight is how many updates may run or wait at one time. More are answered 503
	// with Retry-After. If zero, 1024.
	MaxInFlight int
	// MaxLane is how many updates of one lane may run or wait at one time. If zero, 64.
	MaxLane int
	// MaxAttempts is how many attempts an update has. If the last one fails, the update
	// becomes a dead letter. It is a plain count of started handlers: with a Store of those
	// in all processes, also of those that a crash ended; else of those in this process.
	//
	// If zero, the rule under "Giving up" in the package's documentation decides.
	MaxAttempts int
	// MaxAge is how old an update may be when its turn comes. An older one becomes a
	// dead letter, and its handler does not run. The age counts from Update.Date. An
	// update without a date has no age. If zero, any age.
	MaxAge time.Duration
	// DeadLetter gets each update that is given up, with the reason:
	//
	//   - its attempts are used up: see MaxAttempts;
	//   - its handler returned [Drop], or was abandoned: see HandlerTimeout;
	//   - it cannot be decoded, has no kind, or is older than MaxAge;
	//   - its reply can never be sent ([ReplyError]);
	//   - it failed after LateAck had acknowledged it, or could not be run any more;
	//   - in a poll also: Lane failed, or Telegram would no longer deliver the update
	//     by the time of the next attempt.
	//
	// The update is acknowledged when DeadLetter returns nil. Until then each redelivery
	// calls DeadLetter again, and not the handler. After a crash it may get an update
	// twice. It is called concurrently, within the update's lane. Its ctx ends after
	// HandlerTimeout. If it has not returned 10 seconds later, it has failed. If nil,
	// the update is one line in the log, at error level, with all of its JSON.
	// Without DeadLetter an error or a panic of the Logger's [slog.Handler] counts as one of
	// DeadLetter, since the line is the only copy of the update.
	DeadLetter func(ctx context.Context, u *Update, err error) error
	// Store is what replicas share so that an update runs once among them. An update is
	// claimed when its turn has come and its handler is about to start. If nil, each
	// process is on its own.
	Store Store
	// Caller sends the replies that cannot ride a response: late ones, and methods
	// that Telegram does not take as an answer (get*, setWebhook, deleteWebhook,
	// close, logOut). A reply that fails for a while is tried again: see [Caller].
	//
	// If nil, a late reply waits 10 seconds for a redelivery that can carry it. Then it is
	// lost, and Observe is told [OutcomeReplyLost]. An update that is answered with such
	// a method becomes a dead letter.
	Caller Caller
	// AlwaysCall sends every reply by Caller, and none in an HTTP response. Telegram
	// does not say what it made of a reply in a response. A Caller gets its answer, so
	// that a wrong reply is reported. Use it while you develop. It needs a Caller.
	AlwaysCall bool
	// Logger gets what goes wrong, whether Observe is set or not. If nil,
	// [slog.Default]. To silence it give a logger with [slog.DiscardHandler].
	Logger *slog.Logger
	// Observe is told of every [Delivery]. It is called concurrently and must not block:
	// the answer waits for it. Shutdown waits, until its ctx ends, for the calls that have
	// begun. None begins after Shutdown has returned. What goes wrong is logged beside it.
	Observe func(context.Context, Delivery)
}

// Dispatcher is the core under every door: it remembers which updates it has
// seen, keeps each lane in order, and runs the handler. It is safe for
// concurrent use.
type Dispatcher struct {
	handler Handler
	cfg     DispatchConfig
	engine  *dispatch.Engine
	sender  dispatch.Sender // of replies, by Caller; nil: there is none
	methods spellcheck
	polled  atomic.Pointer[time.Time] // when a poll's getUpdates last answered; nil: never
}

// maxTimeout is the longest HandlerTimeout: more could not be added to a time.
const maxTimeout = 10 * 365 * 24 * time.Hour

// NewDispatcher returns a dispatcher, for those who write a door of their own.
// It starts nothing. The error joins a *[ConfigError] for every mistake in cfg.
func NewDispatcher(h Handler, cfg DispatchConfig) (*Dispatcher, error) {
	if err := errors.Join(cfg.mistakes(h, "DispatchConfig")...); err != nil {
		return nil, err
	}
	return newDispatcher(h, cfg, dispatch.Redelivered{}), nil
}

func newDispatcher(h Handler, cfg DispatchConfig, source dispatch.Source) *Dispatcher {
	cfg.setDefaults()
	cfg.warnOfKinds(h)
	d := &Dispatcher{handler: h, cfg: cfg}
	if cfg.Caller != nil {
		d.sender = &replySender{caller: cfg.Caller}
	}
	engine := dispatch.Config{
		Owner:       owner{d},
		Source:      source,
		Timeout:     cfg.HandlerTimeout,
		MaxInFlight: cfg.MaxInFlight,
		MaxLane:     cfg.MaxLane,
		MaxAttempts: cfg.MaxAttempts,
		Lives:       memories,
		LastAttempt: attemptTime,
	}
	if cfg.Store != nil {
		engine.Store = claims{cfg.Store, cfg.Bot}
	}
	d.engine = dispatch.New(engine)
	return d
}

func (c *DispatchConfig) mistakes(h Handler, path string) (errs []error) {
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{path + "." + field, problem})
		}
	}
	if isNil(h) {
		errs = append(errs, &ConfigError{"Handler", "is nil: give one"})
	}
	errs = append(errs, mistakesInKinds(h)...)
	client, ok := c.Caller.(*Client)
	add(ok && client == nil, "Caller", "is a nil *Client: give what NewClient returned without an error, or leave it out")
	add(c.Bot < 0, "Bot", "is negative: give the number before the token's colon")
	add(c.Store != nil && c.Bot == 0, "Bot", "is needed with Store: give the number before the token's colon")
	add(c.MaxInFlight < 0, "MaxInFlight", "is negative: give a positive number, or 0 for the default")
	add(c.MaxLane < 0, "MaxLane", "is negative: give a positive number, or 0 for the default")
	add(c.MaxAttempts < 0, "MaxAttempts", "is negative: give a positive number, or 0 for the rule that it documents")
	add(c.MaxAge < 0, "MaxAge", "is negative: give a duration, or 0 for any age")
	add(c.AlwaysCall && c.Caller == nil, "AlwaysCall", "needs a Caller: give a Client")
	add(c.Store != nil && (c.HandlerTimeout < 0 || c.HandlerTimeout > maxClaimTime), "HandlerTimeout",
		"must be at most 24h with Store: a Store may forget an update that runs for longer")
	return errs
}

func (c *DispatchConfig) setDefaults() {
	switch {
	case c.HandlerTimeout == 0:
		c.HandlerTimeout = 5 * time.Minute
	case c.HandlerTimeout > maxTimeout:
		c.HandlerTimeout = -1
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 1024
	}
	if c.MaxLane == 0 {
		c.MaxLane = 64
	}
}

// Do hands an update to the handler and returns what came of it: it admits the
// update or joins it to its earlier deliveries, waits its turn, and runs.
//
// A nil error acknowledges the update: it was handled, now or before, or its
// dead letter was accepted. The reply is the caller's to send, and may be that of
// an earlier delivery once more.
//
// With an error the update must be offered again, after [RetryDelay] if that is
// true. It wraps [ErrNotRun] if no attempt was made: the dispatcher is full or
// shutting down ([ErrShutdown]), the Store is down or another process has the
// update. Else it is the handler's or DeadLetter's error, or [ErrClaimLost]. If
// ctx ends first it is the cause of that, and the handler goes on: offered again,
// the update gets its result.
//
// The update must not change afterwards. One without a Kind is dead-lettered.
func (d *Dispatcher) Do(ctx context.Context, u *Update) (Reply, error) {
	d.engine.Begin()
	defer d.engine.End()
	v := d.deliver(ctx, dispatch.Carries, d.engine.Now(), u, dispatch.Deadline{After: -1})
	reply, err := payload(v.Reply.Body).reply()
	if err != nil {
		v.Outcome, v.Err = dispatch.ReplyLost, err
	}
	d.observe(ctx, deliveryOf(&v, u, 0))
	return reply, failureOf(&v)
}

// deliver brings u to its end, or the delivery to its own if that comes first. at is when
// it came.
func (d *Dispatcher) deliver(ctx context.Context, voice dispatch.Voice, at time.Duration, u *Update, late dispatch.Deadline) dispatch.Verdict {
	delivery, err := d.engine.Arrive(ctx, at, voice)
	if err != nil {
		return dispatch.Verdict{Outcome: dispatch.Failed, Err: err}
	}
	lane, err := d.laneOf(u)
	if err != nil {
		return dispatch.Verdict{Outcome: dispatch.Failed, Err: err}
	}
	return d.engine.Deliver(delivery, lane, itemOf(u), late)
}

// failureOf is a verdict as the error of a door without statuses; nil acknowledges.
func failureOf(v *dispatch.Verdict) error {
	switch {
	case v.Acked:
		return nil
	case v.Retry > 0 && v.Outcome != dispatch.Late:
		return RetryAfter(v.Retry, v.Err)
	default:
		return v.Err
	}
}

// Shutdown ends the dispatcher's work; call it before the server's own, which
// it needs to answer. From now on unknown updates are turned away with
// [ErrShutdown]. Known ones still join and replay. Shutdown returns nil when every
// run has ended, every call of Observe has returned, and every success has been
// told to Telegram, so that no other process repeats it. It waits for a redelivery
// until that is due and three seconds more. Then the redelivery went elsewhere.
//
// When ctx ends first, handlers are cancelled with [ErrShutdown], and the error
// names the updates that stay unacknowledged: Telegram will deliver them again,
// as it will what has failed before. There is one more second then for handlers to
// return, for what LateAck has acknowledged to become a dead letter, and for the Store
// to be told. Observe is not called any more after Shutdown has returned.
// Shutdown may be called more than once, and concurrently.
func (d *Dispatcher) Shutdown(ctx context.Context) error { return d.engine.Shutdown(ctx) }

// Stats is what a dispatcher holds at a moment.
type Stats struct {
	InFlight       int       // updates that run, wait, or in a poll are to run again
	Lanes          int       // lanes with at least one of them
	Failed         int       // updates that failed and may come again, at most 10,000
	Unacknowledged int       // updates that succeeded, and Telegram has not been told
	Remembered     int       // updates that are over, at most 100,000
	Evicted        uint64    // updates forgotten before their time, because of these bounds
	Abandoned      int       // abandoned handlers that have not returned: see HandlerTimeout
	Polled         time.Time // when a poll's getUpdates last answered; zero if never
}

// Stats returns what d holds now.
func (d *Dispatcher) Stats() Stats {
	held := d.engine.Stats()
	s := Stats{
		InFlight: held.InFlight, Lanes: held.Lanes, Failed: held.Failed, Unacknowledged: held.Untold,
		Remembered: held.Succeeded, Evicted: held.Evicted, Abandoned: held.Abandoned,
	}
	if at := d.polled.Load(); at != nil {
		s.Polled = *at
	}
	return s
}

// warnOfKinds logs the kinds of h that this package does not know.
func (c *DispatchConfig) warnOfKinds(h Handler) {
	kinds, _ := kindsIn(h)
	c.warnOfUnknown("Kinds", kinds.AllowedUpdates())
}

// warnOfUnknown logs the kinds that this package does not know. They may be newer than
// it. They may also be misspelt, and Telegram does not report that.
func (c *DispatchConfig) warnOfUnknown(where string, kinds []string) {
	known := envelope.Kinds()
	for _, kind := range kinds {
		if !slices.Contains(known, strings.ToLower(kind)) {
			c.log(context.Background(), slog.LevelWarn, "tghook: an unknown kind of update: it is misspelt, or newer than Bot API 10.3",
				slog.String("field", where), slog.String("kind", kind), slog.String("nearest", spelling.Nearest(kind, known)))
		}
	}
}

// allowedUpdates returns the kinds that Telegram is told: the configured ones, else those
// that h wants, else nil. It logs what is wrong with them.
func (c *DispatchConfig) allowedUpdates(h Handler, configured []string) []string {
	c.warnOfUnknown("AllowedUpdates", configured)
	if configured == nil {
		return c.wantedBy(h)
	}
	if missing := missingIn(configured, c.wantedBy(h)); len(missing) > 0 {
		c.log(context.Background(), slog.LevelWarn, "tghook: the handler wants kinds that AllowedUpdates does not have", slog.Any("kinds", missing))
	}
	return configured
}

// wantedBy are the kinds that h says it wants; nil if it says nothing.
func (c *DispatchConfig) wantedBy(h Handler) (kinds []string) {
	s, ok := h.(selective)
	if !ok {
		return nil
	}
	if err := guard.Call(func() error { kinds = s.AllowedUpdates(); return nil }); err != nil {
		c.log(context.Background(), slog.LevelError, "tghook: the handler's AllowedUpdates panicked", slog.Any("error", err))
	}
	return kinds
}

// tellFilter logs which kinds Telegram leaves out, because an earlier setWebhook or
// getUpdates told it so. It is for a start at which Telegram is not told any kinds.
func (c *DispatchConfig) tellFilter(ctx context.Context, h Handler, sent []string) {
	wanted := c.wantedBy(h)
	missing := missingIn(sent, wanted)
	switch {
	case len(missing) > 0:
		c.log(ctx, slog.LevelWarn, "tghook: Telegram does not send kinds that the handler wants: name them where the webhook is set",
			slog.Any("missing", missing), slog.Any("sent", sent))
	case wanted == nil && len(sent) > 0:
		c.log(ctx, slog.LevelInfo, "tghook: Telegram sends these kinds alone, as it was told earlier; set AllowedUpdates to change that",
			slog.Any("sent", sent))
	}
}
