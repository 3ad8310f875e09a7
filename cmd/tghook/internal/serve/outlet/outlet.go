// Package outlet posts updates to a bot's URL, in the way of Telegram's own sender.
package outlet

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// Config configures an Outlet.
type Config struct {
	Bot    int64
	Target config.Target
	// Allow, if not nil, are the only addresses that are not public to which the Outlet
	// connects. If nil, it connects to any address.
	Allow []netip.Prefix
	// Observe gets each attempt. It must not block.
	Observe func(context.Context, Attempt)
}

// Attempt is a request to the bot.
type Attempt struct {
	Update   *tghook.Update
	Number   int // from 1
	At       time.Time
	Took     time.Duration
	Exchange *storage.Exchange // without secrets
	Status   int               // 0 if there was no answer
	Reply    string            // the method of the webhook reply
	Refused  string            // why the reply is not executed
	Err      error             // nil if the bot took the update
	// Unreachable says that the update was not sent: the bot does not listen, for example.
	Unreachable bool
}

// Outlet posts the updates of one bot to one URL. Every method may be called concurrently.
type Outlet struct{}

// New returns an Outlet. Close it.
func New(cfg Config) (*Outlet, error) { return nil, errors.New("not written") }

// Deliver posts an update, and returns the webhook reply of the answer. It is a handler of
// [tghook.Consume].
func (o *Outlet) Deliver(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	return tghook.NoReply, nil
}

// Status tells how the bot is.
type Status struct {
	Window  int       // how many requests may be under way now
	Busy    int       // how many are
	Waiting int       // updates that wait for their turn
	Down    bool      // the bot does not answer, and is asked again from time to time
	Since   time.Time // since when Down
	Problem string    // why, without secrets
}

// Status returns how the bot is now.
func (o *Outlet) Status() Status { return Status{} }

// Close closes the connections that are not in use.
func (o *Outlet) Close() {}
