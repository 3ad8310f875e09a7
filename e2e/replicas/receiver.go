package main

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/fleet"
)

const secret = "stand-in-secret"

// settings are the settings of a receiver.
type settings struct {
	Mode       string
	Life       int
	Token, API string        // of the simulated Telegram
	Store      string        // the address of the Store
	Lease      time.Duration // how long a claim holds
	Losses     int           // one of so many answers of the Store is lost; 0: none
	LateAfter  time.Duration
	Polls      bool   // it receives by long poll
	Calls      bool   // it has a Caller
	Dies       bool   // it kills itself before it tells the Store of a success
	Silent     bool   // the handler does nothing, and reports nothing
	Gate       string // if set, the handler waits until there is a file of this name, and for nothing else
}

// receiver is a receiver of a bot.
type receiver struct {
	settings

	reports *os.File
}

// receive does the work of a receiver's process, until ctx ends.
func receive(ctx context.Context, its settings, reports *os.File) error {
	r := receiver{settings: its, reports: reports}
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
		fleet.Ready("")
		return tghook.Poll(ctx, client, tghook.HandlerFunc(r.handle), tghook.PollConfig{Dispatch: cfg})
	}
	hook, err := tghook.New(tghook.HandlerFunc(r.handle), tghook.Config{Secret: secret, LateAfter: r.LateAfter, Dispatch: cfg})
	if err != nil {
		return err
	}
	return fleet.Serve(ctx, hook)
}

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
	if r.Gate != "" {
		for _, err := os.Stat(r.Gate); err != nil; _, err = os.Stat(r.Gate) {
			time.Sleep(5 * time.Millisecond)
		}
		ctx, work = context.WithoutCancel(ctx), 0
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
