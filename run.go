package tghook

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/redact"
)

// RunConfig is how [Run] receives: by webhook where URL is set, else by long poll,
// for which whatever is said of the webhook counts for nothing. The zero value of
// each other field is its default; only Token has none, and need not be given with
// KeepWebhook. It is printed without what is secret in it.
type RunConfig struct { //nolint:recvcheck // what prints it has to print values too
	// Token is the bot's, from @BotFather.
	Token string
	// URL is where Telegram is to send updates, as the world sees it. Empty: poll.
	URL string
	// Listen is the address to serve at: host:port, or the absolute path of a unix
	// socket. Default: the port that the environment variable PORT names, as Heroku
	// and Cloud Run set it, else with TLS the port of URL, and 8080 without. By long
	// poll, Run serves HealthPath where Listen or PORT is set, by plain HTTP, and does
	// not listen otherwise.
	Listen string
	// Path is where updates are served, if a proxy changes the URL's: as it stands in
	// a URL. Default: the path of URL.
	Path string
	// HealthPath is answered 200, and 503 once ctx has ended. By long poll it is
	// answered 503 also when getUpdates has not been answered for a minute more than
	// Poll.Wait, and says when it last was. Default: /healthz.
	HealthPath string
	// Webhook says how updates are checked and handled. Its Dispatch is the poll's
	// too. Without a Secret one is derived from Token and URL, see [SecretFor].
	Webhook Config
	// Poll is used where URL is empty. Its Dispatch must not be set.
	Poll PollConfig
	// Client is how the Bot API is reached. With a Patience the start fails when
	// setWebhook has failed for so long. Without one it goes on trying until Telegram
	// itself says no, as a poll does, and logs each failure.
	Client ClientConfig
	// KeepWebhook serves without telling Telegram anything: the webhook is set by
	// somebody else. No Token is needed then, and no URL.
	KeepWebhook bool
	// DropPending forgets all updates that wait when Run is called.
	DropPending bool
	// AllowedUpdates are the kinds that the bot is to get. Default: those of the
	// handler's method AllowedUpdates, as [Kinds] has it, else as they were.
	AllowedUpdates []string
	// MaxConnections and IPAddress are as in [WebhookRequest].
	MaxConnections int
	IPAddress      string
	// CertFile and KeyFile serve TLS with a certificate, which is read once; TLS
	// serves it with what you like. Default: plain HTTP, for a proxy in front.
	CertFile, KeyFile string
	TLS               *tls.Config
	// Certificate is uploaded, where no public authority has issued the one that is
	// served: see [WebhookRequest]. It is set again at each start.
	Certificate []byte
	// SelfSigned serves TLS with a certificate that Run makes for the host of URL
	// and uploads. It is another one at each start, so that one process only may
	// serve: replicas need CertFile, KeyFile and Certificate.
	SelfSigned bool
	// DrainDelay is how long Run goes on serving when ctx has ended, while HealthPath
	// is answered 503, before Grace begins. It gives a load balancer the time to send
	// requests elsewhere. It does not count for a poll. If zero, Run does not wait.
	DrainDelay time.Duration
	// Grace is how long Run waits, once ctx has ended, for what is not answered; it
	// takes a second more to close. Default: 8 seconds, since many platforms kill
	// after ten.
	Grace time.Duration

	read *environment // nil unless FromEnv made it
}

const defaultHealthPath = "/healthz"

// Run receives updates until ctx ends, which is for the caller to tie to SIGINT
// and SIGTERM with [os/signal.NotifyContext]. It returns nil then, and an error
// sooner if it cannot go on. Handlers find the values of ctx in theirs.
//
// With a URL it listens, sets the webhook, and serves. Whatever is wrong at this
// end (a mistake in cfg, a port that is taken, a certificate that cannot be read, a
// host that does not resolve) is an error before Telegram is told anything. In the
// end it drains, and leaves the webhook as it is: the next start goes on from there.
//
// The parts of it are to be had one by one: see [Mount].
func Run(ctx context.Context, h Handler, cfg RunConfig) error {
	m, err := Mount(h, cfg)
	if err != nil {
		return err
	}
	if m.poller != nil && cfg.Listen == "" && os.Getenv("PORT") == "" {
		return m.Receive(ctx)
	}
	listener, err := m.Listen(ctx)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	return m.serve(ctx, listener)
}

func (c RunConfig) withDefaults() RunConfig {
	if c.Webhook.Secret == "" && !c.Webhook.InsecureNoSecret && c.URL != "" && c.Token != "" {
		c.Webhook.Secret = SecretFor(c.Token, c.URL)
	}
	if c.Listen == "" {
		port := "8080"
		if c.servesTLS() {
			port = cmp.Or(c.public().Port(), "443")
		}
		c.Listen = ":" + cmp.Or(os.Getenv("PORT"), port)
	}
	c.Path = c.path().Path
	c.HealthPath = cmp.Or(c.HealthPath, defaultHealthPath)
	c.Grace = cmp.Or(c.Grace, defaultGrace)
	return c
}

// polls reports whether updates come by long poll.
func (c RunConfig) polls() bool { return c.URL == "" && !c.KeepWebhook }

// servesTLS reports whether TLS is served.
func (c RunConfig) servesTLS() bool { return !c.polls() && c.waysOfTLS() > 0 }

// path is where updates are served; it is empty if Path is a mistake.
func (c RunConfig) path() *url.URL {
	target, err := url.ParseRequestURI(cmp.Or(c.Path, c.public().EscapedPath(), "/"))
	if err != nil {
		return &url.URL{}
	}
	return target
}

// request is what setWebhook is asked.
func (c RunConfig) request() WebhookRequest {
	return WebhookRequest{
		URL: c.URL, Certificate: c.Certificate, Reset: true, IPAddress: c.IPAddress, MaxConnections: c.MaxConnections,
		DropPending: c.DropPending, SecretToken: c.Webhook.Secret,
		InsecureNoSecret: c.Webhook.InsecureNoSecret || c.Webhook.Secret == "", // the latter is a mistake of Config.Secret
	}
}

// public is URL, or empty if that is none, which is a mistake.
func (c RunConfig) public() *url.URL {
	public, err := url.Parse(c.URL)
	if err != nil {
		return &url.URL{}
	}
	return public
}

// mistakes are those that are mistakes for the poll too: what is to fail in
// production had better fail on the laptop.
func (c RunConfig) mistakes() (errs []error) {
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{"RunConfig." + field, problem})
		}
	}
	where := "" // "Path", if that says where updates are served
	if c.Path != c.public().Path {
		where = "Path"
	}
	_, err := url.Parse(c.URL)
	add(err != nil, "URL", "is no URL: give one such as https://bot.example.org/telegram")
	add(c.public().Fragment != "", "URL", "has a fragment, which Telegram would send as a part of the path: leave it out")
	add(!strings.HasPrefix(c.Path, "/"), "Path", "must begin with a slash, and be written as in a URL")
	add(!strings.HasPrefix(c.HealthPath, "/"), "HealthPath", "must begin with a slash")
	add(c.HealthPath == c.Path && c.HealthPath != defaultHealthPath, "HealthPath", "is where updates are served: give another")
	add(c.HealthPath == defaultHealthPath && c.Path == defaultHealthPath, cmp.Or(where, "URL"), "has the path /healthz, which is HealthPath: give another")
	add(c.DropPending && c.KeepWebhook, "DropPending", "cannot be told to Telegram with KeepWebhook")
	add(c.DrainDelay < 0, "DrainDelay", "is negative: give a duration, or 0 not to wait")
	add(strings.HasPrefix(c.Listen, "/") && len(c.Webhook.AllowedSources) > 0, "Webhook.AllowedSources",
		"lets nobody in on a unix socket, where a peer has no address: check the source in the proxy, or set Listen to host:port")
	add(c.Grace < 0, "Grace", "is negative: give a duration, or 0 for 8 seconds")
	add(!reflect.ValueOf(c.Poll.Dispatch).IsZero(), "Poll.Dispatch", "is not used: set Webhook.Dispatch, which is the poll's too")
	errs = append(errs, c.mistakesOfTLS()...)
	return append(errs, mistakesInAllowed("RunConfig.AllowedUpdates", c.AllowedUpdates)...)
}

func (c RunConfig) mistakesOfTLS() (errs []error) {
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{"RunConfig." + field, problem})
		}
	}
	add(c.CertFile == "" && c.KeyFile != "", "KeyFile", "is given without CertFile (TELEGRAM_CERT_FILE): give both, or none")
	add(c.CertFile != "" && c.KeyFile == "", "CertFile", "is given without KeyFile (TELEGRAM_KEY_FILE): give both, or none")
	add(c.SelfSigned && c.waysOfTLS() > 1, "SelfSigned", "is given with another certificate: give one of CertFile with KeyFile, TLS, and SelfSigned")
	add(!c.SelfSigned && c.waysOfTLS() > 1, "TLS", "is given with CertFile and KeyFile: give one of them")
	add(c.TLS != nil && len(c.TLS.Certificates) == 0 && c.TLS.GetCertificate == nil && c.TLS.GetConfigForClient == nil,
		"TLS", "has no certificate: set Certificates or GetCertificate")
	add(c.SelfSigned && len(c.Certificate) > 0, "Certificate", "is made by SelfSigned: give one of them")
	add(c.SelfSigned && c.KeepWebhook, "SelfSigned", "cannot be uploaded with KeepWebhook")
	add(c.SelfSigned && c.public().Scheme == "http", "SelfSigned", "serves TLS, and the URL begins with http://: give one with https://")
	return errs
}

func (c RunConfig) waysOfTLS() (ways int) {
	for _, given := range []bool{c.CertFile != "" || c.KeyFile != "", c.TLS != nil, c.SelfSigned} {
		if given {
			ways++
		}
	}
	return ways
}

func (c RunConfig) pollConfig() PollConfig {
	poll := c.Poll
	poll.Dispatch = c.Webhook.Dispatch
	poll.DropPending = poll.DropPending || c.DropPending
	if poll.AllowedUpdates == nil {
		poll.AllowedUpdates = c.AllowedUpdates
	}
	poll.Grace = cmp.Or(poll.Grace, max(c.Grace, 0)) // a negative one is named already
	return poll
}

// String names the bot and how its updates come, and nothing that is secret.
func (c RunConfig) String() string {
	bot, _ := botOf(c.Token)
	by := "webhook"
	if c.polls() {
		by = "long poll"
	}
	return fmt.Sprintf("RunConfig of bot %d, by %s", bot, by)
}

// GoString is String.
func (c RunConfig) GoString() string { return c.String() }

// Format implements [fmt.Formatter]: String, or with %+v and %#v the fields that are
// set, without the token and the secrets.
func (c RunConfig) Format(f fmt.State, verb rune) {
	if verb == 'v' && (f.Flag('+') || f.Flag('#')) {
		redact.Format(f, c)
		return
	}
	_, _ = io.WriteString(f, c.String())
}

// LogValue implements [slog.LogValuer]: the fields that are set, without the token and
// the secrets.
func (c RunConfig) LogValue() slog.Value { return redact.LogValue(c) }

// MarshalJSON implements [json.Marshaler]: the fields that are set, without the token
// and the secrets.
func (c RunConfig) MarshalJSON() ([]byte, error) { return redact.MarshalJSON(c) }
