package gateway

import (
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
)

// BotStatus is how a bot is. It has no secrets.
type BotStatus struct {
	Name    string
	ID      int64
	Receive config.Receive
	Added   bool // over the admin API
	Paused  bool
	// Targets has the bot's own URL first, and then its copies.
	Targets []TargetStatus
	Webhook WebhookStatus
}

// TargetStatus is how a URL of a bot is.
type TargetStatus struct {
	Name   string // empty for the bot's own URL
	URL    string // without a password
	Outlet outlet.Status
	// Queue has what waits for the target. It is counted every few seconds, at Counted.
	Queue   tghook.QueueState
	Counted time.Time
}

// WebhookStatus is what Telegram says of a bot, as the gateway that cares for the bot has heard.
type WebhookStatus struct {
	Here      bool      // this gateway cares for the bot
	CheckedAt time.Time // zero if Telegram has not been asked yet
	URL       string
	Pending   int
	LastError string
	ErrorAt   time.Time
	Problem   string // why the webhook could not be set, or the poll fails; empty if all is well

	problemUntil time.Time // Telegram has asked to wait until then
}
