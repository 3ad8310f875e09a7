package greeting

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/tghook/tghook"
)

// Main is the main function of each example. It calls run with the configuration of the
// environment, and ends its context at SIGINT and SIGTERM.
func Main(run func(context.Context, tghook.RunConfig, Func) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := tghook.FromEnv()
	if err == nil {
		err = run(ctx, cfg, Polite)
	}
	if err != nil {
		log.Fatal(err) //nolint:gocritic // stop has nothing to undo
	}
}
