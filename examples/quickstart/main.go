// Quickstart runs a bot on net/http, and beside it a simulated Telegram that delivers an
// update of every kind over loopback. It injects failures, prints each delivery and says
// what it means. It needs no token and no network. It fails if an update was lost, repeated
// or handled out of order.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	hook, err := tghook.New(audit.watch(tghook.Typed(new(bot).handle)), tghook.Config{
		Secret:    secret,
		LateAfter: 300 * time.Millisecond, // so that you need not wait 8 s to see a late one
		Dispatch: tghook.DispatchConfig{
			Caller:     client,
			AlwaysCall: true, // while you develop: nobody reports a wrong reply in a response
			Observe:    audit.observe,
			Logger:     slog.New(slog.DiscardHandler), // the table shows as much
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
	fmt.Fprintf(out, introduction, url)
	failure := deliverAll(ctx, tg, client, url, audit)

	if err := hook.Shutdown(ctx); err != nil { // before the server, which still has to answer
		return err
	}
	if err := server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	audit.table()
	if failure != nil {
		return failure
	}
	fmt.Fprint(out, outcomes)
	if err := audit.verdict(tg.Calls("sendMessage", "answerInlineQuery", "answerCallbackQuery")); err != nil {
		return err
	}
	fmt.Fprint(out, next)
	return nil
}

const introduction = `A bot listens on %s.
A simulated Telegram delivers an update of every kind to it, over loopback.

This program injects three failures:
  - The first answer to each message is lost on its way to Telegram.
  - The handler fails at the first edited message.
  - The handler takes 2.5 s for a poll. It is late after 0.3 s here, after 8 s by default.

It takes about three seconds. Then it prints each delivery.

`

const outcomes = `What the outcomes mean:
  handled    The handler succeeded.
  replied    The handler succeeded, and its reply was sent.
  duplicate  The update had succeeded before. Telegram got the same answer, and the handler did not run.
  failed     The handler returned an error. The update came again, behind what had arrived meanwhile.
  late       Telegram got 503 in time. The handler went on, and the next delivery brought its result.

`

const next = `
What to do next:
  Read examples/quickstart/bot.go, the bot. Change it, and run this again.
  With a real token:  TELEGRAM_TOKEN=123:abc go run ./examples/standalone
  On your server:     docs/doors.md has a line for each framework.
  In your tests:      docs/testing.md shows how to write them with the simulated Telegram.
`

// deliverAll has the updates sent to url. Each message comes twice, because its first answer
// is lost on its way.
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
		MaxConnections: 1, // one after the other, so that they arrive in order
	})
	if err != nil {
		return err
	}
	tg.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
		audit.arrives(d)
		return tghooktest.DeliveryFault{CutAfter: d.Kind == "message" && d.Attempt == 1}
	})
	for _, u := range updates {
		if u.Kind == tghook.KindMyChatMember { // by it the user blocks the bot, which then cannot answer any more
			if err := tg.Delivered(ctx); err != nil {
				return err
			}
		}
		if u.ID, err = tg.Deliver(u.Raw); err != nil {
			return err
		}
		audit.expect(u)
	}
	return tg.Delivered(ctx)
}
