package tghook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// PollConfig is how [Poll] receives. The zero value of each field is its default.
type PollConfig struct {
	// Dispatch is shared by every door. For a poll, Caller is its client unless it is
	// set, Bot the client's, MaxAttempts is 8 by default, and MaxLane at least 100,
	// since a lane cannot have more than the window has.
	Dispatch DispatchConfig
	// AllowedUpdates are the kinds that the bot is to get from now on. Default: those
	// of the handler's method AllowedUpdates, as [Kinds] has it, else as they were.
	AllowedUpdates []string
	// Wait is how long Telegram waits for an update to come before it answers, in
	// whole seconds up to 50. Default: 50 seconds.
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
	// Grace is how long Poll waits for handlers that run when ctx ends, before it
	// cancels them with [ErrShutdown]. Default: 8 seconds, since many platforms kill after
	// ten.
	Grace time.Duration
	// OnError is told why getUpdates failed; Poll recovers by itself. Default: slog
	// at warn level.
	OnError func(context.Context, error)
}

const (
	maxPollWait   = 50 * time.Second
	pollWindow    = 100
	pollAttempts  = 8
	pollInterval  = 750 * time.Millisecond // a sooner repetition of an offset gets one update only
	pollSlack     = 15 * time.Second       // for the answer, beyond what Telegram waits
	confirmation  = 10 * time.Second
	defaultGrace  = 8 * time.Second // platforms kill after ten seconds, or thirty
	conflictPause = 3 * time.Second // as long as Telegram itself holds back a second conflict
)

// The two conflicts that getUpdates may be answered with. The errors that
// PollConfig.OnError and Poll give wrap one of them, and the *[APIError].
var (
	ErrWebhookSet  = errors.New("tghook: a webhook is set, so that updates go there: delete it, or set PollConfig.TakeOver")
	ErrOtherPoller = errors.New("tghook: another process polls for this bot: only one may")
)

// Poll receives updates by getUpdates, for laptops and for servers that cannot be
// reached. It blocks until ctx ends, waits for what runs, confirms what was handled,
// and returns nil, or why the webhook could not be put back. It returns an error sooner
// for a mistake in cfg, a webhook that is set, and a token that Telegram does not accept;
// from any other failure it recovers.
//
// The handler sees no difference to a webhook: one update at a time in each lane,
// lanes in parallel. Replies go by Caller. An update that fails is run again in its
// lane after 1, 2, 4 ... 60 seconds, and becomes a dead letter after MaxAttempts, or
// sooner if it would run again only when Telegram would no longer deliver it: an
// inline_query after 30 seconds, a callback_query, shipping_query or
// pre_checkout_query after 150. A dead letter that is refused is offered again in
// the same way.
//
// Telegram is told of an update only when that and all before it have been handled,
// so that a crash loses nothing: no offset need be kept on disk. At most 100
// updates, and 4 MiB, are held at a time, counted from the oldest that is not
// finished. Lane and DeadLetter must return: Poll does not end before them.
func Poll(ctx context.Context, c *Client, h Handler, cfg PollConfig) error {
	p, err := newPoller(c, h, cfg)
	if err != nil {
		return err
	}
	return p.receive(ctx)
}

// receive is Poll, once cfg has been checked.
func (p *poller) receive(ctx context.Context) error {
	restore, err := p.takeOver(ctx)
	if err == nil {
		err = p.run(ctx)
	}
	err = unlessEnded(ctx, err)
	if restore != nil {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmation)
		defer cancel()
		if lost := p.client.SetWebhook(ending, *restore); lost != nil {
			err = errors.Join(err, fmt.Errorf("tghook: the webhook was not put back: %w", lost))
		}
	}
	return err
}

type poller struct {
	client     *Client
	cfg        PollConfig
	dispatcher *Dispatcher
	allowed    []string
	window     window
	sent       int64           // the offset of the last call that was answered
	again      time.Duration   // not before then is it sent again
	buried     map[string]bool // what the last answer had that was no update
	moved      chan struct{}   // gets a word when a held update has ended
	observers  sync.WaitGroup
	backoff    backoff
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
			slog.WarnContext(ctx, "tghook: getUpdates failed", "bot", c.bot, "error", err)
		}
	}
	if cfg.Dispatch.MaxAttempts == 0 {
		cfg.Dispatch.MaxAttempts = pollAttempts
	}
	cfg.Dispatch.setDefaults()
	cfg.Dispatch.MaxLane = max(cfg.Dispatch.MaxLane, pollWindow)
	d := newDispatcher(h, cfg.Dispatch)
	d.persistent = true
	return &poller{
		client: c, cfg: cfg, dispatcher: d, allowed: tellAllowed(h, cfg.AllowedUpdates),
		window: window{dispatcher: d}, moved: make(chan struct{}, 1),
	}, nil
}

// tellAllowed is allowedUpdates, with a word about what is missing.
func tellAllowed(h Handler, configured []string) []string {
	allowed, missing := allowedUpdates(h, configured)
	if len(missing) > 0 {
		slog.Warn("tghook: the handler wants kinds that AllowedUpdates does not have", "kinds", missing)
	}
	return allowed
}

func (c *PollConfig) mistakes(client *Client, h Handler) []error {
	errs := c.Dispatch.mistakes(h, "PollConfig.Dispatch")
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{field, problem})
		}
	}
	add(client == nil, "Client", "is nil: make one with NewClient")
	add(c.Wait < 0 || c.Wait > maxPollWait || c.Wait%time.Second != 0, "PollConfig.Wait", "must be whole seconds up to 50")
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
			p.backoff.reset()
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
	wait := p.backoff.next()
	var refused *APIError
	if errors.As(err, &refused) {
		switch {
		case refused.RetryAfter > 0:
			wait = refused.RetryAfter
		case refused.Code == http.StatusConflict:
			err, wait = conflict(refused), max(wait, conflictPause)
		case refused.Code/100 == 4 && refused.Code != http.StatusTooManyRequests && refused.Code != http.StatusRequestTimeout:
			return err
		}
	}
	p.report(ctx, err)
	return sleep(ctx, wait)
}

// report tells the user what went wrong.
func (p *poller) report(ctx context.Context, err error) {
	if err := guarded(func() error { p.cfg.OnError(ctx, err); return nil }); err != nil {
		slog.ErrorContext(ctx, "tghook: PollConfig.OnError panicked", "error", err)
	}
}

// conflict names the cause of a 409. Source of the words: tdlib/telegram-bot-api,
// Client::abort_long_poll and its callers.
func conflict(refused *APIError) error {
	if strings.Contains(strings.ToLower(refused.Description), "webhook") {
		return fmt.Errorf("%w: %w", ErrWebhookSet, refused)
	}
	return fmt.Errorf("%w: %w", ErrOtherPoller, refused)
}

// run polls until ctx ends, and then winds up.
func (p *poller) run(ctx context.Context) error {
	polled := make(chan error, 1)
	go func() { // of its own, which the user's code may end
		err := errGoexit
		defer func() { polled <- err }()
		err = guarded(func() error { return p.poll(ctx) })
	}()
	err := <-polled
	ending := context.WithoutCancel(ctx)
	grace, cancel := context.WithTimeout(ending, p.cfg.Grace)
	defer cancel()
	left := p.dispatcher.Shutdown(grace)
	if left != nil {
		slog.WarnContext(ctx, "tghook: handlers were cancelled at the end of the poll: their updates come again", "error", left)
	}
	if offset := p.window.offset(); offset != p.sent {
		confirming, cancel := context.WithTimeout(ending, confirmation)
		defer cancel()
		if _, err := p.client.GetUpdates(confirming, UpdatesRequest{Offset: offset, Limit: 1}); err != nil {
			p.report(ctx, fmt.Errorf("tghook: what was handled could not be confirmed, and comes again: %w", err))
		}
	}
	if left == nil {
		p.observers.Wait()
	}
	return err
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
		asked := p.dispatcher.now()
		asking, cancel := context.WithTimeout(ctx, req.Wait+pollSlack)
		updates, err := p.client.GetUpdates(asking, req)
		cancel()
		if err == nil {
			p.dispatcher.polledAt(time.Now())
			p.sent, p.again = req.Offset, p.dispatcher.now()+pollInterval
			if len(updates) == 0 {
				p.again = asked + pollInterval
			}
			if p.take(ctx, updates) || len(updates) == 0 || !p.window.empty() {
				p.backoff.reset()
				continue
			}
			err = errNothingNew
		}
		if err := p.rest(ctx, err); err != nil {
			return err
		}
	}
}

// await returns when asking Telegram makes sense: when there is something to
// confirm, or when new updates may have come and there is room for them.
func (p *poller) await(ctx context.Context) error {
	timer := time.NewTimer(p.again - p.dispatcher.now())
	defer timer.Stop()
	for ctx.Err() == nil && p.window.offset() == p.sent {
		select {
		case <-p.moved:
		case <-timer.C:
			if !p.window.full() {
				return nil
			}
			p.reportPin(ctx) // and wait for it
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// reportPin tells which update keeps the window full.
func (p *poller) reportPin(ctx context.Context) {
	u := p.window.held[0].update
	slog.WarnContext(ctx, "tghook: the poll waits for an update, with 100 behind it", "bot", p.client.bot, "update_id", u.ID, "kind", u.Kind, "chat", u.ChatID)
	p.cfg.Dispatch.observe(ctx, Delivery{Update: u, Outcome: OutcomePinning})
}

// take hands over what is new, in order, and reports whether there was any. What
// has no room stays with Telegram, and so does what is behind.
func (p *poller) take(ctx context.Context, updates []json.RawMessage) (some bool) {
	values := context.WithoutCancel(ctx)
	buried, unreadable := p.buried, map[string]bool{}
	defer func() { p.buried = unreadable }()
	for _, raw := range updates {
		u, err := ParseUpdate(raw)
		switch {
		case u == nil:
			if !buried[string(raw)] && !p.bury(ctx, raw, err) {
				return some
			}
			unreadable[string(raw)] = true
			continue
		case p.window.has(u.ID):
			continue
		case p.window.full(): // more than was asked for
			return some
		case u.ID < p.window.next: // Telegram has begun to count anew
			p.window.startAnew()
		}
		a := p.dispatcher.admit(arrival{ctx: values, at: p.dispatcher.now(), mute: true}, u)
		over := p.dispatcher.settled(a)
		if over && !a.acked {
			return some
		}
		p.window.hold(u, a)
		some = true
		p.observers.Go(func() {
			if !over {
				<-a.done
			}
			select {
			case p.moved <- struct{}{}:
			default:
			}
			p.cfg.Dispatch.observe(values, a.delivery(u, 0))
		})
	}
	return some
}

var errNothingNew = errors.New("tghook: getUpdates gives nothing but what cannot be read")

// bury makes a dead letter of what is no update. There is no id by which Telegram
// could be told to forget it: that is done when one behind it is confirmed.
func (p *poller) bury(ctx context.Context, raw json.RawMessage, cause error) bool {
	deadLetter := p.cfg.Dispatch.DeadLetter
	if deadLetter == nil {
		deadLetter = logDeadLetter
	}
	if timeout := p.cfg.Dispatch.HandlerTimeout; timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	if err := guarded(func() error { return deadLetter(ctx, &Update{Raw: raw}, cause) }); err != nil {
		p.report(ctx, fmt.Errorf("tghook: DeadLetter: %w", err))
		return false
	}
	return true
}
