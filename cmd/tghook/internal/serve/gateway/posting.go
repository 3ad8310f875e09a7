package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
)

// posting is a run of [tghook.Consume] for a target. It is also the Queue that the consumer sees.
type posting struct {
	tghook.Queue

	target *target
	outlet *outlet.Outlet
	stop   chan struct{} // closed when no more requests may begin

	mu  sync.Mutex
	cut map[tghook.Key]bool // updates whose handler the end has cut off
}

func newPosting(t *target, out *outlet.Outlet) *posting {
	return &posting{Queue: t.bot.gateway.cfg.Storage.Queue(), target: t, outlet: out, stop: make(chan struct{}), cut: map[tghook.Key]bool{}}
}

// run posts updates until p.stop is closed, and some seconds more.
func (p *posting) run() {
	defer p.outlet.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go p.end(ctx, stop)
	if err := tghook.Consume(ctx, p, p.handler(), p.target.consume()); err != nil {
		p.target.log.Error("updates cannot be posted", slog.Any("error", err))
	}
}

// end stops the consumer when p.stop is closed. First it waits for the requests under way, but
// not for the updates that wait for a turn.
func (p *posting) end(ctx context.Context, stop context.CancelFunc) {
	defer stop()
	select {
	case <-p.stop:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(ctx, postTime)
	defer cancel()
	p.outlet.Stop(ctx)
}

// handler posts an update to the URL.
func (p *posting) handler() tghook.Handler {
	var h tghook.Handler = tghook.HandlerFunc(p.deliver)
	if library := p.target.bot.gateway.cfg.Library; library != nil {
		h = tghook.Chain(h, library.Middleware)
	}
	return h
}

func (p *posting) deliver(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	reply, err := p.outlet.Deliver(ctx, u)
	if err != nil && errors.Is(context.Cause(ctx), tghook.ErrShutdown) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cut[tghook.Key{Bot: p.target.id, ID: u.ID}] = true
	}
	return reply, err
}

// Fail implements [tghook.Queue]. An update that the end has cut off counts no attempt: most have
// only waited for their turn.
func (p *posting) Fail(ctx context.Context, u tghook.QueuedUpdate, note []byte) error {
	p.mu.Lock()
	cut := p.cut[u.Key]
	p.mu.Unlock()
	if cut {
		return nil
	}
	return p.Queue.Fail(ctx, u, note)
}

var fieldNames = strings.NewReplacer("tghook: ", "", "DispatchConfig.MaxAttempts", "max_attempts", "DispatchConfig.MaxAge", "max_age")

// Bury implements [tghook.Queue]. The reason of a dead letter is told in the words of the
// configuration file.
func (p *posting) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	return p.Queue.Bury(ctx, u, fieldNames.Replace(why))
}
