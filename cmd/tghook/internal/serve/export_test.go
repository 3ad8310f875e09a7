package serve

import (
	"context"

	"github.com/fsnotify/fsnotify"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/telemetry"
)

// Follow reads the configuration again as Run does, on the word of a watcher.
func Follow(ctx context.Context, cfg Config, w *fsnotify.Watcher, g *gateway.Gateway, meter *telemetry.Telemetry) {
	s := &site{cfg: cfg, log: cfg.Logger}
	s.follow(ctx, w, g, meter)
}
