// Quickstart runs a bot on net/http, and a Telegram beside it that delivers an update
// of every kind over loopback. It needs no token and no network, ends by itself, and
// fails if an update was lost, repeated or handled out of order.
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
	"github.com/tghook/tghook/tghooktest"
)

const secret = "quickstart-secret"

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves the bot, has Telegram deliver to it and reports to out.
func run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	audit := newAudit(out)
	tg, err := tghooktest.Start(tghooktest.ServerConfig{Observe: audit.delivered})
	if err != nil {
		return err
	}
	defer tg.Close()
	client, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, Local: true})
	if err != nil {
		return err
	}
	hook, err := tghook.New(audit.watch(tghook.Typed(bot)), tghook.Config{
		Secret:    secret,
		LateAfter: 300 * time.Millisecond, // so that you need not wait 8 s to see a late one
		Dispatch: tghook.DispatchConfig{
			Caller:     client,
			AlwaysCall: true, // while you develop: nobody would tell you of a wrong reply in a response
			Observe:    audit.observe,
		},
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /telegram", hook)

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	url := fmt.Sprintf("http://%s/telegram", listener.Addr())
	fmt.Fprintf(out, "A bot listens on %s. Telegram delivers one update of every kind to it.\n\n", url)
	failure := deliverAll(ctx, tg, client, url, audit)

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
	return audit.verdict(tg.Calls())
}

// deliverAll has the updates sent to url. Messages come twice, since their first answer is
// lost on its way.
func deliverAll(ctx context.Context, tg *tghooktest.Server, client *tghook.Client, url string, audit *audit) error {
	var updates []*tghook.Update
	var kinds []string
	for _, body := range tghooktest.Updates() {
		u, err := tghook.ParseUpdate(body)
		if err != nil {
			return err
		}
		updates, kinds = append(updates, u), append(kinds, string(u.Kind))
	}
	err := client.SetWebhook(ctx, tghook.WebhookRequest{
		URL: url, SecretToken: secret, AllowedUpdates: kinds,
		MaxConnections: 1, // one after the other: the order of arrival is theirs then
	})
	if err != nil {
		return err
	}
	tg.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
		audit.arrives(d)
		return tghooktest.DeliveryFault{CutAfter: d.Kind == "message" && d.Attempt == 1}
	})
	for _, u := range updates {
		if u.ID, err = tg.Deliver(u.Raw); err != nil {
			return err
		}
		audit.expect(u)
	}
	return tg.Delivered(ctx)
}
