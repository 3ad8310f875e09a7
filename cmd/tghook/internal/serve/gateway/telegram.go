package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/redact"
)

const (
	setTime    = 9 * time.Minute // for SetWebhook, which waits until Telegram can resolve the host
	askTime    = 30 * time.Second
	deleteTime = 5 * time.Minute // for the deletion of a webhook, with all attempts
	firstPause = 2 * time.Second // after an error of the Bot API
	mostPause  = time.Minute
)

// keepWebhook sets the webhook of the bot, and looks after it until ctx ends.
func (b *bot) keepWebhook(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		err := b.setWebhook(ctx)
		for err == nil { // until something is wrong
			pause = firstPause
			if !sleep(ctx, b.gateway.keeper.askEach) {
				return
			}
			err = b.askTelegram(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		b.problem(err)
		if !sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, mostPause)
	}
}

// sleep waits. It reports whether ctx has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// problem tells of an error of the Bot API.
func (b *bot) problem(err error) {
	b.log.Warn("the webhook or the poll of a bot has a problem", slog.Any("error", err))
	until := time.Now()
	if refused := (*tghook.APIError)(nil); errors.As(err, &refused) {
		until = until.Add(refused.RetryAfter)
	}
	b.setWebhookStatus(func(s *WebhookStatus) {
		s.Problem, s.problemUntil = strings.TrimPrefix(err.Error(), "tghook: "), until
	})
}

// setWebhook sets the webhook, and asks Telegram how it is.
func (b *bot) setWebhook(ctx context.Context) error {
	if err := b.gateway.keeper.mayCall(ctx); err != nil {
		return err
	}
	setting, cancel := context.WithTimeout(ctx, setTime)
	defer cancel()
	err := b.client.SetWebhook(setting, tghook.WebhookRequest{
		URL: b.address(), SecretToken: b.cfg.Secret, MaxConnections: b.cfg.MaxConnections, AllowedUpdates: b.allowed(),
	})
	if err != nil {
		return err
	}
	b.telegramHasSecret()
	return b.askTelegram(ctx)
}

// allowed returns what setWebhook and getUpdates get as allowed_updates.
func (b *bot) allowed() []string {
	if b.cfg.Kinds == nil {
		return []string{} // Telegram's default
	}
	return b.cfg.Kinds
}

var errElsewhere = errors.New("another webhook is set for this bot, or none; the gateway sets it again")

// askTelegram calls getWebhookInfo. If the webhook is not the gateway's, the error says so.
func (b *bot) askTelegram(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := b.client.GetWebhookInfo(ctx)
	if err != nil {
		return err
	}
	b.setWebhookStatus(func(s *WebhookStatus) {
		problem, until := s.Problem, s.problemUntil
		if b.hook != nil || time.Since(until) > 3*b.gateway.keeper.askEach { // a poll that fails tells of it more often
			problem = ""
		}
		*s = WebhookStatus{
			Here: true, CheckedAt: time.Now(), URL: redact.URL(info.URL), Pending: info.PendingUpdateCount,
			LastError: info.LastErrorMessage, Problem: problem, problemUntil: until,
		}
		if info.LastErrorDate != 0 {
			s.ErrorAt = time.Unix(info.LastErrorDate, 0)
		}
	})
	if b.hook != nil && info.URL != b.address() {
		return errElsewhere
	}
	return nil
}

// poll gets the bot's updates by getUpdates until ctx ends.
func (b *bot) poll(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		begun := time.Now()
		err := b.pollOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		b.problem(err)
		if time.Since(begun) > mostPause {
			pause = firstPause
		}
		if !sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, mostPause)
	}
}

// pollOnce polls until ctx ends, or until another program sets a webhook. The next poll takes it
// over.
func (b *bot) pollOnce(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer stop(nil)
	asking.Go(func() {
		for _ = b.askTelegram(ctx); sleep(ctx, b.gateway.keeper.askEach); {
			_ = b.askTelegram(ctx)
		}
	})
	poll := tghook.PollConfig{
		Dispatch: b.inlet.dispatch(), AllowedUpdates: b.allowed(), TakeOver: true, Grace: doorTime,
		OnError: func(_ context.Context, err error) {
			if errors.Is(err, tghook.ErrWebhookSet) {
				stop(err)
				return
			}
			b.problem(err)
		},
	}
	received := poll.Dispatch.Observe
	poll.Dispatch.Observe = func(ctx context.Context, d tghook.Delivery) {
		received(ctx, d)
		b.setWebhookStatus(func(s *WebhookStatus) { s.Problem = "" })
	}
	if err := tghook.Poll(ctx, b.client, b.inlet, poll); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// deleteWebhook removes the webhook of a bot that was taken out, if this gateway is the keeper or
// becomes it soon, and the webhook is the gateway's. Nothing else would remove it later, because the
// token is forgotten. So after an error deleteWebhook tries again, until the time is over, the bot is
// put back or ctx ends. An error of the Bot API is kept when no call may follow.
func (b *bot) deleteWebhook(ctx context.Context) {
	if b.hook == nil {
		return
	}
	running := ctx
	ctx, cancel := context.WithTimeout(running, b.gateway.deleteTime)
	defer cancel()
	defer context.AfterFunc(b.gone, cancel)()
	_, release, ok := b.gateway.keeper.await(ctx)
	if !ok {
		if running.Err() != nil && b.gone.Err() == nil {
			b.log.Warn("the webhook of a bot that was taken out may still be set, unless another gateway has deleted it; look with tghook info")
		}
		return
	}
	release()
	err := b.gateway.keeper.mayCall(ctx)
	if err == nil {
		err = b.deleteOnce(ctx)
	}
	for pause := b.gateway.deletePause; err != nil && ctx.Err() == nil; pause = min(2*pause, mostPause) {
		b.problem(err)
		if sleep(ctx, pause) && b.gateway.keeper.mayCall(ctx) == nil {
			err = b.deleteOnce(ctx)
		}
	}
	if err != nil && b.gone.Err() == nil {
		b.log.Error("the webhook of a bot that was taken out may still be set; delete it by hand, with tghook delete", slog.Any("error", err))
	}
}

// deleteOnce deletes the webhook, if it is the gateway's. A call that has begun goes on after ctx has
// ended: Telegram might execute it when the bot that was put back has set its webhook. At the end of
// the gateway it has as much time as a webhook reply.
func (b *bot) deleteOnce(ctx context.Context) error {
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTime)
	defer cancel()
	calling, release := b.gateway.ends.calls.bound(calling)
	defer release()
	info, err := b.client.GetWebhookInfo(calling)
	if err != nil || info.URL != b.address() {
		return err
	}
	return b.client.DeleteWebhook(calling, false)
}
