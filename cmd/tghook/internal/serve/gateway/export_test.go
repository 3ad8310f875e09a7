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

// DeletePause changes the first pause between two attempts to delete a webhook, before Run.
func (g *Gateway) DeletePause(d time.Duration) { g.deletePause = d }

// EndTime changes how long Run waits for all at the end, before Run.
func (g *Gateway) EndTime(d time.Duration) { g.endTime = d }

// The times of the end.
const (
	TimeOfReplies = replyTime
	TimeOfTheEnd  = endTime
)

// GiveUp does what the door does with an update that it gives up.
func (g *Gateway) GiveUp(ctx context.Context, name string, u *tghook.Update) error {
	b, err := g.find(name)
	if err != nil {
		return err
	}
	return b.inlet.deadLetter(ctx, u, nil)
}
