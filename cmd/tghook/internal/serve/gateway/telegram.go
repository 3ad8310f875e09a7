package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

const (
	askEach    = time.Minute // between two calls of getWebhookInfo
	askTime    = 30 * time.Second
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
			if !sleep(ctx, askEach) {
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
	b.setWebhookStatus(func(s *WebhookStatus) { s.Problem = strings.TrimPrefix(err.Error(), "tghook: ") })
}

// setWebhook sets the webhook, and asks Telegram how it is.
func (b *bot) setWebhook(ctx context.Context) error {
	if err := b.gateway.keeper.mayCall(ctx); err != nil {
		return err
	}
	err := b.client.SetWebhook(ctx, tghook.WebhookRequest{
		URL: b.address(), SecretToken: b.cfg.Secret, MaxConnections: b.cfg.MaxConnections, AllowedUpdates: b.allowed(),
	})
	if err != nil {
		return err
	}
	return b.askTelegram(ctx)
}

// allowed returns what setWebhook and getUpdates get as allowed_updates.
func (b *bot) allowed() []string {
	if b.cfg.Kinds == nil {
		return []string{} // Telegram's default
	}
	return b.cfg.Kinds
}

var errElsewhere = errors.New("another program has set the webhook of this bot; it is set again")

// askTelegram calls getWebhookInfo. If the webhook is not the gateway's, the error says so.
func (b *bot) askTelegram(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := b.client.GetWebhookInfo(ctx)
	if err != nil {
		return err
	}
	b.setWebhookStatus(func(s *WebhookStatus) {
		*s = WebhookStatus{Here: true, CheckedAt: time.Now(), URL: info.URL, Pending: info.PendingUpdateCount, LastError: info.LastErrorMessage}
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
		watching, stop := context.WithCancel(ctx)
		go func() {
			_ = b.askTelegram(watching)
			every(watching, askEach, func() { _ = b.askTelegram(watching) })
		}()
		begun := time.Now()
		err := tghook.Poll(ctx, b.client, b.inlet, tghook.PollConfig{
			Dispatch: b.inlet.dispatch(), AllowedUpdates: b.allowed(), TakeOver: true, Grace: doorTime,
			OnError: func(_ context.Context, err error) { b.problem(err) },
		})
		stop()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("the poll has ended")
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

// deleteWebhook removes the webhook of a bot that has been removed, if this gateway is the keeper
// and the webhook is the gateway's.
func (b *bot) deleteWebhook(ctx context.Context) {
	if b.hook == nil || !b.gateway.keeper.isHere() || b.gateway.keeper.mayCall(ctx) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	info, err := b.client.GetWebhookInfo(ctx)
	if err == nil && info.URL == b.address() {
		err = b.client.DeleteWebhook(ctx, false)
	}
	if err != nil {
		b.log.Warn("the webhook of a bot that was removed may still be set", slog.Any("error", err))
	}
}
