// Package config reads the configuration file of tghook serve.
package config

import (
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Config is a configuration that was read and checked. All defaults are filled in, and secrets
// are read. It must not be changed.
type Config struct {
	// URL is the address by which Telegram reaches the gateway. It is nil if all bots poll.
	URL *url.URL
	// Listen is where webhooks come in, as host:port.
	Listen string
	// TLS has the certificate of Listen. It is zero if Listen serves HTTP.
	TLS TLS
	// TrustedProxies are the proxies whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Sources are the addresses from which webhooks may come. If empty, any.
	Sources []netip.Prefix
	// API is the base URL of the Bot API. LocalAPI says that it is a server of your own.
	API      string
	LocalAPI bool

	Storage     Storage
	History     History
	DeadLetters Retention
	Status      Status
	Admin       Admin
	Page        Page
	Log         Log

	// Bots are the bots of the file, in the order of their names.
	Bots []*Bot

	files   []string
	sources map[string]source // where secrets and certificates come from, by field
}

// Files returns the files that the configuration was read from: the file itself, and those of
// secrets and certificates, as absolute paths. If one changes, the configuration may have changed.
func (c *Config) Files() []string { return slices.Clone(c.files) }

// TLS names the files of a certificate and its key, in PEM.
type TLS struct{ Certificate, Key string }

// Storage says where updates are kept until a bot has taken them.
type Storage struct {
	// Path is the folder of SQLite's files. It is empty if PostgreSQL is set.
	Path string
	// Postgres is the connection string of a PostgreSQL database, and Schema its schema.
	Postgres, Schema string
	// MaxSize is how many bytes the waiting updates, the dead letters and the ids of handled
	// updates may take. If there are more, Telegram is answered 503.
	MaxSize int64
}

// Retention says how long something is kept. Zero is no bound.
type Retention struct {
	Age     time.Duration
	MaxSize int64 // bytes
}

// History says which of the past is kept for the page.
type History struct {
	Retention

	// On says whether there is a history.
	On bool
	// Bodies says whether it has the bodies of updates, answers and calls.
	Bodies bool
}

// Status is where /healthz, /readyz and /metrics are. An empty Listen serves none of them.
type Status struct{ Listen string }

// Admin is the admin API. An empty Listen turns it off.
type Admin struct {
	Listen string
	Token  string // that a request needs
	Key    []byte // encrypts the tokens of bots that are added by the API
	// Allow are addresses that bots' URLs may lead to if they come over the API, besides
	// public ones.
	Allow []netip.Prefix
}

// Page is the page in the browser. An empty Listen turns it off.
type Page struct {
	Listen   string
	Password string
	// Header is the header by which a reverse proxy names the user. It counts only from
	// Proxies. It is empty if the page has a password.
	Header  string
	Proxies []netip.Prefix
}

// Log says what is logged.
type Log struct {
	Level slog.Level
	JSON  bool
	// Contents says whether log lines may have the contents of updates.
	Contents bool
}

// Receive says how the updates of a bot come in.
type Receive string

// The ways in.
const (
	Webhook Receive = "webhook"
	Poll    Receive = "poll"
)

// Bot is a bot whose updates pass through the gateway.
type Bot struct { //nolint:recvcheck // what prints it has to print values too
	Name  string // its key in the file
	Token string
	ID    int64 // the number before the colon of Token
	// Secret is the webhook's secret. If the file has none, it is made from the token.
	Secret  string
	Receive Receive
	// Kinds are what Telegram is asked for (allowed_updates): all that its targets take. It is
	// nil for Telegram's default, which a target without kinds gets: every kind but chat_member,
	// message_reaction and message_reaction_count. Telegram must be told that by an empty list.
	Kinds []string
	// To is the bot's own URL. Its answer may have a webhook reply.
	To Target
	// Copies get each update too. What they answer is not executed.
	Copies []Target
	// MaxConnections is how many requests Telegram may make at once; 0 for its default.
	MaxConnections int
	// MaxPending is how many updates may wait, for each target. If there are more, Telegram
	// is answered 503.
	MaxPending int
	// MaxAttempts and MaxAge are those of [tghook.DispatchConfig].
	MaxAttempts int
	MaxAge      time.Duration
	// Added says that the bot was added over the admin API.
	Added bool
}

// Target is a URL that gets updates.
type Target struct {
	// Name tells the targets of a bot apart. It is empty for [Bot.To].
	Name string
	URL  *url.URL
	// Secret is sent in X-Telegram-Bot-Api-Secret-Token. If empty, the header is left out.
	Secret string
	// Kinds are the kinds of update that the target gets. If nil, all that Telegram sends.
	Kinds []string
	// Timeout is how long a request may take.
	Timeout time.Duration
	// MaxConnections is how many requests may be under way at once.
	MaxConnections int
	// Certificate is a certificate authority in PEM, in place of the system's.
	Certificate []byte
	// CloudEvents adds the headers of CloudEvents, and Signature those of Standard Webhooks
	// with this secret. It is empty for no signature.
	CloudEvents bool
	Signature   string
}
