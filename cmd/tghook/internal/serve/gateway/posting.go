package gateway

import (
	"context"
	"log/slog"
	"strings"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
)

// posting is a run of [tghook.Consume] for a target. It is also the Queue that the consumer sees.
type posting struct {
	tghook.Queue

	target *target
	outlet *outlet.Outlet
	ctx    context.Context // of Consume
	cancel context.CancelFunc
}

func newPosting(t *target, out *outlet.Outlet) *posting {
	p := &posting{Queue: t.bot.gateway.cfg.Storage.Queue(), target: t, outlet: out}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// run posts updates until stop is called, and then until the bot has answered what was posted.
func (p *posting) run() {
	defer p.outlet.Close()
	defer p.cancel()
	if err := tghook.Consume(p.ctx, p, p.handler(), p.target.consume()); err != nil {
		p.target.log.Error("updates cannot be posted", slog.Any("error", err))
	}
}

// stop lets no more requests begin. Updates that wait for their turn go back into the queue.
func (p *posting) stop() {
	p.cancel() // first, so that no update is taken again
	p.outlet.Stop()
}

// handler posts an update to the URL.
func (p *posting) handler() tghook.Handler {
	var h tghook.Handler = tghook.HandlerFunc(p.deliver)
	if library := p.target.bot.gateway.cfg.Library; library != nil {
		h = tghook.Chain(h, library.Middleware)
	}
	return h
}

// deliver posts an update. When the gateway ends, a request may take so long as its end allows.
func (p *posting) deliver(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	ctx, release := p.target.bot.gateway.ends.posts.bound(ctx)
	defer release()
	return p.outlet.Deliver(ctx, u)
}

var fieldNames = strings.NewReplacer("tghook: ", "", "DispatchConfig.MaxAttempts", "max_attempts", "DispatchConfig.MaxAge", "max_age")

// Bury implements [tghook.Queue]. The reason of a dead letter is told in the words of the
// configuration file.
func (p *posting) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	return p.Queue.Bury(ctx, u, fieldNames.Replace(why))
}
