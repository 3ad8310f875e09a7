// Quickstart runs a bot on net/http and delivers an update of every kind to it
// over loopback, as Telegram would. It needs no token and no network, ends by
// itself, and fails if an update was lost, repeated or handled out of order.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/tghook/tghook"
)

const (
	secret = "quickstart-secret"
	path   = "/telegram"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves the bot, plays Telegram to it and reports to out.
func run(ctx context.Context, out io.Writer) error {
	audit := newAudit()
	hook, err := tghook.New(audit.watch(tghook.Typed(bot)), tghook.Config{
		Secret:    secret,
		LateAfter: 300 * time.Millisecond, // so that you need not wait 8 s to see a late one
		Dispatch:  tghook.DispatchConfig{Observe: audit.observe},
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+path, hook)

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	fmt.Fprintf(out, "A bot listens on http://%s%s. Delivering one update of every kind to it.\n\n", listener.Addr(), path)
	failure := deliverAll(ctx, out, listener.Addr().String(), audit)

	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := hook.Shutdown(ctx); err != nil { // before the server's, which it needs
		return err
	}
	if err := server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if failure != nil {
		return failure
	}
	return audit.verdict(out)
}
