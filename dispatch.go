package tghook

import (
	"container/list"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/lane"
	"github.com/tghook/tghook/internal/recent"
)

// DispatchConfig is what every door shares. The zero value of each field is its
// safe default.
type DispatchConfig struct {
	// Bot is the bot's id, the number before its token's colon. It is required
	// with Store, where it keeps the updates of several bots apart, and with
	// [ReplyTransport], which must not have one bot's call executed as another's.
	Bot int64
	// Lane, which is called concurrently, says which updates wait for each other: those of one lane run one at
	// a time, in order of arrival; "" is no lane. Default: the chat; for
	// inline_query, shipping_query and pre_checkout_query a lane of the user's
	// that is theirs alone, for they have seconds to live; for poll and
	// poll_answer the poll; else the user.
	//
	// A handler must never wait for another update of its own lane: give that
	// one (a Cancel button, say) another lane.
	Lane func(*Update) string
	// HandlerTimeout ends a handler's ctx, from its start. Default 5 minutes;
	// negative: never.
	HandlerTimeout time.Duration
	// MaxInFlight bounds the updates that are admitted and unfinished, whether
	// they run or wait; more are answered 503 with Retry-After. Default 1024.
	MaxInFlight int
	// MaxLane bounds those of one lane, the running one included. Default 64.
	MaxLane int
	// MaxAttempts is how often an update's handler is started before the update
	// becomes a dead letter. Default: as often as Telegram offers it.
	MaxAttempts int
	// MaxAge is how old an update may be when its turn comes. An older one becomes a
	// dead letter. The age counts from Update.Date. An update without a date has no
	// age. If zero, any age.
	MaxAge time.Duration
	// DeadLetter gets the updates that will not be handled: after MaxAttempts or
	// [Drop], undecodable ones, those with a reply that cannot be sent, and those
	// that failed after LateAck had acknowledged them. Only when it returns nil is
	// the update acknowledged: until then each redelivery calls it again, and after
	// a crash it may get an update twice. It is called concurrently, within the
	// update's lane, with a ctx that ends after HandlerTimeout. Default: the update
	// goes to slog at error level.
	DeadLetter func(ctx context.Context, u *Update, err error) error
	// Store is what replicas share so that an update runs once among them.
	// Default: this process only.
	Store Store
	// Caller sends the replies that cannot ride a response: late ones, and methods
	// that Telegram does not take as an answer (get*, setWebhook, deleteWebhook,
	// close, logOut). Default: none, so that the former are lost after 10 seconds,
	// which Observe is told, and an update answered with the latter becomes a dead
	// letter.
	Caller Caller
	// AlwaysCall sends every reply by Caller, and none in an HTTP response. Telegram
	// does not say what it made of a reply in a response. A Caller gets its answer, so
	// that a wrong reply is reported. Use it while you develop. It needs a Caller.
	AlwaysCall bool
	// Logger gets what goes wrong, whether Observe is set or not. If nil,
	// [slog.Default]. To silence it give a logger with [slog.DiscardHandler].
	Logger *slog.Logger
	// Observe is told of every [Delivery]. It is called concurrently and must
	// not block.
	Observe func(context.Context, Delivery)
}

const (
	maxRemembered  = 100_000 // succeeded updates: half a MiB if their ids are consecutive, 14 at worst
	maxKeptReplies = 8 << 20
	keepReply      = 10 * time.Minute
	awaitCarrier   = 10 * time.Second // a reply waits so long for a redelivery
	callTimeout    = 30 * time.Second // of one call without files
)

// Dispatcher is the core under every door: it remembers which updates it has
// seen, keeps each lane in order, and runs the handler. It is safe for
// concurrent use.
type Dispatcher struct {
	handler Handler
	cfg     DispatchConfig
	origin  time.Time       // what every time.Duration since is counted from
	calls   context.Context // of the replies that go by Caller outside of a run
	stop    context.CancelCauseFunc
	// persistent: what fails is run again in its lane, for a door that nobody
	// delivers to again.
	persistent bool
	methods    spellcheck

	// talking counts the deliveries and reports that Observe has not been told of.
	talking   atomic.Int64
	observing atomic.Int64 // calls of Observe
	shutting  atomic.Bool  // as closing, for those who do not have the mutex
	over      atomic.Bool  // Shutdown returns: Observe is not called any more

	mu          sync.Mutex
	records     map[int64]*record
	lanes       *lane.Lanes[*record]
	resting     list.List   // of records that failed, or succeeded without anybody knowing
	seen        *recent.Set // succeeded; marked: with a reply
	replies     *recent.Map
	free        []*worker // those that linger, the one that looks first at the front
	inFlight    int       // records that wait, run or settle
	unacked     int       // records that finished without anybody knowing
	uncarried   replyTotal
	evicted     uint64 // records
	background  int    // calls of Caller and Store that no record in flight waits for
	abandoned   int    // handlers that were given up and have not returned
	watching    bool   // a timer is set for the oldest attempt
	crowded     bool   // the window of the poll is full
	successes   uint64 // of updates
	lastSuccess time.Duration
	closing     bool
	stopped     bool
	idle        chan struct{} // closed when closing and nothing is left to do
	ended       chan struct{} // closed when stopped and nothing is left to do
	quiet       chan struct{} // closed when over and no call of Observe goes on
	looksAt     time.Duration // when Shutdown looks again for what is overdue
	stranded    []int64       // what was not acknowledged when it was stopped
	polled      time.Time     // when a poll's getUpdates last answered
}

// NewDispatcher returns a dispatcher, for those who write a door of their own.
// It starts nothing. The error joins a *[ConfigError] for every mistake in cfg.
func NewDispatcher(h Handler, cfg DispatchConfig) (*Dispatcher, error) {
	if err := errors.Join(cfg.mistakes(h, "DispatchConfig")...); err != nil {
		return nil, err
	}
	return newDispatcher(h, cfg), nil
}

func newDispatcher(h Handler, cfg DispatchConfig) *Dispatcher {
	cfg.setDefaults()
	cfg.warnOfKinds(h)
	d := &Dispatcher{
		handler: h,
		cfg:     cfg,
		origin:  time.Now(),
		records: make(map[int64]*record),
		lanes:   lane.New[*record](cfg.MaxLane),
		seen:    recent.NewSet(maxRemembered, memories...),
		replies: recent.NewMap(maxKeptReplies, keepReply),
		idle:    make(chan struct{}),
		ended:   make(chan struct{}),
		quiet:   make(chan struct{}),
	}
	d.calls, d.stop = context.WithCancelCause(context.Background())
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
	if c.HandlerTimeout == 0 {
		c.HandlerTimeout = 5 * time.Minute
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
	d.talking.Add(1)
	defer d.hush()
	v := d.deliver(ctx, false, d.now(), u, deadline{after: -1})
	reply, err := v.reply.reply()
	if err != nil {
		v.outcome, v.err = OutcomeReplyLost, err
	}
	d.observe(ctx, v.delivery(u, 0))
	return reply, v.failure()
}

func (d *Dispatcher) now() time.Duration { return time.Since(d.origin) }

// Stats is what a dispatcher holds at a moment.
type Stats struct {
	InFlight       int       // updates admitted and unfinished
	Lanes          int       // lanes with at least one of them
	Failed         int       // updates that failed and may come again
	Unacknowledged int       // updates that succeeded without Telegram knowing
	Remembered     int       // updates that are over, at most 100,000
	Evicted        uint64    // updates forgotten before their time, for the bounds
	Abandoned      int       // handlers that were given up and have not returned
	Polled         time.Time // when getUpdates last answered; zero: never, or not a poll
}

// polledAt notes that a poll's getUpdates has answered.
func (d *Dispatcher) polledAt(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.polled = now
}

// Stats returns what d holds now.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Stats{
		InFlight:       d.inFlight,
		Lanes:          d.lanes.Len(),
		Failed:         len(d.records) - d.inFlight - d.unacked,
		Unacknowledged: d.unacked,
		Remembered:     d.seen.Len(),
		Evicted:        d.seen.Evicted() + d.evicted,
		Abandoned:      d.abandoned,
		Polled:         d.polled,
	}
}
