package gateway

import (
	"context"
	"time"
)

// TidyLetters does at once what Run does from time to time.
func (g *Gateway) TidyLetters(ctx context.Context) error { return g.tidyLetters(ctx) }

// AskEach changes how often Telegram is asked for webhooks, before Run.
func (g *Gateway) AskEach(d time.Duration) { g.keeper.askEach = d }
