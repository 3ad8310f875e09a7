// Mounted runs the echo bot on a server that has other things to do. It needs
// TELEGRAM_TOKEN and TELEGRAM_WEBHOOK_URL, whose path is /telegram, and listens at
// TELEGRAM_LISTEN, or port 8080.
package main

import (
	"cmp"
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/echo"
)

const grace = 8 * time.Second

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
	secret := tghook.SecretFor(cfg.Token, cfg.URL)
	hook, err := tghook.New(echo.Bot, tghook.Config{Secret: secret, Dispatch: tghook.DispatchConfig{Caller: client}})
	if err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("POST /telegram", hook)
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write([]byte("the rest of the site\n"))
	})

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cmp.Or(cfg.Listen, ":8080"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = client.SetWebhook(ctx, tghook.WebhookRequest{URL: cfg.URL, SecretToken: secret, AllowedUpdates: echo.Bot.AllowedUpdates()})
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-served:
		}
	}
	if ctx.Err() != nil {
		err = nil // it was told to end, maybe in the middle of the call
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return errors.Join(err, hook.Shutdown(ending), server.Shutdown(ending)) // in this order
}
