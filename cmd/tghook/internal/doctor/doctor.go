// Package doctor finds out why a webhook does not work. It asks the webhook's server as
// Telegram's sender would, and compares the answers with a table of diagnoses.
//
// # What it sends
//
// The probes that have to be updates are of a kind that Telegram does not have:
//
//	{"update_id":1234,
//	"tghook_doctor":{"note":"a probe of tghook doctor; nothing is to be done"}}
//
// A bot has to accept a kind that it does not know, because Telegram adds kinds. No chat and
// no user is in such an update, and a handler for messages, buttons or another kind does not
// run. grammY and telegraf ignore it. A library that tells of every update that nobody has
// handled writes a line in its log.
//
// The update_id is below 2,000,001, where Telegram's own begin. So it is never the id of a
// real update, and a bot that remembers the highest id that it has seen loses nothing.
//
// Nothing broken is sent, because there are servers whose process ends when they get a body
// that is not JSON.
package doctor

import (
	"context"
	"crypto/x509"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/redact"
)

// Config configures an examination. URL or Client is required.
type Config struct {
	URL    string // the webhook's address; if empty, the one that is set
	Secret string // that the webhook checks; if empty, probes have none
	// Client asks Telegram for the state of the webhook. If nil, Telegram is not asked.
	Client *tghook.Client
	// Ahead returns how far Telegram's clock was ahead of this machine's at the last call of
	// Client. It may be nil.
	Ahead func() (time.Duration, bool)
	// Local allows what a Bot API server with --local allows: http, and any port and address.
	Local bool
	// Certificate is the PEM file that was uploaded with setWebhook, if one was.
	Certificate []byte
	// Kinds are the kinds of update that the bot handles. If empty, allowed_updates are not
	// judged.
	Kinds []string
	// Update is posted once in place of the first probe, if set. The bot handles it. So the
	// time that this takes and the reply can be judged.
	Update []byte
	// Dry sends no update, and does not disturb a program that polls.
	Dry bool
	// Quick leaves out what takes a minute.
	Quick bool
	// Progress is told what is being done. It may be nil. It is called by one goroutine at a
	// time.
	Progress func(text string)

	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	dial    func(ctx context.Context, addr netip.AddrPort) (net.Conn, error)
	roots   *x509.CertPool // nil: the system's
	times   times
}

// times are the durations of the probes.
type times struct {
	connect time.Duration // for a connection with its TLS handshake
	answer  time.Duration // that Telegram waits for an answer
	late    time.Duration // an answer after that is late
	idle    time.Duration // that Telegram keeps an idle connection
	early   time.Duration // to wait for an answer to half an update
	look    time.Duration // between two looks at getWebhookInfo
	looks   int
	poll    time.Duration // of the poll that finds another one
	skew    time.Duration // that clocks may differ
}

var (
	telegramTimes = times{
		connect: 20 * time.Second, answer: 60 * time.Second, late: 10 * time.Second, idle: 60 * time.Second,
		early: 2 * time.Second, look: 10 * time.Second, looks: 6, poll: 10 * time.Second, skew: 30 * time.Second,
	}
	quickTimes = times{
		connect: 5 * time.Second, answer: 15 * time.Second, late: 10 * time.Second,
		early: time.Second, look: 2 * time.Second, looks: 3, poll: 5 * time.Second, skew: 30 * time.Second,
	}
)

func (cfg Config) withDefaults() Config {
	if cfg.times == (times{}) {
		cfg.times = telegramTimes
		if cfg.Quick {
			cfg.times = quickTimes
		}
	}
	if cfg.resolve == nil {
		cfg.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if cfg.dial == nil {
		cfg.dial = func(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr.String())
		}
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	return cfg
}

// Examine examines a webhook. The error is that of ctx.
func Examine(ctx context.Context, cfg Config) (Report, error) {
	begin := time.Now()
	x := &exam{Config: cfg.withDefaults()}
	x.id.Store(1 + rand.Int64N(1_000_000)) //nolint:gosec // it has to be small, not secret
	x.run(ctx)
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	r := x.report()
	r.Took = time.Since(begin).Round(time.Millisecond).Seconds()
	return r, nil
}

// exam holds the findings of the probes of one examination. Each probe writes its own fields.
type exam struct {
	Config

	id     atomic.Int64 // of the last probe that is an update
	target target
	wrong  string // why the target cannot be used; empty if it can

	found    []netip.Addr // what the host resolves to
	foundErr error
	contacts []contact

	delivery  answer        // of an update with the secret, or without one if none is known
	second    answer        // of another one on the same connection
	closed    time.Duration // how long an idle connection was kept, if the server closed it
	idled     bool          // a connection was left idle
	noSecret  answer        // of an update without a secret
	badSecret answer        // of an update with another secret
	large     answer        // of an update of nearly 1 MiB
	half      answer        // of an update of which half was sent
	plain     answer        // of an update that says that it is text
	burst     []answer

	telegram state
}

// Names that appear in several places.
const (
	withSecret    = "an update with the secret"
	withoutSecret = "an update without a secret"
)

// clean returns text without secrets. A secret that is so short that it is found in
// other text too stays: everybody can guess it.
func (x *exam) clean(text string) string {
	const short = 6
	if len(x.Secret) >= short {
		text = strings.ReplaceAll(text, x.Secret, "<secret>")
	}
	return redact.Tokens(redact.URL(text))
}

// has reports whether the probe was made.
func (a *answer) has() bool { return a.asked != "" }
