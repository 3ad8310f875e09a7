package tghook

import (
	"context"
	"errors"
	"fmt"
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

// DispatchConfig has the settings that all doors share. A door is a way by which updates
// come in, such as a [Webhook] or a [Poll]. The zero value of each field is its safe
// default.
type DispatchConfig struct {
	// Bot is the bot's id, the number before the colon in its token. It is required with
	// Store, where it keeps the updates of several bots apart. It is also required with
	// [ReplyTransport], so that the call of one bot is never executed as that of another.
	// If zero, [Poll], [Mount] and [Run] take it from the token.
	Bot int64
	// Lane returns the name of an update's lane. The updates of one lane run one at a
	// time, in order of arrival. Updates of different lanes run at once. If Lane returns "",
	// the update has no lane and waits for no other.
	//
	// If nil, the lane depends on the kind of the update:
	//
	//   - inline_query, shipping_query and pre_checkout_query: all three share one lane for
	//     each user, apart from the user's other updates, because they expire within
	//     seconds or minutes;
	//   - poll and poll_answer: one lane for each poll;
	//   - others: the lane of the chat, or of the user if there is no chat. An update
	//     without either has no lane.
	//
	// With a webhook, Telegram does not send the next message of a chat before it is told
	// 200 for the previous one. So messages of one chat can run at once only with LateAck.
	//
	// A handler must never wait for another update of its own lane, such as the press of a
	// Cancel button: that update waits for the handler. Give it a lane of its own.
	//
	// Lane is called concurrently. It fails if it panics, or has not returned after 5
	// seconds. Then the delivery is answered 500. In a poll the update becomes a dead letter.
	Lane func(*Update) string
	// HandlerTimeout is how long a handler may run before its context ends with
	// [ErrHandlerTimeout]. If zero, 5 minutes. If negative, there is no limit. With a
	// Store it must not be negative, and is at most 24 hours.
	//
	// A handler that has not returned 10 seconds later is abandoned: its update becomes a
	// dead letter, with the outcome [OutcomeAbandoned], and its lane goes on. The goroutine
	// of the handler runs on, and its result is ignored. Two updates of a chat can overlap in
	// one process only in this way. So return when the context ends.
	HandlerTimeout time.Duration
	// MaxInFlight is how many updates may run or wait at one time. Further ones are
	// answered 503 with Retry-After. If zero, 1024.
	MaxInFlight int
	// MaxLane is how many updates of one lane may run or wait at one time. Further ones are
	// answered 503 with Retry-After. If zero, 64.
	MaxLane int
	// MaxAttempts is how many attempts an update has. An attempt is one run of the handler.
	// If the last attempt fails, the update becomes a dead letter. Each attempt that has
	// started counts. With a Store the attempts in all processes count, also those that a
	// crash ended. Without one only the attempts in this process count.
	//
	// If zero, the rule under "Giving up" in the package's documentation applies.
	MaxAttempts int
	// MaxAge is how old an update may be when its turn comes. An older one becomes a
	// dead letter, and its handler does not run. The age counts from Update.Date. An
	// update without a date has no age. If zero, any age.
	MaxAge time.Duration
	// DeadLetter gets each dead letter, which is an update that is given up, and the reason:
	//
	//   - its attempts are used up: see MaxAttempts;
	//   - its handler returned [Drop], or was abandoned: see HandlerTimeout;
	//   - it cannot be decoded, has no kind, or is older than MaxAge;
	//   - its reply can never be sent ([ReplyError]);
	//   - LateAck had acknowledged it, and then it failed or could not run any more;
	//   - in a poll also: Lane failed, or Telegram would no longer deliver the update
	//     by the time of the next attempt.
	//
	// The update is acknowledged when DeadLetter returns nil. Until then each redelivery
	// calls DeadLetter again, and not the handler. After a crash DeadLetter may get an
	// update twice.
	//
	// If nil, the update is logged in one line, at error level, with all of its JSON. That
	// line is the only copy of the update. So an error or a panic of the Logger's
	// [slog.Handler] counts as an error of DeadLetter then.
	//
	// DeadLetter is called concurrently, but once at a time in each lane. Its context ends
	// after HandlerTimeout. If it has not returned 10 seconds later, it has failed.
	DeadLetter func(ctx context.Context, u *Update, err error) error
	// Store is shared by replicas, so that an update runs in only one of them. An update is
	// claimed when its turn has come and its handler is about to start. If nil, each
	// process knows only its own updates.
	Store Store
	// Caller sends the replies that cannot be sent in the HTTP response: replies of handlers
	// that are late, and methods that Telegram does not accept in a response (get*,
	// setWebhook, deleteWebhook, close, logOut). If a call fails for the moment, it is
	// repeated: see [Caller].
	//
	// A late reply first waits 10 seconds for a redelivery whose response can have it. If
	// Caller is nil, it waits as long as Telegram may deliver the update again: 24 hours for a
	// message. The oldest of the replies that wait is lost when there are more than MaxInFlight
	// of them, or more than 64 MiB, and all are lost at Shutdown. Observe gets
	// [OutcomeReplyLost] for each. With LateAck no redelivery comes, and a late reply is lost
	// at once. If a handler replies with a method that Telegram does not accept in a response,
	// its update becomes a dead letter.
	Caller Caller
	// AlwaysCall sends every reply by Caller, and none in an HTTP response. It requires
	// Caller. Use it while you develop: Telegram answers a call, so that a wrong reply is
	// reported. It does not report what became of a reply in a response.
	AlwaysCall bool
	// Logger gets a line for each thing that goes wrong, whether Observe is set or not. If
	// nil, [slog.Default]. To silence it, give a logger with [slog.DiscardHandler].
	Logger *slog.Logger
	// Observe gets every [Delivery]. It is called concurrently and must not block, because
	// the answer to Telegram waits for it. Shutdown waits for the calls that have begun,
	// until its own context ends. No call begins after Shutdown has returned. If Observe
	// panics, that is logged.
	Observe func(context.Context, Delivery)
	// Watch is called once, before the first update, by [New] and [NewDispatcher], and by
	// [Poll] when it begins. bot is DispatchConfig.Bot. stats returns the Stats at any time, and
	// may be called concurrently. The function that Watch returns, if it is not nil, is called
	// once, when Shutdown or Poll ends. Use Watch for the gauges of a [Run] or a Poll, whose Stats
	// cannot be asked for otherwise. Each of the two calls has 5 seconds. If one panics or has
	// not returned then, that is logged.
	Watch func(bot int64, stats func() Stats) (end func())
}

// Dispatcher is the core under every door: it remembers which updates it has
// seen, keeps each lane in order, and runs the handler. It is safe for
// concurrent use.
type Dispatcher struct {
	handler  Handler
	cfg      DispatchConfig
	engine   *dispatch.Engine
	albums   *albums         // nil if no update is an item of an album
	consumer *consumer       // whose updates these are; nil if they come from no Queue
	sender   dispatch.Sender // sends replies by Caller; nil if there is no Caller
	methods  spellcheck
	polled   atomic.Pointer[time.Time] // when getUpdates was last answered, in a poll; nil if never
	watched  atomic.Pointer[func()]    // what Watch returned; nil if nothing, or if it was called
}

// maxTimeout is the longest HandlerTimeout that can be added to a time without overflow. A
// longer one is no limit.
const maxTimeout = 10 * 365 * 24 * time.Hour

// NewDispatcher returns a dispatcher for a door of your own. It starts nothing,
// except with an [AlbumStore]: see [Album]. The error joins a *[ConfigError] for every
// mistake in cfg.
func NewDispatcher(h Handler, cfg DispatchConfig) (*Dispatcher, error) {
	if err := errors.Join(cfg.mistakes(h, "DispatchConfig")...); err != nil {
		return nil, err
	}
	d := newDispatcher(h, cfg, dispatch.Redelivered{})
	d.start()
	return d, nil
}

func newDispatcher(h Handler, cfg DispatchConfig, source dispatch.Source) *Dispatcher {
	cfg.setDefaults()
	cfg.warnOfKinds(h)
	d := &Dispatcher{handler: h, cfg: cfg}
	if cfg.Caller != nil {
		d.sender = &replySender{caller: cfg.Caller}
	}
	engine := dispatch.Config{
		Owner:        owner{d},
		Source:       source,
		Timeout:      cfg.HandlerTimeout,
		MaxInFlight:  cfg.MaxInFlight,
		MaxLane:      cfg.MaxLane,
		MaxAttempts:  cfg.MaxAttempts,
		Lives:        memories,
		LastAttempt:  attemptTime,
		NextDelivery: nextDelivery,
	}
	if cfg.Store != nil {
		engine.Store = claims{cfg.Store, cfg.Bot}
	}
	d.albums = newAlbums(h, &d.cfg)
	if d.albums != nil {
		engine.Keeper = d.albums
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
		errs = append(errs, &ConfigError{"Handler", "nil; give a Handler, such as a HandlerFunc"})
	}
	errs = append(errs, mistakesInKinds(h)...)
	errs = append(errs, mistakesInAlbums(h)...)
	client, ok := c.Caller.(*Client)
	add(ok && client == nil, "Caller", "a nil *Client; give the Client that NewClient returned without an error, or leave Caller out")
	add(c.Bot < 0, "Bot", fmt.Sprintf("%d is negative; give the number before the colon in the token", c.Bot))
	add(c.Store != nil && c.Bot == 0, "Bot", "not set, and Store needs it; give the number before the colon in the token")
	add(c.MaxInFlight < 0, "MaxInFlight", fmt.Sprintf("%d is negative; give a positive number, or 0 for 1024", c.MaxInFlight))
	add(c.MaxLane < 0, "MaxLane", fmt.Sprintf("%d is negative; give a positive number, or 0 for 64", c.MaxLane))
	add(c.MaxAttempts < 0, "MaxAttempts", fmt.Sprintf("%d is negative; give a positive number, or 0 for the rule under Giving up in the package's documentation", c.MaxAttempts))
	add(c.MaxAge < 0, "MaxAge", fmt.Sprintf("%v is negative; give a positive duration, or 0 for any age", c.MaxAge))
	add(c.AlwaysCall && c.Caller == nil, "AlwaysCall", "set without Caller; set Caller to a Client, or AlwaysCall to false")
	const forgets = "a Store may forget an update that runs for more than 24 hours; give 24 hours or less, or 0 for 5 minutes"
	add(c.Store != nil && c.HandlerTimeout < 0, "HandlerTimeout", fmt.Sprintf("%v sets no limit, and %s", c.HandlerTimeout, forgets))
	add(c.Store != nil && c.HandlerTimeout > maxClaimTime, "HandlerTimeout", fmt.Sprintf("%v is too long, because %s", c.HandlerTimeout, forgets))
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

// Do waits until it is the update's turn in its lane, runs the handler, and returns its
// result. If the update was delivered before and is not finished, Do joins that run: it
// waits for the same result.
//
// A nil error acknowledges the update: the handler has succeeded, now or before, or
// DeadLetter has accepted the update. The caller of Do must send the Reply. It may be the
// reply of an earlier delivery once more.
//
// After an error the update must be offered again: after the time that [RetryDelay]
// returns, if it returns one. The error wraps [ErrNotRun] if no attempt was made, because
// the dispatcher is full or shuts down ([ErrShutdown]), the Store is down, or another
// process has the update. Otherwise it is the error of the handler or of DeadLetter, or
// [ErrClaimLost]. If ctx ends first, the error is the cause of that, and the handler goes
// on. If the update is offered again, Do returns the result of that run.
//
// The update must not change afterwards. An update without a Kind becomes a dead letter.
func (d *Dispatcher) Do(ctx context.Context, u *Update) (Reply, error) {
	d.engine.Begin()
	defer d.engine.End()
	v := d.deliver(ctx, dispatch.Carries, d.engine.Now(), u, dispatch.Deadline{After: -1}, false)
	reply, err := payload(v.Reply.Body).reply()
	if err != nil {
		v.Outcome, v.Err = dispatch.ReplyLost, err
	}
	d.observe(ctx, deliveryOf(&v, u, 0))
	return reply, failureOf(&v)
}

// deliver returns when u is finished, or when the delivery ends before that. at is when the
// delivery came. frozen says that nothing runs once it is answered.
func (d *Dispatcher) deliver(ctx context.Context, voice dispatch.Voice, at time.Duration, u *Update, late dispatch.Deadline, frozen bool) dispatch.Verdict {
	delivery, err := d.engine.Arrive(ctx, at, voice)
	if err != nil {
		return dispatch.Verdict{Outcome: dispatch.Failed, Err: err}
	}
	lane, err := d.cfg.laneOf(u)
	if err != nil {
		return dispatch.Verdict{Outcome: dispatch.Failed, Err: err}
	}
	item := itemOf(u)
	if !frozen {
		lane = d.albums.place(u, &item, lane)
	}
	return d.engine.Deliver(delivery, lane, item, late)
}

// failureOf returns a verdict as the error of a door that has no HTTP status. nil
// acknowledges the update.
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

// Shutdown ends the dispatcher's work. Call it before the Shutdown of the server, because
// the answers need the server. From then on a new update is refused with [ErrShutdown]. A
// redelivery of a known update still waits for its result, or gets it once more.
//
// Shutdown returns nil when every run has ended, every call of Observe has returned, and
// Telegram has been told of every success, so that no other process repeats it. Telegram
// is told in the answer to a redelivery. Shutdown waits for that redelivery until it is
// due, and three seconds more. If it has not come by then, it went to another process.
//
// If ctx ends first, the handlers are cancelled with [ErrShutdown], and the error names
// the updates that stay unacknowledged. Telegram will deliver these again, and also those
// that failed before. Shutdown waits one second more then: for handlers to return, for
// updates that LateAck has acknowledged to become dead letters, and for calls of the Store.
//
// Observe is not called after Shutdown has returned. Shutdown may be called more than
// once, and concurrently.
func (d *Dispatcher) Shutdown(ctx context.Context) error {
	defer d.unwatch()
	return d.engine.Shutdown(ctx)
}

// Stats counts the updates that a dispatcher holds at one moment.
type Stats struct {
	InFlight       int       // updates that run, wait for their turn, or in a poll wait for their next attempt
	Lanes          int       // lanes with at least one update in flight
	Failed         int       // updates that failed and may come again, at most 10,000
	Unacknowledged int       // updates that succeeded without Telegram being told so far
	Remembered     int       // updates that are finished, at most 100,000
	Evicted        uint64    // updates that were forgotten too early, because of these bounds
	Abandoned      int       // abandoned handlers that have not returned: see HandlerTimeout
	Polled         time.Time // when getUpdates was last answered, in a poll; zero if never
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

// start calls Watch, and begins to look for the albums of processes that have crashed.
func (d *Dispatcher) start() {
	d.watch()
	if d.albums != nil && d.albums.Shared() {
		d.engine.Recover()
	}
}

// watch calls Watch.
func (d *Dispatcher) watch() {
	if d.cfg.Watch == nil {
		return
	}
	d.callWatch(func() {
		if end := d.cfg.Watch(d.cfg.Bot, d.Stats); end != nil {
			d.watched.Store(&end)
		}
	})
}

// unwatch calls the function that Watch returned, unless it was called before.
func (d *Dispatcher) unwatch() {
	if end := d.watched.Swap(nil); end != nil {
		d.callWatch(*end)
	}
}

func (d *Dispatcher) callWatch(f func()) {
	if err := guard.Within(callbackTime, func() error { f(); return nil }); err != nil {
		d.cfg.log(context.Background(), slog.LevelError, "tghook: DispatchConfig.Watch failed", slog.Any("error", err))
	}
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
			c.log(context.Background(), slog.LevelWarn, "tghook: an unknown kind of update: correct it if it is misspelt, or ignore this if it is newer than Bot API 10.3",
				slog.String("field", where), slog.String("kind", kind), slog.String("nearest", spelling.Nearest(kind, known)))
		}
	}
}

// allowedUpdates returns the kinds that Telegram is told: the configured ones, or else those
// that h wants, or else nil. It logs what is wrong with them.
func (c *DispatchConfig) allowedUpdates(h Handler, configured []string) []string {
	c.warnOfUnknown("AllowedUpdates", configured)
	if configured == nil {
		return c.wantedBy(h)
	}
	if missing := missingIn(configured, c.wantedBy(h)); len(missing) > 0 {
		c.log(context.Background(), slog.LevelWarn, "tghook: the handler wants kinds that AllowedUpdates does not have, so Telegram will not send them: add them to it", slog.Any("kinds", missing))
	}
	return configured
}

// wantedBy returns the kinds that h says it wants; nil if it says nothing.
func (c *DispatchConfig) wantedBy(h Handler) (kinds []string) {
	s, ok := h.(selective)
	if !ok {
		return nil
	}
	if err := guard.Call(func() error { kinds = s.AllowedUpdates(); return nil }); err != nil {
		c.log(context.Background(), slog.LevelError, "tghook: the handler's method AllowedUpdates panicked, so Telegram is not told which kinds it wants", slog.Any("error", err))
	}
	return kinds
}

// tellFilter logs which kinds Telegram leaves out, because an earlier setWebhook or
// getUpdates told it so. It is called at a start that does not tell Telegram any kinds.
func (c *DispatchConfig) tellFilter(ctx context.Context, h Handler, sent []string) {
	wanted := c.wantedBy(h)
	missing := missingIn(sent, wanted)
	switch {
	case len(missing) > 0:
		c.log(ctx, slog.LevelWarn, "tghook: Telegram does not send kinds that the handler wants: set AllowedUpdates, or name them where the webhook is set",
			slog.Any("missing", missing), slog.Any("sent", sent))
	case wanted == nil && len(sent) > 0:
		c.log(ctx, slog.LevelInfo, "tghook: Telegram sends only these kinds, as an earlier call told it: set AllowedUpdates to change that",
			slog.Any("sent", sent))
	}
}
