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
	"strings"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/retry"
)

// The end of a poll takes one second after its Grace. These are the times since the end of
// Grace.
const (
	pollCancelTime = 250 * time.Millisecond // until then Poll waits for the handlers that it cancelled
	confirmTime    = 800 * time.Millisecond // until then for the confirmation
	tellTime       = 950 * time.Millisecond // until then for Observe, OnError and DeadLetter
)

// repetition is how long Telegram remembers the offset of a call: 3 seconds, and one more for
// the way there. It holds a call that repeats the offset for 3 seconds, even if that asks it
// not to wait.
const repetition = 4 * time.Second

var errEnding = errors.New("tghook: the dispatcher has not ended yet")

// persist calls f until it succeeds, or until its error is final.
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

// rest waits until the next call makes sense after err. If it returns an error, that is
// final.
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

// conflict returns the error for a 409, with its cause. Source of the words:
// tdlib/telegram-bot-api, Client::abort_long_poll and its callers.
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

// persevere polls until ctx ends or Telegram refuses for good. If the user's code, such as a
// RoundTripper, panics or calls runtime.Goexit, the poll begins again after a pause.
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

// poll calls getUpdates until ctx ends or Telegram refuses for good.
func (p *poller) poll(ctx context.Context) error {
	for {
		if err := p.await(ctx); err != nil {
			return err
		}
		req := UpdatesRequest{Offset: p.window.Offset(), Limit: pollWindow, AllowedUpdates: p.allowed}
		if p.window.Len() == 0 {
			req.Wait = p.cfg.Wait
		}
		asked := p.dispatcher.engine.Now()
		p.window.Ask(req.Offset, asked)
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

// answered takes the updates of a call. It returns false if the next call may return the
// same ones at once.
func (p *poller) answered(ctx context.Context, offset int64, asked time.Duration, updates []json.RawMessage) bool {
	now := time.Now()
	p.dispatcher.polled.Store(&now)
	p.window.Tell(offset)
	p.cut = false
	p.again = p.dispatcher.engine.Now() + pollInterval
	if len(updates) == 0 {
		p.again = asked + pollInterval
	}
	if p.take(ctx, updates) || len(updates) == 0 || p.window.Len() > 0 {
		p.backoff.Reset()
		return true
	}
	return false
}

// cutIdle returns err, or nil if it was reported before that something on the way cuts a poll
// that waits. This is not an outage, so the pause does not grow.
func (p *poller) cutIdle(ctx context.Context, err error, wait, lived time.Duration) error {
	var refused *APIError
	if wait == 0 || lived < idleTime || ctx.Err() != nil || unconnected(err) || errors.As(err, &refused) && refused.own {
		return err
	}
	p.backoff.Reset()
	if lived >= wait { // not cut: it was given up here, or the answer was due
		return err
	}
	if p.cut {
		p.again = p.dispatcher.engine.Now() + p.backoff.Next()
		return nil
	}
	p.cut = true
	return fmt.Errorf("tghook: a call of getUpdates was cut after %v, before the %v of PollConfig.Wait; "+
		"if that happens again, give a shorter Wait: %w", lived.Round(time.Second), wait, err)
}

// await returns when a call makes sense: when an update can be confirmed, or when new
// updates may have come and there is room for them.
func (p *poller) await(ctx context.Context) error {
	timer := time.NewTimer(p.again - p.dispatcher.engine.Now())
	defer timer.Stop()
	for ctx.Err() == nil {
		_, confirmable := p.window.Confirmable()
		full := p.full()
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

// reportPin reports the oldest update of a full window, because no further updates come until
// it is finished. await calls it once for each such update.
func (p *poller) reportPin(ctx context.Context) {
	pin := p.window.Oldest()
	const message = "tghook: the poll holds 100 updates, and gets no further ones until the oldest is finished: this one"
	if pin.update == nil {
		p.log(ctx, slog.LevelWarn, message, slog.String("kind", "not an update"))
		return
	}
	u := pin.update
	p.log(ctx, slog.LevelWarn, message,
		slog.Int64("update_id", u.ID), slog.String("kind", string(u.Kind)), slog.Int64("chat", u.ChatID))
	p.calls.Start(func() {}, func() { p.observe(ctx, Delivery{Update: u, Outcome: OutcomePinning}) })
}

// take gives the new updates to the engine, in order, and reports whether there were any. If
// an update has no room, Telegram keeps it and all updates behind it.
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
				if p.full() {
					return some
				}
				p.bury(ctx, raw, err)
			}
			continue
		case p.window.Has(u.ID):
			continue
		case p.full(): // more than was asked for
			return some
		case !p.window.IsNew(u.ID):
			p.window.StartAnew()
		}
		d := p.admit(values, u)
		over := p.dispatcher.engine.Settled(d)
		if over && !d.Verdict().Acked {
			return some
		}
		p.window.Hold(u.ID, heldUpdate{update: u, delivery: d})
		some = true
		p.calls.Start(func() { p.awaitEnd(d, over) }, func() { p.observe(values, deliveryOf(d.Verdict(), u, 0)) })
	}
	maps.DeleteFunc(p.letters, func(raw string, l *letter) bool { return !seen[raw] && l.accepted.Load() })
	return some
}

// admit hands u to the engine. An update without a lane becomes a dead letter, because
// nobody would deliver it again.
func (p *poller) admit(values context.Context, u *Update) *dispatch.Delivery {
	e := p.dispatcher.engine
	d, err := e.Arrive(values, e.Now(), dispatch.Mute)
	lane, broken := p.cfg.Dispatch.laneOf(u)
	item := itemOf(u)
	if item.Unfit = cmp.Or(err, broken); item.Unfit == nil {
		lane = p.dispatcher.albums.place(u, &item, lane)
	}
	return e.Admit(d, lane, item)
}

// awaitEnd waits until an update that is held has ended, and wakes the poll.
func (p *poller) awaitEnd(d *dispatch.Delivery, over bool) {
	if over || d.Wait(p.calls.Over()) {
		p.hasMoved()
	}
}

func (p *poller) hasMoved() {
	select {
	case p.moved <- struct{}{}:
	default:
	}
}

var errNothingNew = errors.New("tghook: getUpdates returned only data that cannot be read as updates")

// letterTime is how long DeadLetter may go on after its context has ended.
const letterTime = 10 * time.Second

// bury makes a dead letter of data that is not an update, in a goroutine of its own. The data
// has no id, so it cannot be confirmed itself. Telegram forgets it when an update behind it
// is confirmed. That waits until DeadLetter has accepted the data.
func (p *poller) bury(ctx context.Context, raw json.RawMessage, cause error) {
	l := &letter{}
	p.letters[string(raw)] = l
	p.window.HoldUnknown(heldUpdate{letter: l})
	u := &Update{Raw: raw}
	p.calls.Start(func() {}, func() {
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

// offer gives data that is not an update to DeadLetter once. If DeadLetter does not return,
// the data is logged.
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
		p.report(ctx, fmt.Errorf("tghook: DeadLetter: %w; the data that it got is logged instead", err))
		return guard.Within(letterTime, func() error { return write(ctx, u, cause) })
	}
	return err
}

// windUp ends the poll. polled is closed when the goroutine of the poll has returned. windUp
// takes Grace and a second at most, whatever the user's code does.
func (p *poller) windUp(ctx context.Context, polled <-chan struct{}) {
	ctx = context.WithoutCancel(ctx)
	begun := time.Now()
	within := func(more time.Duration) (context.Context, context.CancelFunc) {
		return context.WithDeadline(ctx, begun.Add(p.cfg.Grace+more))
	}
	cancelled, cancel := within(pollCancelTime)
	defer cancel()
	ended := p.shutDown(ctx)
	left := errEnding
	select {
	case left = <-ended:
	case <-cancelled.Done():
	}
	select {
	case <-polled:
	case <-cancelled.Done():
	}
	confirming, cancel := within(confirmTime)
	defer cancel()
	if err := p.confirm(confirming); err != nil {
		p.report(ctx, fmt.Errorf("tghook: updates that were handled could not be confirmed, so Telegram sends them again at the next start: %w", err))
	}
	telling, cancel := within(tellTime)
	defer cancel()
	if left == errEnding { //nolint:errorlint // it is this one, or the dispatcher's
		select {
		case left = <-ended:
		case <-telling.Done():
		}
	}
	if left != nil {
		p.log(ctx, slog.LevelWarn, "tghook: not all updates were finished within PollConfig.Grace: Telegram sends them again at the next start", slog.Any("error", left))
	}
	if !p.calls.End(telling) {
		p.log(ctx, slog.LevelWarn, "tghook: Poll returns while a function of yours still runs: Observe, OnError, DeadLetter or a cancelled handler")
	}
	last, cancel := within(time.Second)
	defer cancel()
	p.logs.End(last)
}

// shutDown shuts the dispatcher down in a goroutine of its own, because the user's code may
// end that goroutine. The channel gets the result.
func (p *poller) shutDown(ctx context.Context) <-chan error {
	return guard.Start(func() error {
		grace, cancel := context.WithTimeout(ctx, p.cfg.Grace)
		defer cancel()
		return p.dispatcher.Shutdown(grace)
	})
}

// confirm tells Telegram which updates were handled, unless it was told before.
func (p *poller) confirm(ctx context.Context) error {
	offset, ok := p.window.Confirmable()
	if !ok {
		return nil
	}
	if p.window.Repeats(offset, p.dispatcher.engine.Now()-repetition) {
		// The last call was not answered, and Telegram would hold a call that repeats its
		// offset. A call without an offset confirms nothing, and the next one is not a
		// repetition then.
		_, _ = p.client.GetUpdates(ctx, UpdatesRequest{Limit: 1})
	}
	_, err := p.client.GetUpdates(ctx, UpdatesRequest{Offset: offset, Limit: 1})
	return err
}
