// Telego is a bot built on telego and its BotHandler.
package main

import (
	"context"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

func main() { greeting.Main(run) }

// run receives updates until ctx ends: by webhook if cfg has a URL, else by long poll.
func run(ctx context.Context, cfg tghook.RunConfig, greet greeting.Func) error {
	client, err := tghook.NewClient(cfg.Token, cfg.Client)
	if err != nil {
		return err
	}
	transport := &tghook.ReplyTransport{Client: client, AllowNoResult: true}
	handler, err := newHandler(cfg.Token, transport, greet)
	if err != nil {
		return err
	}
	return tghook.Run(ctx, handler, cfg)
}
