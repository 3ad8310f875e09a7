// Package forward passes the updates of a bot in service on to a webhook, such as one that is
// being written on this machine.
//
// It gets the updates by getUpdates, and delivers them as Telegram's own sender would. It
// confirms an update to Telegram only after the webhook has answered 2xx, or when Telegram
// itself would have given the update up. What the webhook replies is executed by Telegram.
package forward

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/courier"
	"github.com/tghook/tghook/cmd/tghook/internal/scrub"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// Config configures Run.
type Config struct {
	Bot    *tghook.Client // the bot in service
	Target *wire.Target
	// MaxConnections is how many requests may be under way at once. If zero, 40.
	MaxConnections int
	// TakeOver says what to do with a webhook that is set; nil to leave it alone.
	TakeOver *TakeOver
	// Ledger is where the webhook that was taken over is kept, in case the process is killed.
	Ledger Ledger
	// Record, if set, gets each update once, scrubbed by Scrubber, in a line of JSON.
	Record   io.Writer
	Scrubber *scrub.Scrubber
	// Server starts the simulated Telegram that delivers, and that calls execute for each
	// webhook reply. If nil, it is courier's own.
	Server func(execute func(tghooktest.Call) tghooktest.CallFault) (*tghooktest.Server, error)
	// Deliver gets each attempt to deliver an update, and Tell what else happens. They are
	// called one at a time, and must not block.
	Deliver func(Line)
	Tell    func(text string)
}

// Line is an attempt to deliver an update.
type Line struct {
	At       time.Time     `json:"at"`
	UpdateID int64         `json:"update_id"`
	Kind     string        `json:"kind"`
	Attempt  int           `json:"attempt"`
	Status   int           `json:"status,omitempty"` // 0 if there was no answer
	Error    string        `json:"error,omitempty"`  // in the words of getWebhookInfo
	Took     time.Duration `json:"took_ns"`
	// Delivered says that the update is done, and Dropped that it is given up. If neither is
	// set, it is tried again.
	Delivered bool   `json:"delivered"`
	Dropped   bool   `json:"dropped,omitempty"`
	Reply     string `json:"reply,omitempty"`   // method of the webhook reply
	Refused   string `json:"refused,omitempty"` // why the reply was not executed
}

func lineOf(d *tghooktest.Delivery) Line {
	return Line{
		At: d.At, UpdateID: d.UpdateID, Kind: d.Kind, Attempt: d.Attempt, Status: d.Status, Error: d.Err, Took: d.Took,
		Delivered: d.Done, Dropped: d.Dropped, Reply: d.Reply, Refused: d.Refused,
	}
}

const (
	wait      = 50 * time.Second       // how long Telegram waits for an update
	pace      = 750 * time.Millisecond // between calls while updates are on their way
	callTime  = 30 * time.Second       // for a webhook reply
	endTime   = 10 * time.Second       // for the work at the end
	pause     = 3 * time.Second        // after an error
	slack     = 15 * time.Second       // how long a call may take beyond its wait
	conflicts = "another program polls with the same token: stop it, because each update goes to one of the two"
)

// Run passes updates on until ctx ends, which is not an error. It ends by itself if Telegram
// does not know the token, if someone sets a webhook, or if Record fails.
func Run(ctx context.Context, cfg Config) error {
	f := &forwarder{Config: cfg, changed: make(chan struct{}, 1)}
	restore, err := f.takeOver(ctx)
	if err != nil {
		return err
	}
	err = f.run(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, restore())
}

func (f *forwarder) run(ctx context.Context) (err error) {
	if f.courier, err = f.start(ctx); err != nil {
		return err
	}
	defer f.courier.Close()
	stop := f.courier.Server().Watch(f.watch)
	defer stop()
	err = f.poll(ctx)
	f.confirm()
	return err
}

// forwarder is a run.
type forwarder struct {
	Config

	courier *courier.Courier
	bot     string // id of the one of several bots that is of interest; empty if there is one alone
	window  window
	told    int64         // the offset of the last getUpdates
	changed chan struct{} // has a value if an update may be done
}

func (f *forwarder) start(ctx context.Context) (*courier.Courier, error) {
	cfg := courier.Config{Target: f.Target, MaxConnections: f.MaxConnections}
	execute := func(c tghooktest.Call) tghooktest.CallFault { return f.execute(ctx, c) }
	if f.Server == nil {
		cfg.Execute = execute
		return courier.Start(ctx, cfg)
	}
	server, err := f.Server(execute)
	if err != nil {
		return nil, err
	}
	f.bot, _, _ = strings.Cut(server.Token, ":")
	return courier.On(ctx, server, cfg)
}

// watch gets the events of the simulated Telegram, one at a time.
func (f *forwarder) watch(e tghooktest.Event) {
	if f.bot != "" && e.Kind != tghooktest.EventLost && strconv.FormatInt(e.Bot, 10) != f.bot {
		return
	}
	switch e.Kind {
	case tghooktest.EventDelivery:
		line := lineOf(e.Delivery)
		line.UpdateID = f.window.real(line.UpdateID)
		f.Deliver(line)
	case tghooktest.EventConfirmed, tghooktest.EventDropped, tghooktest.EventLost:
		select {
		case f.changed <- struct{}{}:
		default:
		}
	}
}

// poll gets updates and queues them until ctx or an error ends it.
func (f *forwarder) poll(ctx context.Context) error {
	for ctx.Err() == nil {
		offset, waiting := f.window.offset(f.courier.Server().PendingIDs())
		f.told = offset
		req := tghook.UpdatesRequest{Offset: offset}
		if waiting == 0 {
			req.Wait = wait
		}
		asking, cancel := context.WithTimeout(ctx, req.Wait+slack)
		updates, err := f.Bot.GetUpdates(asking, req)
		cancel()
		if err != nil {
			if err := f.rest(ctx, err); err != nil {
				return err
			}
			continue
		}
		for _, update := range updates {
			if err := f.queue(ctx, offset, update); err != nil {
				return err
			}
		}
		f.await(ctx)
	}
	return ctx.Err()
}

// await waits while updates are on their way, but not longer than pace.
func (f *forwarder) await(ctx context.Context) {
	late := time.NewTimer(pace)
	defer late.Stop()
	for {
		if _, waiting := f.window.offset(f.courier.Server().PendingIDs()); waiting == 0 {
			return
		}
		select {
		case <-f.changed:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// queue queues an update for the webhook, if it is new.
func (f *forwarder) queue(ctx context.Context, offset int64, update json.RawMessage) error {
	id, kind := idOf(update)
	if !f.window.isNew(id, offset) {
		return nil
	}
	if f.Record != nil {
		line, err := f.Scrubber.Update(update)
		if err != nil {
			return fmt.Errorf("record update %d: %w", id, err)
		}
		if _, err := f.Record.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("record update %d: %w", id, err)
		}
	}
	given, err := f.courier.Deliver(ctx, kind, update)
	if err != nil { // Telegram has it, so it is not lost yet; but it must not block the others
		f.Tell(fmt.Sprintf("update %d (%s) cannot be delivered, and is skipped: %s", id, kind, strings.TrimPrefix(err.Error(), "tghooktest: ")))
	}
	f.window.add(id, given)
	return nil
}

// idOf returns an update's id and kind.
func idOf(update []byte) (id int64, kind string) {
	gjson.ParseBytes(update).ForEach(func(name, value gjson.Result) bool {
		if name.String() == "update_id" {
			id = value.Int()
		} else {
			kind = name.String()
		}
		return true
	})
	return id, kind
}

// rest waits after an error of getUpdates. It returns an error that ends the run.
func (f *forwarder) rest(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	wait := pause
	var refused *tghook.APIError
	if errors.As(err, &refused) {
		switch {
		case refused.Code == http.StatusConflict && strings.Contains(refused.Description, "webhook"):
			return fmt.Errorf("someone has set a webhook for this bot, and Telegram sends the updates there: %w", err)
		case refused.Code == http.StatusConflict:
			err = errors.New(conflicts)
		case refused.Code == http.StatusUnauthorized, refused.Code == http.StatusNotFound:
			return fmt.Errorf("the token is not known to Telegram: %w", err)
		}
		wait = max(wait, refused.RetryAfter)
	}
	f.Tell(err.Error())
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	return nil
}

// confirm tells Telegram at the end which updates are done, so that they do not come again.
func (f *forwarder) confirm() {
	offset, _ := f.window.offset(f.courier.Server().PendingIDs())
	if offset == 0 || offset == f.told {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if _, err := f.Bot.GetUpdates(ctx, tghook.UpdatesRequest{Offset: offset, Limit: 1}); err != nil {
		f.Tell(fmt.Sprintf("the last updates could not be confirmed, and will come again: %v", err))
	}
}
