package webhook

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/redact"
)

// A Change is a difference between two states.
type Change struct {
	Field  string `json:"field"` // as getWebhookInfo names it
	Before string `json:"before"`
	After  string `json:"after"`
}

// String describes the change.
func (c Change) String() string { return fmt.Sprintf("%s: %s -> %s", c.Field, c.Before, c.After) }

const (
	none         = "none"
	defaultKinds = "Telegram's default"
)

// Changes returns what differs between two states.
func Changes(before, after Status) []Change {
	c := changes{}
	c.address(before, after.address)
	c.add("pending_update_count", strconv.Itoa(before.Pending), strconv.Itoa(after.Pending))
	c.add("ip_address", cmp.Or(before.IP, none), cmp.Or(after.IP, none))
	c.add("max_connections", strconv.Itoa(before.MaxConnections), strconv.Itoa(after.MaxConnections))
	c.add("has_custom_certificate", strconv.FormatBool(before.CustomCertificate), strconv.FormatBool(after.CustomCertificate))
	c.add("allowed_updates", kindsText(before.AllowedUpdates), kindsText(after.AllowedUpdates))
	c.add("last_error", before.failure(), after.failure())
	return c
}

// failure names the last error and its time, so that the same text again is a change.
func (s Status) failure() string {
	if s.LastError == nil {
		return none
	}
	return s.LastError.Error + ", at " + s.LastError.At.Format("15:04:05")
}

func kindsText(kinds []string) string {
	if len(kinds) == 0 {
		return defaultKinds
	}
	return strings.Join(slices.Sorted(slices.Values(kinds)), ",")
}

// Plan returns what a call of setWebhook will change, as far as getWebhookInfo can show it.
// local says that the call goes to a Bot API server with --local.
func Plan(now Status, req tghook.WebhookRequest, local bool) []Change {
	c := changes{}
	c.address(now, req.URL)
	usual := 40
	if local {
		usual = 100
	}
	c.add("max_connections", connections(now.MaxConnections), connections(cmp.Or(req.MaxConnections, usual)))
	c.add("has_custom_certificate", strconv.FormatBool(now.CustomCertificate), strconv.FormatBool(len(req.Certificate) > 0))
	if req.IPAddress != "" {
		c.add("ip_address", cmp.Or(now.IP, none), req.IPAddress)
	}
	if req.AllowedUpdates != nil {
		c.add("allowed_updates", kindsText(now.AllowedUpdates), kindsText(req.AllowedUpdates))
	}
	if req.DropPending && now.Pending > 0 {
		c.add("pending_update_count", strconv.Itoa(now.Pending), "0")
	}
	return c
}

func connections(n int) string {
	if n == 0 {
		return none
	}
	return strconv.Itoa(n)
}

type changes []Change

// address compares the whole addresses, and shows them without their secrets.
func (c *changes) address(before Status, after string) {
	if before.address != after {
		*c = append(*c, Change{"url", cmp.Or(before.URL, none), cmp.Or(redact.URL(after), none)})
	}
}

func (c *changes) add(field, before, after string) {
	if before != after {
		*c = append(*c, Change{field, before, after})
	}
}
