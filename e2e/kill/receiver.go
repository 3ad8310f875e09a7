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
)

// The modes: the ways in which updates come in.
const (
	byWebhook = "webhook"
	byPoll    = "poll"
	byStore   = "store" // by webhook, to two receivers that share a Store
)

var modeNames = []string{byWebhook, byPoll, byStore}

// The arguments of a receiver's process are receiverArg and a mode. Its environment names
// the Bot API. It ends when its standard input does.
const (
	receiverArg = "receive"
	tokenEnv    = "TELEGRAM_TOKEN"
	apiEnv      = "TELEGRAM_API_URL"
	storeEnv    = "KILL_STORE_URL" // of the receiver's own
	secret      = "stand-in-secret"
)

const (
	lateAfter = 100 * time.Millisecond
	grace     = 10 * time.Second
)

// receive runs a receiver, the work of its process.
func receive(mode string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	client, err := tghook.NewClient(os.Getenv(tokenEnv), tghook.ClientConfig{BaseURL: os.Getenv(apiEnv), Local: true})
	if err != nil {
		return err
	}
	cfg := tghook.DispatchConfig{Bot: client.Bot(), Caller: client, Logger: slog.New(slog.DiscardHandler)}
	if mode == byStore {
		cfg.Store = shared{os.Getenv(storeEnv)}
	}
	if mode == byPoll {
		say("-")
		return tghook.Poll(ctx, client, tghook.HandlerFunc(handle), tghook.PollConfig{Dispatch: cfg})
	}
	return serve(ctx, cfg)
}

// serve serves a webhook until ctx ends. The first line that it writes is its address.
func serve(ctx context.Context, cfg tghook.DispatchConfig) error {
	hook, err := tghook.New(tghook.HandlerFunc(handle), tghook.Config{Secret: secret, LateAfter: lateAfter, Dispatch: cfg})
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: hook, ReadHeaderTimeout: grace, IdleTimeout: 90 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	say(l.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return errors.Join(hook.Shutdown(ending), server.Shutdown(ending))
}

// say writes a line in one write, so that the end of the process cannot cut it.
func say(line any) { _, _ = fmt.Fprintln(os.Stdout, line) }

// handle reports its runs. It takes no time for most updates, some time for some, and more
// than LateAfter for a few.
func handle(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	report := func(what string) { say(fmt.Sprintf("%s %d %d.", what, u.ID, u.ChatID)) }
	report(begins)
	var work time.Duration
	switch {
	case u.ID%50 == 0:
		work = 3 * lateAfter
	case u.ID%7 == 0:
		work = lateAfter / 5
	}
	select {
	case <-time.After(work):
		report(ends)
		return tghook.NoReply, nil
	case <-ctx.Done():
		report(fails)
		return tghook.NoReply, context.Cause(ctx)
	}
}
