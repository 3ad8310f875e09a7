// Package gateway passes updates from Telegram on to bots. Each update is in the storage before
// Telegram is answered. From there it is posted to the URL of its bot, in order for each chat,
// until the bot has taken it.
package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// Gateway passes updates on. Every method may be called concurrently.
type Gateway struct{}

// ErrNoBot says that there is no bot with the name, or that it has no such target.
var ErrNoBot = errors.New("there is no such bot")

// ServeHTTP takes the webhooks of all bots.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// Ready returns why the gateway is not ready to take updates; nil if it is.
func (g *Gateway) Ready(ctx context.Context) error { return nil }

// Bots tells of all bots, in the order of their names.
func (g *Gateway) Bots() []BotStatus { return nil }

// Bot tells of the bot with the name.
func (g *Gateway) Bot(name string) (BotStatus, error) { return BotStatus{}, ErrNoBot }

// SetPaused pauses a bot, or resumes it. The updates of a paused bot are kept and not posted. It
// holds for all gateways and over restarts.
func (g *Gateway) SetPaused(ctx context.Context, name string, paused bool) error { return nil }

// DeadLetters returns dead letters of a target, as [tghook.Letters] does.
func (g *Gateway) DeadLetters(ctx context.Context, name, target string, after int64, limit int) ([]tghook.DeadLetter, error) {
	return nil, nil
}

// Replay puts a dead letter back into its lane. If edited is not nil, it takes the place of the
// update. If there is no such dead letter, the error wraps [tghook.ErrNoDeadLetter].
func (g *Gateway) Replay(ctx context.Context, name, target string, id int64, edited json.RawMessage) error {
	return nil
}

// Discard removes a dead letter.
func (g *Gateway) Discard(ctx context.Context, name, target string, id int64) error { return nil }

// Send posts an update to a target once more, behind what waits in its lane. The update may be any
// that has an integer update_id.
func (g *Gateway) Send(ctx context.Context, name, target string, update json.RawMessage) error {
	return nil
}

// Add adds a bot, or replaces one that was added before, and keeps it over restarts. spec is the
// JSON of a bot as it stands in the file. Mistakes are a [config.Mistakes].
func (g *Gateway) Add(ctx context.Context, name string, spec []byte) error { return nil }

// Remove removes a bot that was added, and its webhook. Updates that wait stay in the storage. If
// the bot is in the file, the error is [ErrInFile].
func (g *Gateway) Remove(ctx context.Context, name string) error { return nil }

// ErrInFile says that a bot is in the configuration file, so that only the file can change it.
var ErrInFile = errors.New("the bot is in the configuration file: change it there")

var _ = config.Webhook
