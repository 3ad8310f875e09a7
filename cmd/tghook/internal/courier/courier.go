// Package courier delivers updates to a webhook as Telegram does: with its connections, its
// order in each queue, its retries, and its webhook replies. The simulated Telegram of
// tghooktest does the work.
package courier

import (
	"context"
	"fmt"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// Config configures a Courier.
type Config struct {
	Target *wire.Target
	// MaxConnections is how many requests may be under way at once. If zero, 40, which is
	// Telegram's default.
	MaxConnections int
	// Execute, if set, executes a webhook reply. If nil, the simulated Telegram does, which
	// knows the chats of the updates alone.
	Execute func(tghooktest.Call) tghooktest.CallFault
	// Observe, if set, gets each attempt after its end. It must not block.
	Observe func(tghooktest.Delivery)
}

// Courier delivers updates to one webhook.
type Courier struct {
	server *tghooktest.Server
	bot    *tghook.Client
	hook   tghook.WebhookRequest
	known  map[string]bool // kinds that have a name
	all    bool            // all known kinds are allowed, but no unknown one
}

const (
	maxConnections = 40
	patience       = 10 * time.Second
)

// Start starts a Courier. Close ends it.
func Start(ctx context.Context, cfg Config) (*Courier, error) {
	server, err := tghooktest.Start(tghooktest.ServerConfig{
		WebhookHosts: []string{cfg.Target.Host()}, AllowRefusedReplies: true, Warn: func(string) {}, Observe: cfg.Observe,
	})
	if err != nil {
		return nil, err
	}
	c, err := On(ctx, server, cfg)
	if err != nil {
		server.Close()
	}
	return c, err
}

// On is Start on a Server, which delivers to the Target's host. It leaves out Observe. Close
// closes the Server.
func On(ctx context.Context, server *tghooktest.Server, cfg Config) (*Courier, error) {
	bot, err := tghook.NewClient(server.Token, tghook.ClientConfig{BaseURL: server.URL, HTTP: server.Client(), Local: true, Patience: patience})
	if err != nil {
		return nil, err
	}
	c := &Courier{server: server, bot: bot, known: map[string]bool{}, all: true}
	for name := range tghooktest.Updates() {
		c.known[name] = true
	}
	target := cfg.Target.Config()
	c.hook = tghook.WebhookRequest{
		URL: target.URL, SecretToken: target.Secret, InsecureNoSecret: target.Secret == "",
		MaxConnections: cfg.MaxConnections, Certificate: target.Certificate,
	}
	if c.hook.MaxConnections == 0 {
		c.hook.MaxConnections = maxConnections
	}
	if cfg.Execute != nil {
		server.OnCall(func(call tghooktest.Call) (f tghooktest.CallFault) {
			if call.Reply {
				f = cfg.Execute(call)
			}
			return f
		})
	}
	if err := c.allow(ctx, true); err != nil {
		return nil, fmt.Errorf("deliver to %s: %w", cfg.Target, err)
	}
	return c, nil
}

// Close ends all deliveries. Those under way are not observed.
func (c *Courier) Close() { c.server.Close() }

// Server returns the simulated Telegram.
func (c *Courier) Server() *tghooktest.Server { return c.server }

// Deliver queues an update and returns its id. That is its own update_id, unless a higher one
// was delivered before. Deliver is not for several goroutines at once.
func (c *Courier) Deliver(ctx context.Context, kind string, update []byte) (int64, error) {
	if known := c.known[kind]; known != c.all {
		if err := c.allow(ctx, known); err != nil {
			return 0, err
		}
	}
	return c.server.Deliver(update)
}

// allow sets the webhook with all known kinds of update, or with Telegram's default, to which
// belong the kinds that are not known yet.
func (c *Courier) allow(ctx context.Context, all bool) error {
	c.hook.AllowedUpdates = []string{}
	if all {
		for name := range c.known {
			c.hook.AllowedUpdates = append(c.hook.AllowedUpdates, name)
		}
	}
	if err := c.bot.SetWebhook(ctx, c.hook); err != nil {
		return err
	}
	c.all = all
	return nil
}
