package tghook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/redact"
	"github.com/tghook/tghook/internal/retry"
)

// PollConfig is how [Poll] receives. The zero value of each field is its default.
type PollConfig struct {
	// Dispatch is shared by every door. In a poll, Caller is its client unless it is
	// set, Bot is the client's, and MaxLane is at least 100, because a poll holds 100
	// updates. Where MaxAttempts is zero, "Giving up" in the package's documentation says
	// what a full window changes.
	Dispatch DispatchConfig
	// AllowedUpdates are the kinds that the bot is to get from now on. Default: those
	// of the handler's method AllowedUpdates, as [Kinds] has it, else as they were.
	AllowedUpdates []string
	// Wait is how long Telegram waits for an update to come before it answers, in
	// whole seconds up to 50. A Timeout of [ClientConfig].HTTP must be more than 15
	// seconds longer. Default: 50 seconds.
	Wait time.Duration
	// DropPending forgets all updates that wait when Poll is called.
	DropPending bool
	// TakeOver deletes a webhook that is set. Without it Poll refuses to start then.
	TakeOver bool
	// PutBackSecret, where TakeOver has deleted a webhook, sets that again when Poll
	// ends: with this secret, and PutBackCertificate if it had one, since Telegram
	// tells neither. If it is needed and not given, nothing is deleted.
	PutBackSecret      string
	PutBackCertificate []byte
	// Grace is how long Poll waits, when ctx ends, for handlers, Observe, OnError and
	// DeadLetter. Then it cancels the handlers with [ErrShutdown]. Poll returns after
	// Grace and a second at the latest. Default: 8 seconds, since many platforms kill
	// after ten.
	Grace time.Duration
	// OnError is told why getUpdates failed; Poll recovers by itself. The calls come one
	// at a time and in order, and Poll does not wait for them before it goes on. If
	// 1,000 of them and of Observe's have not returned, further ones are not made, and
	// the Logger is told. If nil, the Logger is told at warn level.
	OnError func(context.Context, error)
}

const (
	maxPollWait   = 50 * time.Second
	pollWindow    = 100
	pollInterval  = 750 * time.Millisecond // a sooner repetition of an offset gets one update only
	pollSlack     = 15 * time.Second       // for the answer, beyond what Telegram waits
	confirmation  = 10 * time.Second
	defaultGrace  = 8 * time.Second // platforms kill after ten seconds, or thirty
	conflictPause = 3 * time.Second // as long as Telegram itself holds back a second conflict
	idleTime      = 5 * time.Second // a poll that has lived so long was accepted
)

// The two conflicts that getUpdates may be answered with. The errors that
// PollConfig.OnError and Poll give wrap one of them, and the *[APIError].
var (
	ErrWebhookSet  = errors.New("tghook: a webhook is set, so that updates go there: delete it, or set PollConfig.TakeOver")
	ErrOtherPoller = errors.New("tghook: another process polls for this bot: only one may")
)

// Poll receives updates by getUpdates, for laptops and for servers that cannot be
// reached. It blocks until ctx ends, waits for what runs, confirms what was handled,
// and returns nil, or why the webhook could not be put back.
//
// Poll returns an error sooner for a mistake in cfg, for a webhook that is set, and
// where the Bot API says that it does not know the token: with 401, 404 or 421 in its
// own envelope, {"ok":false,"error_code":404}. From any other failure it recovers. The
// page of a proxy is one, whatever its status. So is 400 Logged out: Telegram logs the
// bot in again some minutes later. A call that is cut after it has waited for 5 seconds
// or more, as proxies do, is made again after about a second; OnError is told once
// until a call is answered.
//
// The handler sees no difference to a webhook: one update at a time in each lane,
// lanes in parallel. Replies go by Caller. An update that fails is run again in its
// lane after 1, 2, 4 ... 60 seconds, or after its [RetryAfter]. It becomes a dead letter
// when it is given up: see "Giving up" in the package's documentation. It becomes one
// sooner if Telegram would no longer deliver it by the next attempt: an inline_query
// after 30 seconds, a callback_query, shipping_query or pre_checkout_query after 150. While
// 100 updates are held, what only waits for its next attempt makes it within a second. A dead letter that is refused is offered again in
// the same way.
//
// Telegram is told of an update only when that and all before it have been handled,
// so that a crash loses nothing: no offset need be kept on disk. At most 100
// updates, and 4 MiB, are held at a time, counted from the oldest that is not
// finished.
//
// Poll ends within Grace and a second, whatever the functions in cfg do: one that blocks
// is left alone then, and none begins after Poll has returned. While Poll runs, each may
// panic, call [runtime.Goexit] or block, and other updates are handled meanwhile. Lane
// has 5 seconds, and what it cannot place is a dead letter. What is no update goes to
// DeadLetter; until it is accepted, nothing behind it is confirmed. If DeadLetter has
// not returned 10 seconds after HandlerTimeout, the Logger gets what is no update.
//
// What could not be confirmed within Grace and a second comes again at the next start,
// also if it was handled. OnError is told so. A webhook is put back afterwards, for
// which Poll takes up to 10 seconds more.
func Poll(ctx context.Context, c *Client, h Handler, cfg PollConfig) error {
	p, err := newPoller(c, h, cfg)
	if err != nil {
		return err
	}
	return p.receive(ctx)
}

// receive is Poll, once cfg has been checked.
func (p *poller) receive(ctx context.Context) error {
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

type poller struct {
	client     *Client // which has no patience: that is here
	cfg        PollConfig
	dispatcher *Dispatcher
	allowed    []string
	window     window
	calls      *callbacks    // of Observe, OnError and DeadLetter
	logs       *callbacks    // of the Logger
	moved      chan struct{} // gets a word when a held update has ended

	// What follows is of the poll's goroutine alone.
	again   time.Duration      // not before then is the offset sent again
	letters map[string]*letter // of what is no update, as long as answers have it
	crowded bool               // what the dispatcher was told last
	cut     bool               // it was reported that polls are cut, and none has been answered since
	backoff retry.Backoff
}

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
	if cfg.OnError == nil {
		cfg.OnError = func(ctx context.Context, err error) {
			cfg.Dispatch.log(ctx, slog.LevelWarn, "tghook: getUpdates failed", slog.Any("error", err))
		}
	}
	cfg.Dispatch.setDefaults()
	cfg.Dispatch.MaxLane = max(cfg.Dispatch.MaxLane, pollWindow)
	d := newDispatcher(h, cfg.Dispatch, dispatch.Requeued{})
	once := *c
	once.patience = 0
	return &poller{
		client: &once, cfg: cfg, dispatcher: d, allowed: cfg.Dispatch.allowedUpdates(h, cfg.AllowedUpdates), window: window{engine: d.engine},
		calls: newCallbacks(), logs: newCallbacks(), moved: make(chan struct{}, 1), letters: map[string]*letter{},
	}, nil
}

func (c PollConfig) mistakes(client *Client, h Handler) []error {
	errs := c.Dispatch.mistakes(h, "PollConfig.Dispatch")
	errs = append(errs, mistakesInAllowed("PollConfig.AllowedUpdates", c.AllowedUpdates)...)
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{field, problem})
		}
	}
	add(client == nil, "Client", "is nil: make one with NewClient")
	add(c.Wait < 0 || c.Wait > maxPollWait || c.Wait%time.Second != 0, "PollConfig.Wait", "must be whole seconds up to 50")
	if client != nil {
		longest := cmp.Or(c.Wait, maxPollWait) + pollSlack
		add(client.http.Timeout > 0 && client.http.Timeout <= longest, "ClientConfig.HTTP", fmt.Sprintf(
			"has a Timeout of %v, which would cut a poll that waits: give none, since a call ends with its ctx, or more than the %v of PollConfig.Wait and %v",
			client.http.Timeout, cmp.Or(c.Wait, maxPollWait), pollSlack))
	}
	add(c.Grace < 0, "PollConfig.Grace", "is negative: give a duration, or 0 for 8 seconds")
	add(c.PutBackSecret != "" && !validSecret(c.PutBackSecret), "PollConfig.PutBackSecret", secretRule)
	add(c.PutBackSecret != "" && !c.TakeOver, "PollConfig.PutBackSecret", "is set without TakeOver: nothing would be put back")
	add(len(c.PutBackCertificate) > 0 && c.PutBackSecret == "", "PollConfig.PutBackCertificate", "is set without PutBackSecret: give both")
	return errs
}

// lastAnswer is when getUpdates last answered; zero: never. It is safe for
// concurrent use.
func (p *poller) lastAnswer() time.Time { return p.dispatcher.Stats().Polled }

// takeOver sees to it that updates come by getUpdates, and returns what is to be
// put back in the end.
func (p *poller) takeOver(ctx context.Context) (restore *WebhookRequest, err error) {
	var info WebhookInfo
	err = p.persist(ctx, func(ctx context.Context) (err error) {
		info, err = p.client.GetWebhookInfo(ctx)
		return err
	})
	if err == nil && p.allowed == nil {
		p.cfg.Dispatch.tellFilter(ctx, p.dispatcher.handler, info)
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
			return nil, &ConfigError{"PollConfig.PutBackCertificate", "is needed to put the webhook back, which has a certificate of its own"}
		}
		restore = &WebhookRequest{
			URL: info.URL, Certificate: p.cfg.PutBackCertificate, MaxConnections: info.MaxConnections,
			SecretToken: p.cfg.PutBackSecret, Reset: true,
		}
		if p.allowed != nil { // by which the poll changes what the webhook gets
			restore.AllowedUpdates = append([]string{}, info.AllowedUpdates...)
		}
		if err := errors.Join(restore.mistakes(p.client.local)...); err != nil {
			return nil, err
		}
	}
	return restore, p.persist(ctx, func(ctx context.Context) error { return p.client.DeleteWebhook(ctx, p.cfg.DropPending) })
}

// persist calls f until it succeeds or fails for good.
func (p *poller) persist(ctx context.Context, f func(context.Context) error) error {
	for {
		asking, cancel := context.WithTimeout(ctx, pollSlack)
		err := f(asking)
		cancel()
		if err == nil {
			p.backoff.Reset()
			return nil
		}
		if err := p.rest(ctx, err); err != nil {
			return err
		}
	}
}

// rest waits until it makes sense to ask again after err. Its error is final.
func (p *poller) rest(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	wait := p.backoff.Next()
	var refused *APIError
	if errors.As(err, &refused) {
		switch {
		case refused.RetryAfter > 0:
			wait = refused.RetryAfter
		case refused.own && refused.Code == http.StatusConflict:
			err, wait = conflict(refused), max(wait, conflictPause)
		case refused.unknownToken():
			return err
		}
	}
	p.report(ctx, err)
	return retry.Sleep(ctx, wait)
}

// unknownToken reports whether Telegram itself says that it does not know the token:
// a proxy's 404 says nothing of that. 421 is a Bot API server's that serves other
// bots only. Source: telegram-bot-api, ClientManager::send.
func (e *APIError) unknownToken() bool {
	return e.own && slices.Contains([]int{http.StatusUnauthorized, http.StatusNotFound, http.StatusMisdirectedRequest}, e.Code)
}

// report tells the user what went wrong, in order and without waiting.
func (p *poller) report(ctx context.Context, err error) {
	told := p.calls.inTurn(func() {
		if broken := guard.Call(func() error { p.cfg.OnError(ctx, err); return nil }); broken != nil {
			p.log(ctx, slog.LevelError, "tghook: PollConfig.OnError panicked", slog.Any("error", broken))
		}
	})
	if !told {
		p.log(ctx, slog.LevelError, "tghook: OnError or Observe does not return: OnError is not told of this", slog.Any("error", err))
	}
}

// log writes a line, in order and without waiting. Where the Logger itself does not
// return, nobody can be told.
func (p *poller) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	p.logs.inTurn(func() { p.cfg.Dispatch.log(ctx, level, message, attrs...) })
}

// conflict names the cause of a 409. Source of the words: tdlib/telegram-bot-api,
// Client::abort_long_poll and its callers.
func conflict(refused *APIError) error {
	if strings.Contains(strings.ToLower(refused.Description), "webhook") {
		return fmt.Errorf("%w: %w", ErrWebhookSet, refused)
	}
	return fmt.Errorf("%w: %w", ErrOtherPoller, refused)
}

// run polls until ctx ends, or Telegram refuses for good. It does not wait for the
// poll's goroutine, which closes polled when it returns.
func (p *poller) run(ctx context.Context, polled chan<- struct{}) error {
	final := make(chan error, 1)
	go func() {
		defer close(polled)
		final <- p.persevere(ctx)
	}()
	select {
	case err := <-final:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// persevere polls until ctx ends or Telegram refuses for good. A panic or a
// runtime.Goexit, of a RoundTripper say, is one failure more.
func (p *poller) persevere(ctx context.Context) error {
	for {
		var final error
		err := <-guard.Start(func() error { final = p.poll(ctx); return nil })
		if err == nil {
			return final
		}
		p.report(ctx, fmt.Errorf("tghook: getUpdates: %w", err))
		if err := retry.Sleep(ctx, p.backoff.Next()); err != nil {
			return err
		}
	}
}

// poll takes updates until ctx ends or Telegram refuses for good.
func (p *poller) poll(ctx context.Context) error {
	for {
		if err := p.await(ctx); err != nil {
			return err
		}
		req := UpdatesRequest{Offset: p.window.offset(), Limit: pollWindow, AllowedUpdates: p.allowed}
		if p.window.empty() {
			req.Wait = p.cfg.Wait
		}
		asked := p.dispatcher.engine.Now()
		p.window.ask(req.Offset, asked)
		asking, cancel := context.WithTimeout(ctx, req.Wait+pollSlack)
		updates, err := p.client.GetUpdates(asking, req)
		cancel()
		switch {
		case err != nil:
			err = p.cutIdle(ctx, err, req.Wait, p.dispatcher.engine.Now()-asked)
		case p.answered(ctx, req.Offset, asked, updates):
		default:
			err = errNothingNew
		}
		if err == nil {
			continue
		}
		if err := p.rest(ctx, err); err != nil {
			return err
		}
	}
}

// answered takes what a call has brought. It is false if the next one may bring the
// same, at once.
func (p *poller) answered(ctx context.Context, offset int64, asked time.Duration, updates []json.RawMessage) bool {
	now := time.Now()
	p.dispatcher.polled.Store(&now)
	p.window.tell(offset)
	p.cut = false
	p.again = p.dispatcher.engine.Now() + pollInterval
	if len(updates) == 0 {
		p.again = asked + pollInterval
	}
	if p.take(ctx, updates) || len(updates) == 0 || !p.window.empty() {
		p.backoff.Reset()
		return true
	}
	return false
}

// cutIdle returns err, unless that says no more than before: that something on the way
// cuts a poll which waits. That is no outage, so that the pause does not grow.
func (p *poller) cutIdle(ctx context.Context, err error, wait, lived time.Duration) error {
	var refused *APIError
	if wait == 0 || lived < idleTime || ctx.Err() != nil || unconnected(err) || errors.As(err, &refused) && refused.own {
		return err
	}
	p.backoff.Reset()
	if lived >= wait { // it was given up here, or nearly answered
		return err
	}
	if p.cut {
		p.again = p.dispatcher.engine.Now() + p.backoff.Next()
		return nil
	}
	p.cut = true
	return fmt.Errorf("tghook: a poll was cut after %v, before the %v of PollConfig.Wait: "+
		"if that happens again, give a Wait that is shorter: %w", lived.Round(time.Second), wait, err)
}

// await returns when asking Telegram makes sense: when there is something to
// confirm, or when new updates may have come and there is room for them.
func (p *poller) await(ctx context.Context) error {
	timer := time.NewTimer(p.again - p.dispatcher.engine.Now())
	defer timer.Stop()
	for ctx.Err() == nil {
		_, confirmable := p.window.confirmable()
		full := p.window.full()
		p.crowd(full)
		if confirmable {
			return nil
		}
		select {
		case <-p.moved:
		case <-timer.C:
			if !full {
				return nil
			}
			p.reportPin(ctx) // and wait for it
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

// crowd tells the dispatcher whether the window is full.
func (p *poller) crowd(full bool) {
	if full != p.crowded {
		p.crowded = full
		p.dispatcher.engine.SetCrowded(full)
	}
}

// reportPin tells what keeps the window full. await calls it once for each.
func (p *poller) reportPin(ctx context.Context) {
	pin := p.window.oldest()
	const message = "tghook: the poll waits for this, with 100 behind it"
	if pin.update == nil {
		p.log(ctx, slog.LevelWarn, message, slog.String("kind", "no update"))
		return
	}
	u := pin.update
	p.log(ctx, slog.LevelWarn, message,
		slog.Int64("update_id", u.ID), slog.String("kind", string(u.Kind)), slog.Int64("chat", u.ChatID))
	p.calls.start(func() {}, func() { p.observe(ctx, Delivery{Update: u, Outcome: OutcomePinning}) })
}

// observe is called in a goroutine of its own.
func (p *poller) observe(ctx context.Context, v Delivery) {
	if p.calls.crowded() {
		p.log(ctx, slog.LevelError, "tghook: Observe or OnError does not return: Observe is not told of this",
			slog.Int64("update_id", v.Update.ID), slog.String("outcome", string(v.Outcome)))
		return
	}
	p.cfg.Dispatch.observe(ctx, v)
}

// take hands over what is new, in order, and reports whether there was any. What
// has no room stays with Telegram, and so does what is behind.
func (p *poller) take(ctx context.Context, updates []json.RawMessage) (some bool) {
	values := context.WithoutCancel(ctx)
	seen := map[string]bool{}
	for _, raw := range updates {
		if ctx.Err() != nil {
			return some
		}
		u, err := ParseUpdate(raw)
		switch {
		case u == nil:
			seen[string(raw)] = true
			if p.letters[string(raw)] == nil {
				if p.window.full() {
					return some
				}
				p.bury(ctx, raw, err)
			}
			continue
		case p.window.has(u.ID):
			continue
		case p.window.full(): // more than was asked for
			return some
		case !p.window.isNew(u.ID):
			p.window.startAnew()
		}
		d := p.admit(values, u)
		over := p.dispatcher.engine.Settled(d)
		if over && !d.Verdict().Acked {
			return some
		}
		p.window.hold(u, d)
		some = true
		p.calls.start(func() { p.awaitEnd(d, over) }, func() { p.observe(values, deliveryOf(d.Verdict(), u, 0)) })
	}
	maps.DeleteFunc(p.letters, func(raw string, l *letter) bool { return !seen[raw] && l.accepted.Load() })
	return some
}

// admit hands u to the engine. An update without a lane becomes a dead letter, since
// nobody would deliver it again.
func (p *poller) admit(values context.Context, u *Update) *dispatch.Delivery {
	e := p.dispatcher.engine
	d, err := e.Arrive(values, e.Now(), dispatch.Mute)
	lane, broken := p.dispatcher.laneOf(u)
	item := itemOf(u)
	item.Unfit = cmp.Or(err, broken)
	return e.Admit(d, lane, item)
}

// awaitEnd waits for the end of an update that is held, and tells of it.
func (p *poller) awaitEnd(d *dispatch.Delivery, over bool) {
	if over || d.Wait(p.calls.over) {
		p.hasMoved()
	}
}

func (p *poller) hasMoved() {
	select {
	case p.moved <- struct{}{}:
	default:
	}
}

var errNothingNew = errors.New("tghook: getUpdates gives nothing but what cannot be read")

// letterTime is how long DeadLetter may go on after its ctx has ended.
const letterTime = 10 * time.Second

// bury makes a dead letter of what is no update, beside the poll. There is no id by
// which Telegram could be told to forget it: that is done when one behind it is
// confirmed, which is not before the dead letter is accepted.
func (p *poller) bury(ctx context.Context, raw json.RawMessage, cause error) {
	l := &letter{}
	p.letters[string(raw)] = l
	p.window.holdLetter(l)
	u := &Update{Raw: raw}
	p.calls.start(func() {}, func() {
		var backoff retry.Backoff
		for {
			err := p.offer(ctx, u, cause)
			if err == nil {
				l.accepted.Store(true)
				p.hasMoved()
				return
			}
			p.report(ctx, fmt.Errorf("tghook: DeadLetter: %w", err))
			if retry.Sleep(ctx, backoff.Next()) != nil {
				return
			}
		}
	})
}

// offer gives what is no update to DeadLetter once. Where that does not return, the
// Logger gets it.
func (p *poller) offer(ctx context.Context, u *Update, cause error) error {
	write := func(ctx context.Context, _ *Update, cause error) error {
		return p.cfg.Dispatch.write(ctx, slog.LevelError, "tghook: dead letter", slog.Any("error", cause), slog.String("update", string(u.Raw)))
	}
	deadLetter := p.cfg.Dispatch.DeadLetter
	if deadLetter == nil {
		deadLetter = write
	}
	limit := time.Duration(math.MaxInt64)
	if timeout := p.cfg.Dispatch.HandlerTimeout; timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
		limit = timeout + letterTime
	}
	var returned atomic.Bool
	err := guard.Within(limit, func() error {
		defer returned.Store(true)
		return deadLetter(ctx, u, cause)
	})
	if err != nil && !returned.Load() {
		p.report(ctx, fmt.Errorf("tghook: DeadLetter: %w: what it was given goes to the Logger", err))
		return guard.Within(letterTime, func() error { return write(ctx, u, cause) })
	}
	return err
}

// Format implements [fmt.Formatter]: the fields that are set, without the secrets.
func (c PollConfig) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer]: the fields that are set, without the secrets.
func (c PollConfig) LogValue() slog.Value { return redact.LogValue(c) }

// MarshalJSON implements [json.Marshaler]: the fields that are set, without the secrets.
func (c PollConfig) MarshalJSON() ([]byte, error) { return redact.MarshalJSON(c) }
