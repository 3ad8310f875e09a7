package gateway

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

const (
	role      = "keeper"
	roleTime  = 9 * time.Second // how long a gateway that was killed keeps the role
	roleRenew = 2 * time.Second
	hookRate  = 10 // calls of setWebhook in a second, of all bots together
	askEach   = time.Minute
)

// keeper is the one of several gateways that cares for the bots: it sets their webhooks, and
// polls. If it ends or is killed, another gateway takes its place.
type keeper struct {
	storage *storage.Storage
	log     *slog.Logger
	hooks   *rate.Limiter
	askEach time.Duration // between two calls of getWebhookInfo

	mu      sync.Mutex
	here    context.Context // ends when this gateway is not the keeper any more; nil if it is not
	leave   context.CancelFunc
	changed chan struct{} // closed when here changes
}

func newKeeper(s *storage.Storage, log *slog.Logger) *keeper {
	return &keeper{storage: s, log: log, hooks: rate.NewLimiter(hookRate, 1), askEach: askEach, changed: make(chan struct{})}
}

// run takes the role when it is free, until ctx ends.
func (k *keeper) run(ctx context.Context) {
	var until time.Time // the role is certainly held
	for ctx.Err() == nil {
		asked := time.Now()
		asking, cancel := context.WithTimeout(ctx, roleRenew)
		held, err := k.storage.Hold(asking, role, roleTime)
		cancel()
		switch {
		case held:
			until = asked.Add(roleTime)
			k.set(ctx, true)
		case err == nil || time.Until(until) < 2*roleRenew: // before another one may take it
			k.set(ctx, false)
		}
		select {
		case <-ctx.Done():
		case <-time.After(roleRenew):
		}
	}
	k.set(ctx, false)
}

// yield gives the role back, so that another gateway need not wait.
func (k *keeper) yield() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := k.storage.Yield(ctx, role); err != nil {
		k.log.Warn("another gateway has to wait until it can care for the bots", slog.Any("error", err))
	}
}

func (k *keeper) set(ctx context.Context, here bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if here == (k.here != nil) {
		return
	}
	if here {
		k.here, k.leave = context.WithCancel(ctx)
	} else {
		k.leave()
		k.here = nil
	}
	close(k.changed)
	k.changed = make(chan struct{})
}

// await waits until this gateway is the keeper. The context that it returns ends with ctx, or
// when this gateway is not the keeper any more.
func (k *keeper) await(ctx context.Context) (context.Context, context.CancelFunc, bool) {
	for ctx.Err() == nil {
		k.mu.Lock()
		here, changed := k.here, k.changed
		k.mu.Unlock()
		if here != nil {
			kept, cancel := context.WithCancel(ctx)
			stop := context.AfterFunc(here, cancel)
			return kept, func() { stop(); cancel() }, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return nil, nil, false
}

// isHere reports whether this gateway is the keeper.
func (k *keeper) isHere() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.here != nil
}

// care sets the webhook of a bot, or polls, while this gateway is the keeper and until ctx ends.
func (k *keeper) care(ctx context.Context, b *bot) {
	for {
		kept, cancel, ok := k.await(ctx)
		if !ok {
			return
		}
		b.setWebhookStatus(func(s *WebhookStatus) { *s = WebhookStatus{Here: true} })
		if b.hook == nil {
			b.poll(kept)
		} else {
			b.keepWebhook(kept)
		}
		cancel()
		b.setWebhookStatus(func(s *WebhookStatus) { *s = WebhookStatus{} })
	}
}

// mayCall waits until the limit of setWebhook allows a call.
func (k *keeper) mayCall(ctx context.Context) error {
	err := k.hooks.Wait(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
