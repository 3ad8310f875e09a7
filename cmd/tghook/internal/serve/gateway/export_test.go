package gateway

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// TidyLetters does at once what Run does from time to time.
func (g *Gateway) TidyLetters(ctx context.Context) error { return g.tidyLetters(ctx) }

// AskEach changes how often Telegram is asked for webhooks, before Run.
func (g *Gateway) AskEach(d time.Duration) { g.keeper.askEach = d }

// DeleteTime changes for how long a webhook is tried to be deleted, before Run.
func (g *Gateway) DeleteTime(d time.Duration) { g.deleteTime = d }

// DeletePause changes the first pause between two attempts to delete a webhook, before Run.
func (g *Gateway) DeletePause(d time.Duration) { g.deletePause = d }

// StopHooks makes calls of setWebhook and deleteWebhook wait for ever.
func (g *Gateway) StopHooks() { g.keeper.hooks.SetLimit(0) }

// EndTime changes how long Run waits for all at the end, before Run.
func (g *Gateway) EndTime(d time.Duration) { g.endTime = d }

// The times of the end.
const (
	TimeOfReplies = replyTime
	TimeOfTheEnd  = endTime
)

// ConsumeOf returns with what the updates of a bot are consumed.
func (g *Gateway) ConsumeOf(name string) (tghook.ConsumeConfig, error) {
	t, err := g.findTarget(name, "")
	if err != nil {
		return tghook.ConsumeConfig{}, err
	}
	return t.consume(), nil
}

// GiveUpInto does what the door does with an update that is none, if q is the queue.
func GiveUpInto(ctx context.Context, q tghook.Queue, u *tghook.Update) error {
	return (&inlet{bot: &bot{targets: []*target{{id: 42}}}, queue: q}).deadLetter(ctx, u, nil)
}

// ReserveAtOnce reserves room for an update n times at once, in a queue that is full.
func ReserveAtOnce(ctx context.Context, l tghook.Letters, n int) {
	b := newBacklog(l, 7)
	var all sync.WaitGroup
	for range n {
		all.Go(func() { b.reserve(ctx, 0) })
	}
	all.Wait()
}

// Discreet returns a handler that leaves what users write out of the lines that h gets.
func Discreet(h slog.Handler) slog.Handler { return discreet{h} }

// GiveUp does what the door does with an update that it gives up.
func (g *Gateway) GiveUp(ctx context.Context, name string, u *tghook.Update) error {
	b, err := g.find(name)
	if err != nil {
		return err
	}
	return b.inlet.deadLetter(ctx, u, nil)
}
