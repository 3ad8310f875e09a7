package tghook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/envelope"
	"github.com/tghook/tghook/internal/redact"
	"github.com/tghook/tghook/internal/retry"
	"github.com/tghook/tghook/internal/window"
)

// PollConfig says how [Poll] receives. The zero value of each field is its default.
type PollConfig struct {
	// Dispatch has the settings that all doors have. In a poll, Caller is the client unless
	// it is set, Bot is the client's, and MaxLane is at least 100, because a poll holds 100
	// updates. If MaxAttempts is zero, "Giving up" in the package's documentation says
	// what a full window changes.
	Dispatch DispatchConfig
	// AllowedUpdates are the kinds of update that the bot gets from now on. If nil, those
	// of the handler's method AllowedUpdates, as [Kinds] has it. Without that method
	// Telegram sends the same kinds as before.
	AllowedUpdates []string
	// Wait is how long Telegram waits for an update to come before it answers, in
	// whole seconds up to 50. If zero, 50 seconds. If [ClientConfig].HTTP has a Timeout, it
	// must be more than 15 seconds longer than Wait.
	Wait time.Duration
	// DropPending drops all updates that wait when Poll is called.
	DropPending bool
	// TakeOver deletes the webhook, if one is set. Without TakeOver Poll returns
	// [ErrWebhookSet] then.
	TakeOver bool
	// PutBackSecret is the secret_token of the webhook that TakeOver deletes. If it is set,
	// Poll sets that webhook again when it ends, with this secret. If the webhook has a
	// certificate of its own, give it as PutBackCertificate. Telegram shows neither of
	// them. If the certificate is missing, Poll returns an error and deletes nothing.
	PutBackSecret      string
	PutBackCertificate []byte
	// Grace is how long Poll waits for handlers, Observe, OnError and DeadLetter after its
	// context has ended. Then it cancels the handlers with [ErrShutdown]. Poll returns after
	// Grace and a second at the latest. If zero, 8 seconds, because many platforms kill a
	// process after ten.
	Grace time.Duration
	// OnError gets each error from which Poll recovers by itself: of getUpdates and the calls
	// before it, and of DeadLetter for data that is not an update. If nil, the error is logged
	// at warn level.
	//
	// OnError is called once at a time and in order, and Poll goes on meanwhile. If 1,000
	// calls of OnError and Observe have not returned, further calls are left out, and logged
	// instead.
	OnError func(context.Context, error)
}

const (
	maxPollWait   = 50 * time.Second
	pollWindow    = 100
	pollInterval  = 750 * time.Millisecond // if the same offset is sent again sooner, Telegram returns only one update
	pollSlack     = 15 * time.Second       // time for the answer, after Telegram has waited
	confirmation  = 10 * time.Second
	defaultGrace  = 8 * time.Second // platforms kill after ten seconds, or thirty
	conflictPause = 3 * time.Second // Telegram itself holds back a second conflict for this time
	idleTime      = 5 * time.Second // Telegram has accepted a call that lasted so long
)

// Telegram answers getUpdates with 409 for one of two reasons. The error of
// PollConfig.OnError wraps one of these, and the *[APIError].
var (
	// ErrWebhookSet says that a webhook is set, so that updates do not come by getUpdates.
	// If it is set when Poll starts, Poll returns this error.
	ErrWebhookSet = errors.New("tghook: a webhook is set, and updates go there; delete it, or set PollConfig.TakeOver")
	// ErrOtherPoller says that another process calls getUpdates for the same bot. Poll goes
	// on.
	ErrOtherPoller = errors.New("tghook: another process polls for this bot, and only one may; end one of them")
)

// Poll receives updates by getUpdates, for laptops and for servers that Telegram cannot
// reach. It blocks until ctx ends. Then it waits for the updates that run, confirms those
// that were handled, and returns nil, or the reason why the webhook could not be put back.
//
// Poll returns an error sooner for a mistake in cfg, for a webhook that is set, and if the
// Bot API says that it does not know the token: with 401, 404 or 421 in its own envelope,
// {"ok":false,"error_code":404}. It recovers from all other failures. These include the
// page of a proxy, with any status, and 400 Logged out, because Telegram logs the
// bot in again some minutes later. Some proxies cut a call that has waited for 5 seconds
// or more. Such a call is made again after about a second, and OnError is called once for
// all of them until a call is answered.
//
// For the handler a poll is like a webhook: the updates of one lane run one at a time, and
// lanes run at once. Replies are sent by Caller.
//
// An update that fails is run again in its lane after 1, 2, 4 ... 60 seconds, or after its
// [RetryAfter]. It becomes a dead letter when it is given up: see "Giving up" in the
// package's documentation. It becomes a dead letter sooner if Telegram would no longer
// deliver it at the time of its next attempt: an inline_query after 30 seconds, a
// callback_query, shipping_query or pre_checkout_query after 150. While 100 updates are held,
// an update that waits for its next attempt makes it within a second. A dead letter that
// DeadLetter refuses is offered to it again in the same way.
//
// Poll confirms an update to Telegram only when it and all updates before it have been
// handled. So a crash loses nothing, and no offset has to be kept on disk. Poll holds at
// most 100 updates, and 4 MiB, at a time, counted from the oldest that is not finished.
//
// Poll returns within Grace and a second after ctx has ended, whatever the functions in cfg
// do. A function that blocks is left alone then, and none begins after Poll has returned.
// While Poll runs, each function may panic, call [runtime.Goexit] or block, and other
// updates are handled meanwhile. Lane has 5 seconds. If it fails, the update becomes a dead
// letter. Data that is not an update goes to DeadLetter. Until DeadLetter accepts it, no
// update behind it is confirmed. If DeadLetter has not returned 10 seconds after
// HandlerTimeout, the data is logged.
//
// An update that could not be confirmed within Grace and a second comes again at the next
// start, even if it was handled. OnError gets that error. A webhook is put back afterwards,
// which takes up to 10 seconds more.
func Poll(ctx context.Context, c *Client, h Handler, cfg PollConfig) error {
	p, err := newPoller(c, h, cfg)
	if err != nil {
		return err
	}
	return p.receive(ctx)
}

// receive is Poll, once cfg has been checked.
func (p *poller) receive(ctx context.Context) error {
	p.dispatcher.start()
	polled := make(chan struct{})
	restore, err := p.takeOver(ctx)
	if err != nil {
		close(polled)
	} else {
		err = p.run(ctx, polled)
	}
	p.windUp(ctx, polled)
	err = unlessEnded(ctx, err)
	if restore != nil {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmation)
		defer cancel()
		putting := *p.client
		putting.patience = confirmation
		if lost := putting.SetWebhook(ending, *restore); lost != nil {
			err = errors.Join(err, fmt.Errorf("tghook: the webhook was not put back: %w", lost))
		}
	}
	return err
}

// unlessEnded returns err, or nil if err only says that ctx has ended.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())) {
		return nil
	}
	return err
}

type poller struct {
	*reporter

	client     *Client // without Patience: the poller itself repeats its calls
	cfg        PollConfig
	dispatcher *Dispatcher
	allowed    []string
	window     *window.Window[heldUpdate]
	moved      chan struct{} // gets a value when a held update has ended

	// Only the goroutine of the poll uses the fields below.
	again   time.Duration      // when the same offset may be sent again, at the earliest
	letters map[string]*letter // by data that is not an update, as long as answers contain it
	crowded bool               // the last value of engine.SetCrowded
	cut     bool               // OnError has got a cut poll, and no call was answered since
	backoff retry.Backoff
}

// heldUpdate is an update that a poll has received, or data that is not an update.
type heldUpdate struct {
	update   *Update // nil if the data is not an update
	delivery *dispatch.Delivery
	letter   *letter
}

// letter is the dead letter of data that is not an update.
type letter struct{ accepted atomic.Bool }

func newWindow(d *Dispatcher) *window.Window[heldUpdate] {
	return window.New(func(h heldUpdate) bool {
		if h.letter != nil {
			return h.letter.accepted.Load()
		}
		return d.engine.Acknowledged(h.delivery)
	})
}

// full reports whether the window has no room.
func (p *poller) full() bool { return p.window.Len() >= pollWindow }

func newPoller(c *Client, h Handler, cfg PollConfig) (*poller, error) {
	if cfg.Dispatch.Caller == nil && c != nil {
		cfg.Dispatch.Caller = c
	}
	if cfg.Dispatch.Bot == 0 && c != nil {
		cfg.Dispatch.Bot = c.bot
	}
	if err := errors.Join(cfg.mistakes(c, h)...); err != nil {
		return nil, err
	}
	if cfg.Wait == 0 {
		cfg.Wait = maxPollWait
	}
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	cfg.Dispatch.setDefaults()
	cfg.Dispatch.MaxLane = max(cfg.Dispatch.MaxLane, pollWindow)
	d := newDispatcher(h, cfg.Dispatch, dispatch.Requeued{})
	once := *c
	once.patience = 0
	p := &poller{
		client: &once, cfg: cfg, dispatcher: d, allowed: cfg.Dispatch.allowedUpdates(h, cfg.AllowedUpdates), window: newWindow(d),
		moved: make(chan struct{}, 1), letters: map[string]*letter{},
	}
	p.reporter = newReporter("PollConfig", &p.cfg.Dispatch, cfg.OnError)
	return p, nil
}

func (c PollConfig) mistakes(client *Client, h Handler) []error {
	errs := c.Dispatch.mistakes(h, "PollConfig.Dispatch")
	errs = append(errs, mistakesInAllowed("PollConfig.AllowedUpdates", c.AllowedUpdates)...)
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{field, problem})
		}
	}
	add(client == nil, "Client", "nil; make one with NewClient")
	add(c.Wait < 0 || c.Wait > maxPollWait || c.Wait%time.Second != 0, "PollConfig.Wait", fmt.Sprintf("%v; must be whole seconds up to 50, or 0 for 50 seconds", c.Wait))
	if client != nil {
		longest := cmp.Or(c.Wait, maxPollWait) + pollSlack
		add(client.http.Timeout > 0 && client.http.Timeout <= longest, "ClientConfig.HTTP", fmt.Sprintf(
			"has a Timeout of %v, which would cut a poll that waits; give none, because a call ends with its context, or more than the %v of PollConfig.Wait and %v",
			client.http.Timeout, cmp.Or(c.Wait, maxPollWait), pollSlack))
	}
	add(c.Grace < 0, "PollConfig.Grace", fmt.Sprintf("%v is negative; give a positive duration, or 0 for 8 seconds", c.Grace))
	add(c.PutBackSecret != "" && !validSecret(c.PutBackSecret), "PollConfig.PutBackSecret", secretRule)
	add(c.PutBackSecret != "" && !c.TakeOver, "PollConfig.PutBackSecret", "is set without TakeOver, so that nothing would be put back; set both")
	add(len(c.PutBackCertificate) > 0 && c.PutBackSecret == "", "PollConfig.PutBackCertificate", "is set without PutBackSecret; give both")
	return errs
}

// lastAnswer returns when getUpdates was last answered; zero if never. It is safe for
// concurrent use.
func (p *poller) lastAnswer() time.Time { return p.dispatcher.Stats().Polled }

// takeOver deletes the webhook if PollConfig says so. It returns the webhook that must be set
// again in the end, or nil.
func (p *poller) takeOver(ctx context.Context) (restore *WebhookRequest, err error) {
	var info WebhookInfo
	err = p.persist(ctx, func(ctx context.Context) (err error) {
		info, err = p.client.GetWebhookInfo(ctx)
		return err
	})
	if err == nil && p.allowed == nil {
		p.cfg.Dispatch.tellFilter(ctx, p.dispatcher.handler, info.AllowedUpdates)
	}
	switch {
	case err != nil:
		return nil, err
	case info.URL == "" && !p.cfg.DropPending:
		return nil, nil
	case info.URL != "" && !p.cfg.TakeOver:
		return nil, fmt.Errorf("%w (it is at %s)", ErrWebhookSet, p.client.redact(info.URL))
	case info.URL != "" && p.cfg.PutBackSecret != "":
		if info.HasCustomCertificate && len(p.cfg.PutBackCertificate) == 0 {
			return nil, &ConfigError{"PollConfig.PutBackCertificate", "is not set, and the webhook that TakeOver deletes has a certificate of its own; give that, so that it can be put back"}
		}
		restore = &WebhookRequest{
			URL: info.URL, Certificate: p.cfg.PutBackCertificate, MaxConnections: info.MaxConnections,
			SecretToken: p.cfg.PutBackSecret, Reset: true,
		}
		if p.allowed != nil { // the poll changes the kinds that the webhook gets
			restore.AllowedUpdates = append([]string{}, info.AllowedUpdates...)
		}
		if err := errors.Join(restore.mistakes(p.client.local)...); err != nil {
			return nil, err
		}
	}
	return restore, p.persist(ctx, func(ctx context.Context) error { return p.client.DeleteWebhook(ctx, p.cfg.DropPending) })
}

// UpdatesRequest has the parameters of getUpdates
// (https://core.telegram.org/bots/api#getupdates).
type UpdatesRequest struct {
	// Offset confirms all updates with a smaller id: Telegram forgets them.
	Offset int64
	// Limit is how many updates are wanted, 1 to 100. If zero, 100.
	Limit int
	// Wait is how long Telegram waits for an update to come, in whole seconds up to
	// 50. If zero, Telegram does not wait.
	Wait time.Duration
	// AllowedUpdates are the kinds of update that the bot gets from now on. If nil, Telegram
	// sends the same kinds as before. If empty and not nil, Telegram's default.
	AllowedUpdates []string
}

// GetUpdates calls getUpdates. It returns the JSON of each update, for [ParseUpdate].
func (c *Client) GetUpdates(ctx context.Context, req UpdatesRequest) ([]json.RawMessage, error) {
	params := map[string]any{}
	if req.Offset != 0 {
		params["offset"] = req.Offset
	}
	if req.Limit != 0 {
		params["limit"] = req.Limit
	}
	if req.Wait != 0 {
		params["timeout"] = int(req.Wait / time.Second)
	}
	if req.AllowedUpdates != nil {
		params["allowed_updates"] = req.AllowedUpdates
	}
	result, err := c.ask(ctx, "getUpdates", params)
	if err != nil {
		return nil, err
	}
	updates := []json.RawMessage{}
	err = envelope.Elements(result, func(update []byte) {
		updates = append(updates, bytes.Clone(update)) // so that one update does not keep the memory of all
	})
	if err != nil {
		return nil, c.undecoded("getUpdates", err)
	}
	return updates, nil
}

// Format implements [fmt.Formatter]: the fields that are set, without the secrets.
func (c PollConfig) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer]: the fields that are set, without the secrets.
func (c PollConfig) LogValue() slog.Value { return redact.LogValue(c) }

// MarshalJSON implements [json.Marshaler]: the fields that are set, without the secrets.
func (c PollConfig) MarshalJSON() ([]byte, error) { return redact.MarshalJSON(c) }
