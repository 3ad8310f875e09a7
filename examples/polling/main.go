// Polling runs the echo bot on a laptop, by long poll and nothing else. It needs
// TELEGRAM_TOKEN. For the other variables see [tghook.FromEnv].
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
	cfg.URL, cfg.KeepWebhook = "", false // whatever is set for a webhook, this program polls
	bot, err := tghook.Mount(echo.Bot, cfg)
	if err != nil {
		return err
	}
	return bot.Receive(ctx)
}
