package doortest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

// A Bot is a webhook that records what it did. It may be used concurrently.
type Bot struct {
	*tghook.Webhook

	mu         sync.Mutex
	runs       []int64
	deliveries []tghook.Delivery
}

// NewBot returns a bot with the handler h. Its webhook expects Secret; changes may
// alter the rest of its configuration.
func NewBot(tb testing.TB, h tghook.HandlerFunc, changes ...func(*tghook.Config)) *Bot {
	tb.Helper()
	b := new(Bot)
	cfg := tghook.Config{Secret: Secret}
	cfg.Dispatch.Observe = func(_ context.Context, v tghook.Delivery) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.deliveries = append(b.deliveries, v)
	}
	for _, change := range changes {
		change(&cfg)
	}
	w, err := tghook.New(tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		b.mu.Lock()
		b.runs = append(b.runs, u.ID)
		b.mu.Unlock()
		return h(ctx, u)
	}), cfg)
	require.NoError(tb, err)
	b.Webhook = w
	return b
}

// Runs returns the ids of the updates for which the handler was started, in order.
func (b *Bot) Runs() []int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.runs)
}

// Deliveries returns what Observe was called with, in order.
func (b *Bot) Deliveries() []tghook.Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.deliveries)
}

// Idle is a handler that succeeds without a reply.
func Idle(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// Repeat is a handler that replies with the update's own JSON as text.
func Repeat(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": string(u.Raw)}}, nil
}

// Repeated returns the body of the answer to an update with this body, from Repeat.
func Repeated(body string) string {
	return fmt.Sprintf(`{"method":"sendMessage","text":%q}`, body)
}

// Failing returns a handler that fails with err.
func Failing(err error) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, err }
}
