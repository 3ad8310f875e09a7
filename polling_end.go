package tghook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tghook/tghook/internal/guard"
)

// What a poll may take beyond its Grace, a second in all: for its handlers to return
// once they were cancelled, to confirm, and to tell the user.
const (
	pollCancelTime = 250 * time.Millisecond
	confirmTime    = 800 * time.Millisecond
	tellTime       = 950 * time.Millisecond
)

// repetition is how long Telegram minds that an offset is repeated, and a second for
// the way there: it holds such a call for 3 seconds, although that asks not to wait.
const repetition = 4 * time.Second

var errEnding = errors.New("tghook: the dispatcher has not ended yet")

// windUp ends what polled, which is closed when the poll's goroutine has returned. It
// takes the Grace and a second, whatever the user's code does.
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
		p.report(ctx, fmt.Errorf("tghook: what was handled could not be confirmed, and comes again: %w", err))
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
		p.log(ctx, slog.LevelWarn, "tghook: handlers were cancelled at the end of the poll: their updates come again", slog.Any("error", left))
	}
	if !p.calls.end(telling) {
		p.log(ctx, slog.LevelWarn, "tghook: Poll ends, although Observe, OnError or DeadLetter has not returned, or a handler that was cancelled")
	}
	last, cancel := within(time.Second)
	defer cancel()
	p.logs.end(last)
}

// shutDown ends the dispatcher in a goroutine of its own, which the user's code may
// end. It returns what tells of the end.
func (p *poller) shutDown(ctx context.Context) <-chan error {
	return guard.Start(func() error {
		grace, cancel := context.WithTimeout(ctx, p.cfg.Grace)
		defer cancel()
		return p.dispatcher.Shutdown(grace)
	})
}

// confirm tells Telegram what was handled, unless it has been told.
func (p *poller) confirm(ctx context.Context) error {
	offset, ok := p.window.confirmable()
	if !ok {
		return nil
	}
	if p.window.repeats(offset, p.dispatcher.engine.Now()-repetition) {
		// The call before was not answered, and Telegram would hold its repetition. One
		// without an offset confirms nothing, and is no repetition.
		_, _ = p.client.GetUpdates(ctx, UpdatesRequest{Limit: 1})
	}
	_, err := p.client.GetUpdates(ctx, UpdatesRequest{Offset: offset, Limit: 1})
	return err
}
