package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/retry"
	"github.com/tghook/tghook/internal/test/fleet"
)

// The roles of processes.
const (
	receiverRole = "receive"
	workerRole   = "work"
)

const secret = "stand-in-secret"

// settings are the settings of a process.
type settings struct {
	Role       string
	Engine     string
	Address    string // of the engine
	Token, API string // of the simulated Telegram
	Life       int    // of a worker
	Lease      time.Duration
	Breakage   string // the fault of the queue; empty: none
}

// member is the work of a process.
type member struct {
	settings

	queue   opened
	witness *witness // of a worker
	client  *tghook.Client
	reports *os.File
}

// serve does the work of a process, until ctx ends.
func serve(ctx context.Context, its settings, reports *os.File) error {
	m := member{settings: its, reports: reports}
	var err error
	if m.client, err = tghook.NewClient(m.Token, tghook.ClientConfig{BaseURL: m.API, Local: true}); err != nil {
		return err
	}
	if err := m.open(ctx); err != nil {
		return err
	}
	defer m.queue.close()
	if b := breakages[m.Breakage]; b != nil {
		m.queue.Queue = b(m.queue.Queue)
	}
	if m.Role == receiverRole {
		return m.receive(ctx)
	}
	return m.work(ctx)
}

// open opens the queue. It tries for two minutes, as a supervisor does: beside processes that write all
// the time, a busy machine may leave no room for the lock of a file for long.
func (m *member) open(ctx context.Context) (err error) {
	for begun := time.Now(); ; {
		if m.queue, err = engines[m.Engine].open(ctx, m.Address); err == nil || time.Since(begun) > 2*time.Minute {
			return err
		}
		if retry.Sleep(ctx, 100*time.Millisecond) != nil {
			return err
		}
	}
}

func (m *member) dispatch() tghook.DispatchConfig {
	return tghook.DispatchConfig{Bot: m.client.Bot(), Logger: slog.New(slog.DiscardHandler)}
}

// receive serves a webhook that publishes.
func (m *member) receive(ctx context.Context) error {
	publisher, err := tghook.NewPublisher(m.queue, m.dispatch())
	if err != nil {
		return err
	}
	hook, err := tghook.New(publisher, tghook.Config{Secret: secret, LateAfter: 500 * time.Millisecond, Dispatch: m.dispatch()})
	if err != nil {
		return err
	}
	return fleet.Serve(ctx, hook)
}

// work handles the published updates.
func (m *member) work(ctx context.Context) error {
	fleet.Ready("")
	cfg := tghook.ConsumeConfig{Dispatch: m.dispatch(), Lease: m.Lease, OnError: func(context.Context, error) {}}
	cfg.Dispatch.Caller = m.client
	cfg.Dispatch.MaxInFlight = 100
	var queue tghook.Queue
	m.witness, queue = newWitness(m)
	return tghook.Consume(ctx, queue, tghook.HandlerFunc(m.handle), cfg)
}

// report reports to the ledger in one write, so that the end of the process cannot cut it.
func (m *member) report(what string, update, chat int64, lease int, age time.Duration) {
	_, _ = m.reports.WriteString(report(m.Life, what, update, chat, lease, age))
}

// The texts of messages, beside the time that their handler takes.
const (
	failing  = "fail" // the first attempt fails
	dropping = "drop"
)

var errOnPurpose = errors.New("this handler fails on purpose")

// handle behaves as the text of the message says. Its reply names the update.
func (m *member) handle(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	queued, _ := tghook.QueuedFromContext(ctx)
	tell := func(what string) { m.witness.report(what, queued, u.ChatID) }
	tell(begins)
	err := m.act(ctx, u, queued.Attempts)
	switch {
	case errors.Is(err, errDrop):
		tell(drops)
		return tghook.NoReply, tghook.Drop(err)
	case err != nil:
		tell(fails)
		return tghook.NoReply, err
	}
	tell(ends)
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": strconv.FormatInt(u.ID, 10),
	}}, nil
}

var errDrop = errors.New("this update is dropped on purpose")

func (m *member) act(ctx context.Context, u *tghook.Update, attempts int) error {
	var object struct{ Message struct{ Text string } }
	if err := u.Decode(&object); err != nil {
		return err
	}
	if m.queue.write != nil {
		if err := m.queue.write(ctx, u); err != nil {
			return err
		}
	}
	switch {
	case object.Message.Text == dropping:
		return errDrop
	case object.Message.Text == failing && attempts == 0:
		return errOnPurpose
	case object.Message.Text == failing:
		return nil
	}
	work, err := time.ParseDuration(object.Message.Text)
	if err != nil {
		return err
	}
	select {
	case <-time.After(work):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
