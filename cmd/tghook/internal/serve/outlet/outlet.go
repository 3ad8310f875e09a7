// Package outlet posts updates to a bot's URL, in the way of Telegram's own sender.
//
// # Requests and answers
//
// A request has the bytes that Telegram sends, and the headers of CloudEvents and Standard
// Webhooks behind them if the target asks for these. A status from 200 to 299 is success. Any
// other status is a failure. Redirects are not followed. An answer 1xx is a failure too, because
// Telegram takes it for the answer. One timeout counts from the dial to the last byte of the
// answer.
//
// An answer with a status of success that is received whole settles the update, also if its
// webhook reply cannot be used: it is too large, or not well formed. A retry would make the
// bot do its work again, and the answer would be the same. Attempt.Refused says why the reply is
// not executed.
//
// # Retries
//
// Deliver returns an error when an attempt has failed, and [tghook.Consume] repeats the attempt
// after a second. Telegram repeats the first one at once. Deliver does not do so: a bot that
// closes a connection without an answer may have handled the update, so the repetition is an
// attempt of its own, which Consume counts and paces. There is one exception. A connection that
// was kept from an earlier update may turn out to be closed before the request was written whole.
// Then the bot cannot have the update, and Deliver posts it on a new connection at once.
//
// Consume makes a dead letter of an update that has failed often enough. An outage must not do
// so. Therefore two kinds of failure do not count, and Deliver tries again until its context
// ends:
//
//   - No connection could be made, so the update was not sent. The update is the next one to be
//     posted.
//   - The answer is 502, 503 or 504, or the connection was closed before any answer. A proxy in
//     front of a dead bot acts so. An update at which the bot crashes looks the same. So this
//     failure does not count only while no other update succeeds, and only until the bot has
//     been down for twelve hours. The update is posted again after 1, 2, 4 ... 60 seconds, or
//     when another update has succeeded. If the answer has a Retry-After, it is posted after that
//     time. It goes behind the others that wait, so that each of them gets its turn. If another
//     update has succeeded meanwhile, the next failure counts.
//
// # Pace
//
// How many requests may be under way at once is the window. It begins at 1 and grows by 1 with
// each success, up to the target's MaxConnections. It halves with each failure that tells of
// trouble: no connection, a timeout, a connection that was closed, an answer that is not HTTP, 429
// or 5xx. If a request fails so while the window is 1, the bot is down. Then one request at a time
// is made, 100 ms after the last failure, 200 ms after the next one, and so on: up to 2 s, or up to
// 5 s if no connection can be made. Any success, and any other answer, ends that.
package outlet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/sync/semaphore"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/internal/retry"
)

// Config configures an Outlet.
type Config struct {
	Bot    int64
	Target config.Target
	// Token is the bot's token. It is used only to hide it in what a bot answers.
	Token string
	// Allow, if not nil, are the only addresses that are not public to which the Outlet
	// connects. If nil, it connects to any address.
	Allow []netip.Prefix
	// MaxAge is how old an update may be when it is posted. An older one is given up. The age of an
	// update without a date, such as a callback_query, counts from when it was published. If zero,
	// updates of any age are posted.
	MaxAge time.Duration
	// Observe gets each attempt. It must not block.
	Observe func(context.Context, Attempt)
}

// Attempt is a request to the bot.
type Attempt struct {
	Update   *tghook.Update
	Number   int // from 1
	At       time.Time
	Took     time.Duration
	Exchange *storage.Exchange // without secrets
	Status   int               // 0 if there was no answer
	Reply    string            // the method of the webhook reply
	Refused  string            // why the reply is not executed
	Err      error             // nil if the bot took the update
	// Unreachable says that the update was not sent: the bot does not listen, for example.
	Unreachable bool
}

// Outlet posts the updates of one bot to one URL. Every method may be called concurrently.
type Outlet struct {
	cfg    Config
	target *wire.Target
	signer *standardwebhooks.Webhook // nil for no signature
	mask   mask
	window *window
	pool   pool
	memory *semaphore.Weighted // bytes of large answers that this Outlet may hold
	small  *semaphore.Weighted // bytes of the other answers
}

const defaultTimeout = time.Minute

// New returns an Outlet. Close it.
func New(cfg Config) (*Outlet, error) {
	dial := new(net.Dialer).DialContext
	if cfg.Allow != nil {
		dial = guard(cfg.Allow).DialContext
	}
	return newOutlet(cfg, dial)
}

func newOutlet(cfg Config, dial dialFunc) (*Outlet, error) {
	if cfg.Target.URL == nil {
		return nil, errors.New("the target has no URL")
	}
	if cfg.Target.Timeout <= 0 {
		cfg.Target.Timeout = defaultTimeout
	}
	target, err := wire.NewTarget(wire.Config{URL: cfg.Target.URL.String(), Secret: cfg.Target.Secret, Certificate: cfg.Target.Certificate, Dial: dial})
	if err != nil {
		return nil, err
	}
	o := &Outlet{
		cfg:    cfg,
		target: target,
		mask:   newMask(cfg.Target, cfg.Token),
		window: newWindow(cfg.Target.MaxConnections),
		memory: semaphore.NewWeighted(maxHeld),
		small:  semaphore.NewWeighted(maxSmall),
	}
	if cfg.Target.Signature != "" {
		if o.signer, err = standardwebhooks.NewWebhook(cfg.Target.Signature); err != nil {
			return nil, errors.New("the secret of the signature is not Base64; give whsec_ and 24 to 64 bytes in Base64")
		}
	}
	return o, nil
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// longestHold is how long failures of an outage do not count. No update may hold up its chat for
// a day.
const longestHold = 12 * time.Hour

// errTooOld names the field of the configuration file.
var errTooOld = errors.New("the update is older than max_age")

// Deliver posts an update, and returns the webhook reply of the answer. It is a handler of
// [tghook.Consume].
//
// It waits until the update may be posted. While the bot cannot be reached it tries again: see the
// package's documentation. When ctx ends, it returns the cause of ctx. So the context must have no
// deadline: set HandlerTimeout of [tghook.DispatchConfig] to a negative value. A reply counts as
// memory in use until Consume has called it, or until ctx ends if it is not that of Consume.
func (o *Outlet) Deliver(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	var backoff retry.Backoff
	place, successes := back, uint64(0)
	for tries := 0; ; tries++ {
		turn, err := o.window.enter(ctx, place)
		if err != nil {
			return tghook.NoReply, err
		}
		if o.tooOld(ctx, u) {
			o.window.leave(turn, unknown, "")
			return tghook.NoReply, tghook.Drop(errTooOld)
		}
		if tries == 0 {
			successes = turn.successes
		}
		a := o.attempt(ctx, u)
		o.window.leave(turn, a.health, a.problem())
		if o.cfg.Observe != nil {
			o.cfg.Observe(ctx, a.Attempt)
		}
		switch {
		case a.Err == nil:
			return a.reply, nil
		case ctx.Err() != nil:
			return tghook.NoReply, context.Cause(ctx)
		case a.health == unreachable:
			place = front
		case a.health == away && o.window.holds(successes):
			place = back
			if err := o.hold(ctx, a.after, backoff.Next(), successes); err != nil {
				return tghook.NoReply, err
			}
		case a.after > 0:
			return tghook.NoReply, tghook.RetryAfter(a.after, a.Err)
		default:
			return tghook.NoReply, a.Err
		}
	}
}

// tooOld reports whether an update has become too old while it waited.
func (o *Outlet) tooOld(ctx context.Context, u *tghook.Update) bool {
	since := time.Unix(u.Date, 0)
	if u.Date == 0 {
		queued, _ := tghook.QueuedFromContext(ctx)
		since = queued.Published
	}
	return o.cfg.MaxAge > 0 && !since.IsZero() && time.Since(since) > o.cfg.MaxAge
}

// hold waits until an update is posted again that has failed in an outage.
func (o *Outlet) hold(ctx context.Context, asked, usual time.Duration, successes uint64) error {
	if asked > 0 {
		return o.window.rest(ctx, asked, nil)
	}
	return o.window.rest(ctx, usual, o.window.after(successes))
}

// Status tells how the bot is.
type Status struct {
	Window  int       // how many requests may be under way now
	Busy    int       // how many are
	Waiting int       // updates that wait for their turn
	Down    bool      // the bot does not answer, and is asked again from time to time
	Since   time.Time // since when Down
	Problem string    // why, without secrets
}

// Status returns how the bot is now.
func (o *Outlet) Status() Status { return o.window.status() }

// Stop lets no more requests begin. Deliver returns [tghook.ErrShutdown] for each update that is not
// being posted.
func (o *Outlet) Stop() { o.window.stop() }

// Close closes the connections that are not in use. Connections in use are closed after their
// answers.
func (o *Outlet) Close() { o.pool.close() }
