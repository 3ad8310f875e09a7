package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tghook/tghook"
)

// caller calls the Bot API for webhook replies.
type caller struct{ bot *bot }

// Call implements [tghook.Caller]. If the end of the gateway cuts the call off, its error wraps
// [tghook.ErrShutdown]. The update then stays in the queue.
func (c *caller) Call(ctx context.Context, method string, params, result any) error {
	bounded, release := c.bot.gateway.ends.calls.bound(ctx)
	defer release()
	at := time.Now()
	err := c.bot.client.Call(bounded, method, params, result)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(bounded), tghook.ErrShutdown) {
		err = fmt.Errorf("%w: %w", tghook.ErrShutdown, err)
	}
	took := time.Since(at)
	c.bot.gateway.cfg.Meter.Called(c.bot.cfg.Name, method, err, took)
	c.bot.gateway.record.call(ctx, c.bot, method, params, err, at, took)
	return err
}
