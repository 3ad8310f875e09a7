// Mounted runs the echo bot on a server that has other things to do. It needs
// TELEGRAM_TOKEN. With TELEGRAM_WEBHOOK_URL updates come by webhook, else by long
// poll. It listens at TELEGRAM_LISTEN or PORT, else at port 8080. For all other
// variables see [tghook.FromEnv].
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

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
	bot, err := tghook.Mount(echo.Bot, cfg)
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle(bot.Path(), bot)
	mux.Handle(bot.HealthPath(), bot)
	mux.HandleFunc("GET /about", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("the rest of the site\n"))
	})

	listener, err := bot.Listen(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(listener)
		_ = bot.Shutdown(ctx) // if the server has failed, nothing can be received any more
	}()

	err = bot.Receive(ctx) // until ctx ends, and what was taken is finished
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(closing) != nil {
		_ = server.Close()
	}
	if failure := <-served; !errors.Is(failure, http.ErrServerClosed) {
		err = errors.Join(err, failure)
	}
	return err
}
