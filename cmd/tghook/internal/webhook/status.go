// Package webhook shows the state of a bot's webhook, and what changes in it. The state is
// what getWebhookInfo tells; Telegram does not tell the secret.
package webhook

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/lasterror"
	"github.com/tghook/tghook/internal/redact"
	"github.com/tghook/tghook/tghooktest"
)

// Status is the state of a webhook at one time.
type Status struct {
	At  time.Time `json:"at"`
	Bot tghook.Me `json:"bot"`
	Set bool      `json:"set"`
	URL string    `json:"url"`
	IP  string    `json:"ip_address,omitempty"`

	Pending           int  `json:"pending_update_count"`
	MaxConnections    int  `json:"max_connections,omitempty"`
	CustomCertificate bool `json:"has_custom_certificate"`

	LastError            *LastError `json:"last_error,omitempty"`
	SynchronizationError time.Time  `json:"last_synchronization_error,omitzero"`

	AllowedUpdates []string `json:"allowed_updates"` // empty for Telegram's default
	Missing        []string `json:"missing_updates"` // the kinds that Telegram does not send

	address string // URL with its secrets
}

// LastError is the newest failure to deliver an update.
type LastError struct {
	lasterror.Explanation

	At  time.Time `json:"at"`
	Age string    `json:"age"`
}

// StatusOf returns the state that Telegram has told at a time. An address in it has no
// password and no token.
func StatusOf(bot tghook.Me, info tghook.WebhookInfo, at time.Time) Status {
	s := Status{
		At: at.UTC(), Bot: bot, Set: info.URL != "", URL: redact.URL(info.URL), address: info.URL, IP: info.IPAddress,
		Pending: info.PendingUpdateCount, MaxConnections: info.MaxConnections, CustomCertificate: info.HasCustomCertificate,
		AllowedUpdates: slices.Sorted(slices.Values(info.AllowedUpdates)), Missing: Missing(info.AllowedUpdates, Kinds()),
	}
	if info.LastErrorDate > 0 {
		when := time.Unix(info.LastErrorDate, 0).UTC()
		about, _ := lasterror.Explain(info.LastErrorMessage)
		s.LastError = &LastError{about, when, Age(at.Sub(when))}
	}
	if info.LastSynchronizationErrorDate > 0 {
		s.SynchronizationError = time.Unix(info.LastSynchronizationErrorDate, 0).UTC()
	}
	return s
}

// optIn are the kinds that Telegram sends only to a bot that asks for them.
var optIn = []string{"chat_member", "message_reaction", "message_reaction_count"}

// Kinds returns the kinds of update that Telegram has.
func Kinds() (kinds []string) {
	for name := range tghooktest.Updates() {
		if name != "message_large" {
			kinds = append(kinds, name)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// Missing returns those of the wanted kinds that a bot with these allowed_updates does not
// get. No allowed_updates are Telegram's default.
func Missing(allowed, wanted []string) []string {
	missing := []string{}
	for _, kind := range wanted {
		sent := slices.Contains(allowed, kind)
		if len(allowed) == 0 {
			sent = !slices.Contains(optIn, kind)
		}
		if !sent {
			missing = append(missing, kind)
		}
	}
	return missing
}

// Age returns a duration in words: "3 minutes".
func Age(d time.Duration) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d < time.Second:
		return "less than a second"
	case d < 2*time.Minute:
		return count(int(d/time.Second), "second")
	case d < 2*time.Hour:
		return count(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return count(int(d/time.Hour), "hour")
	}
	return count(int(d/(24*time.Hour)), "day")
}

// Text returns the state as a page for people.
func (s Status) Text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-16s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("bot", "%s", s.name())
	if s.Set {
		line("url", "%s", s.URL)
		line("secret", "unknown: Telegram does not tell whether there is one")
		line("certificate", "%s", s.certificate())
		line("ip_address", "%s", cmp.Or(s.IP, "unknown"))
		line("max_connections", "%d", s.MaxConnections)
	} else {
		line("url", "none: no webhook is set, so the bot has to poll (getUpdates). To set one: tghook set --url URL")
	}
	line("pending", "%s", s.pending())
	line("allowed_updates", "%s", s.allowed())
	if len(s.Missing) > 0 {
		line("not sent", "%s", strings.Join(s.Missing, ", "))
	}
	s.errorText(line)
	return strings.TrimRight(b.String(), "\n")
}

func (s Status) name() string {
	if s.Bot.Username == "" {
		return strconv.FormatInt(s.Bot.ID, 10)
	}
	return fmt.Sprintf("@%s (%d)", s.Bot.Username, s.Bot.ID)
}

func (s Status) certificate() string {
	if s.CustomCertificate {
		return "uploaded with setWebhook: Telegram trusts no other"
	}
	return "of a public authority"
}

func (s Status) pending() string {
	switch {
	case s.Pending == 0:
		return "0"
	case !s.Set:
		return fmt.Sprintf("%d, waiting for getUpdates or a webhook", s.Pending)
	}
	return fmt.Sprintf("%d, waiting to be delivered", s.Pending)
}

func (s Status) allowed() string {
	if len(s.AllowedUpdates) == 0 {
		return "Telegram's default: all kinds but those that a bot has to ask for"
	}
	return strings.Join(s.AllowedUpdates, ", ")
}

func (s Status) errorText(line func(name, format string, args ...any)) {
	if !s.SynchronizationError.IsZero() {
		line("synchronization", "failed %s ago: Telegram could not fetch updates from its own data centres; nothing to mend on your side", Age(s.At.Sub(s.SynchronizationError)))
	}
	if s.LastError == nil {
		line("last error", "none since the webhook was set")
		return
	}
	line("last error", "%s, %s ago", s.LastError.Error, s.LastError.Age)
	if s.LastError.Meaning != "" {
		line("  it means", "%s", s.LastError.Meaning)
		line("  to mend it", "%s", s.LastError.Mend)
	}
	line("  note", "%s", "the error stays here after later successes, until the webhook is set again")
}
