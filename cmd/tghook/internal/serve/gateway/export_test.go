package gateway

import (
	"context"
	"time"

	"github.com/tghook/tghook"
)

// TidyLetters does at once what Run does from time to time.
func (g *Gateway) TidyLetters(ctx context.Context) error { return g.tidyLetters(ctx) }

// AskEach changes how often Telegram is asked for webhooks, before Run.
func (g *Gateway) AskEach(d time.Duration) { g.keeper.askEach = d }

// DeleteTime changes for how long a webhook is tried to be deleted, before Run.
func (g *Gateway) DeleteTime(d time.Duration) { g.deleteTime = d }

// GiveUp does what the door does with an update that it gives up.
func (g *Gateway) GiveUp(ctx context.Context, name string, u *tghook.Update) error {
	b, err := g.find(name)
	if err != nil {
		return err
	}
	return b.inlet.deadLetter(ctx, u, nil)
}
