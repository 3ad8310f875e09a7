// Polling runs the echo bot on a laptop, by long poll. It needs TELEGRAM_TOKEN and
// nothing else.
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
	client, err := tghook.NewClient(cfg.Token, cfg.Client)
	if err != nil {
		return err
	}
	return tghook.Poll(ctx, client, echo.Bot, cfg.Poll)
}
