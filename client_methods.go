package tghook

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/tghook/tghook/internal/envelope"
)

// Me is what getMe tells of a bot.
type Me struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name"`
	Username  string `json:"username"`
}

// GetMe asks who the bot is.
func (c *Client) GetMe(ctx context.Context) (Me, error) {
	var me Me
	err := c.Call(ctx, "getMe", nil, &me)
	return me, err
}

// WebhookInfo is what Telegram tells of a bot's webhook
// (https://core.telegram.org/bots/api#webhookinfo). The secret is never told.
type WebhookInfo struct {
	URL                          string   `json:"url"` // empty: none is set
	HasCustomCertificate         bool     `json:"has_custom_certificate"`
	PendingUpdateCount           int      `json:"pending_update_count"`
	IPAddress                    string   `json:"ip_address"`
	LastErrorDate                int64    `json:"last_error_date"`    // Unix time; not cleared by a later success
	LastErrorMessage             string   `json:"last_error_message"` // not cleared by a later success
	LastSynchronizationErrorDate int64    `json:"last_synchronization_error_date"`
	MaxConnections               int      `json:"max_connections"`
	AllowedUpdates               []string `json:"allowed_updates"` // nil: Telegram's default
}

// GetWebhookInfo asks how the webhook stands.
func (c *Client) GetWebhookInfo(ctx context.Context) (WebhookInfo, error) {
	var info WebhookInfo
	err := c.Call(ctx, "getWebhookInfo", nil, &info)
	return info, err
}

const dropPending = "drop_pending_updates"

// DeleteWebhook removes the webhook, and with drop what waits to be delivered.
func (c *Client) DeleteWebhook(ctx context.Context, drop bool) error {
	params := map[string]bool{}
	if drop {
		params[dropPending] = true
	}
	return c.Call(ctx, "deleteWebhook", params, nil)
}

// UpdatesRequest is what getUpdates is asked
// (https://core.telegram.org/bots/api#getupdates).
type UpdatesRequest struct {
	// Offset confirms all updates with a smaller id: Telegram forgets them.
	Offset int64
	// Limit is how many updates are wanted, 1 to 100. Default: 100.
	Limit int
	// Wait is how long Telegram waits for an update to come, in whole seconds up to
	// 50. Default: not at all.
	Wait time.Duration
	// AllowedUpdates, unless nil, sets which kinds the bot gets from now on; empty is
	// Telegram's default.
	AllowedUpdates []string
}

// GetUpdates takes updates, in the form that [ParseUpdate] reads.
func (c *Client) GetUpdates(ctx context.Context, req UpdatesRequest) ([]json.RawMessage, error) {
	params := map[string]any{}
	if req.Offset != 0 {
		params["offset"] = req.Offset
	}
	if req.Limit != 0 {
		params["limit"] = req.Limit
	}
	if req.Wait != 0 {
		params["timeout"] = int(req.Wait / time.Second)
	}
	if req.AllowedUpdates != nil {
		params["allowed_updates"] = req.AllowedUpdates
	}
	result, err := c.ask(ctx, "getUpdates", params)
	if err != nil {
		return nil, err
	}
	updates := []json.RawMessage{}
	err = envelope.Elements(result, func(update []byte) {
		updates = append(updates, bytes.Clone(update)) // one that is kept does not keep all
	})
	if err != nil {
		return nil, c.undecoded("getUpdates", err)
	}
	return updates, nil
}
