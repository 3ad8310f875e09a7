// Echotron is a bot built on echotron.
package main

import (
	"context"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

func main() { greeting.Main(run) }

// run receives updates until ctx ends: by webhook if cfg has a URL, else by long poll.
func run(ctx context.Context, cfg tghook.RunConfig, greet greeting.Func) error {
	return tghook.Run(ctx, newHandler(cfg, greet), cfg)
}
