package gateway

import (
	"context"
	"time"
)

// caller calls the Bot API for webhook replies.
type caller struct{ bot *bot }

// Call implements [tghook.Caller].
func (c *caller) Call(ctx context.Context, method string, params, result any) error {
	at := time.Now()
	err := c.bot.client.Call(ctx, method, params, result)
	took := time.Since(at)
	c.bot.gateway.cfg.Meter.Called(c.bot.cfg.Name, method, err, took)
	c.bot.gateway.record.call(ctx, c.bot, method, params, err, at, took)
	return err
}
