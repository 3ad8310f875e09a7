package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/tghook/tghook"
)

// The argument of a receiver's process is receiverArg. Its environment has the settings, and
// its file reportFile is the ledger's pipe. It ends when its standard input does.
const (
	receiverArg = "receive"
	settingsEnv = "REPLICA"
	reportFile  = 3
	secret      = "stand-in-secret"
)

// settings are the settings of a receiver.
type settings struct {
	Mode       string
	Life       int
	Token, API string        // of the simulated Telegram
	Store      string        // the address of the Store
	Lease      time.Duration // how long a claim holds
	Losses     int           // one of so many answers of the Store is lost; 0: none
	LateAfter  time.Duration
	Polls      bool // it receives by long poll
	Calls      bool // it has a Caller
	Dies       bool // it kills itself before it tells the Store of a success
	Silent     bool // the handler does nothing, and reports nothing
}

const grace = 10 * time.Second

// receiver is a receiver of a bot.
type receiver struct {
	settings

	reports *os.File
}

// receive runs a receiver, the work of its process.
func receive() error {
	r := receiver{reports: os.NewFile(reportFile, "reports")}
	if err := json.Unmarshal([]byte(os.Getenv(settingsEnv)), &r.settings); err != nil { //nolint:musttag // both ends are this program
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	client, err := tghook.NewClient(r.Token, tghook.ClientConfig{BaseURL: r.API, Local: true})
	if err != nil {
		return err
	}
	cfg := tghook.DispatchConfig{Bot: client.Bot(), Logger: slog.New(slog.DiscardHandler)}
	if r.Calls || r.Polls {
		cfg.Caller = client
	}
	if open := modes[r.Mode].open; open != nil {
		store, end, err := open(ctx, r.Store)
		if err != nil {
			return err
		}
		defer end()
		cfg.Store = newWitness(store, &r)
		if r.Silent {
			cfg.Store = store
		}
	}
	if r.Polls {
		say("-")
		return tghook.Poll(ctx, client, tghook.HandlerFunc(r.handle), tghook.PollConfig{Dispatch: cfg})
	}
	return r.serve(ctx, cfg)
}

// serve serves a webhook until ctx ends. The line that it writes is its address.
func (r *receiver) serve(ctx context.Context, cfg tghook.DispatchConfig) error {
	hook, err := tghook.New(tghook.HandlerFunc(r.handle), tghook.Config{Secret: secret, LateAfter: r.LateAfter, Dispatch: cfg})
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

// say tells the parent where the receiver listens.
func say(address any) { _, _ = fmt.Fprintln(os.Stdout, address) }

// report reports to the ledger in one write, so that the end of the process cannot cut it.
func (r *receiver) report(what string, update, chat int64, age time.Duration, err error) {
	if !r.Silent {
		_, _ = r.reports.WriteString(report(r.Life, what, update, chat, age, err))
	}
}

// handle takes as long as the text of the message says. Its reply names the update and the
// life.
func (r *receiver) handle(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if r.Silent {
		return tghook.NoReply, nil
	}
	r.report(begins, u.ID, u.ChatID, 0, nil)
	var object struct{ Message struct{ Text string } }
	if err := u.Decode(&object); err != nil {
		return tghook.NoReply, err
	}
	work, err := time.ParseDuration(object.Message.Text)
	if err != nil {
		return tghook.NoReply, err
	}
	select {
	case <-time.After(work):
		r.report(ends, u.ID, u.ChatID, 0, nil)
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
			"chat_id": u.ChatID, "text": strconv.FormatInt(u.ID, 10) + " " + strconv.Itoa(r.Life),
		}}, nil
	case <-ctx.Done():
		r.report(fails, u.ID, u.ChatID, 0, nil)
		return tghook.NoReply, context.Cause(ctx)
	}
}
