// Standalone runs the echo bot without a web server of its own: by webhook where
// TELEGRAM_WEBHOOK_URL is set, else by long poll. See [tghook.FromEnv].
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/echo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err) //nolint:gocritic // stop has nothing to undo
	}
}

func run(ctx context.Context) error {
	cfg, err := tghook.FromEnv()
	if err != nil {
		return err
	}
	return tghook.Run(ctx, echo.Bot, cfg)
}
