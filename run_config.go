package tghook

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/redact"
)

// RunConfig says how [Run] receives: by webhook if URL is set, else by long poll. A poll
// ignores the fields that are about the webhook. The zero value of each field is its
// default. Only Token is required, unless KeepWebhook is set. A RunConfig is printed without
// its token and secrets.
type RunConfig struct { //nolint:recvcheck // what prints it has to print values too
	// Token is the bot's token, from @BotFather.
	Token string
	// URL is where Telegram sends updates to, as the world sees it. If empty, Run polls.
	URL string
	// Listen is the address to serve at: host:port, or the absolute path of a unix
	// socket. If empty, the port in the environment variable PORT, which Heroku
	// and Cloud Run set. If that is empty too, the port of URL with TLS, and 8080 without.
	//
	// By long poll Run serves HealthPath, by plain HTTP, if Listen or PORT is set. Otherwise
	// it does not listen.
	Listen string
	// Path is the path at which updates are served, written as in a URL. Set it if a proxy
	// changes the path. If empty, the path of URL.
	Path string
	// HealthPath is answered 200, and 503 once the context of Run has ended. By long poll it
	// is answered 503 also if getUpdates has not been answered for Poll.Wait and a minute,
	// and the answer says when it last was. If empty, /healthz.
	HealthPath string
	// Webhook says how updates are checked and handled. A poll uses its Dispatch too. If its
	// Secret is empty, it is derived from Token and URL: see [SecretFor].
	Webhook Config
	// Poll is used if URL is empty. Its Dispatch must not be set.
	Poll PollConfig
	// Client says how the Bot API is reached. If its Patience is set, the start fails when
	// setWebhook has failed for so long. If not, Run tries again until Telegram
	// itself refuses, as a poll does, and logs each failure.
	Client ClientConfig
	// KeepWebhook serves without calling Telegram. Somebody else sets the webhook. Then
	// neither Token nor URL is required.
	KeepWebhook bool
	// DropPending drops all updates that wait when Run is called.
	DropPending bool
	// AllowedUpdates are the kinds of update that the bot gets. If nil, those of the
	// handler's method AllowedUpdates, as [Kinds] has it. Without that method Telegram sends
	// the same kinds as before.
	AllowedUpdates []string
	// MaxConnections and IPAddress are as in [WebhookRequest].
	MaxConnections int
	IPAddress      string
	// CertFile and KeyFile are the files of a certificate with which TLS is served. They are
	// read once. TLS is a configuration of your own in their place. If none is set, plain
	// HTTP, for a proxy in front.
	CertFile, KeyFile string
	TLS               *tls.Config
	// Certificate is uploaded at each start. Set it if no public authority has issued the
	// certificate that is served: see [WebhookRequest].
	Certificate []byte
	// SelfSigned serves TLS with a certificate that Run makes for the host of URL
	// and uploads. Each start makes another one, so only one process can serve. Replicas need
	// CertFile, KeyFile and Certificate.
	SelfSigned bool
	// DrainDelay is how long Run goes on serving after its context has ended, before Grace
	// begins. HealthPath is answered 503 meanwhile, so that a load balancer sends
	// requests elsewhere. A poll ignores it. If zero, Run does not wait.
	DrainDelay time.Duration
	// Grace is how long Run waits for updates that are not answered, once its context has
	// ended and DrainDelay is over. Closing takes a second more. If zero, 8 seconds, because
	// many platforms kill a process after ten.
	Grace time.Duration

	read *environment // nil unless FromEnv made it
}

const defaultHealthPath = "/healthz"

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

// path returns the path at which updates are served. It is empty if Path is a mistake.
func (c RunConfig) path() *url.URL {
	target, err := url.ParseRequestURI(cmp.Or(c.Path, c.public().EscapedPath(), "/"))
	if err != nil {
		return &url.URL{}
	}
	return target
}

// request returns the parameters of setWebhook.
func (c RunConfig) request() WebhookRequest {
	return WebhookRequest{
		URL: c.URL, Certificate: c.Certificate, Reset: true, IPAddress: c.IPAddress, MaxConnections: c.MaxConnections,
		DropPending: c.DropPending, SecretToken: c.Webhook.Secret,
		InsecureNoSecret: c.Webhook.InsecureNoSecret || c.Webhook.Secret == "", // New names an empty secret as a mistake of Config.Secret
	}
}

// public returns URL, parsed. It is empty if URL is a mistake.
func (c RunConfig) public() *url.URL {
	public, err := url.Parse(c.URL)
	if err != nil {
		return &url.URL{}
	}
	return public
}

// mistakes returns the mistakes in c. A poll also refuses a mistake in the settings of the
// webhook, so that it shows on the laptop and not only in production.
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
	add(err != nil, "URL", "not a URL; give one such as https://bot.example.org/telegram")
	add(c.public().Fragment != "", "URL", "has a fragment, which Telegram would send as a part of the path; leave it out")
	add(!strings.HasPrefix(c.Path, "/"), "Path", "must begin with a slash, and be written as in a URL")
	add(!strings.HasPrefix(c.HealthPath, "/"), "HealthPath", "must begin with a slash")
	add(c.HealthPath == c.Path && c.HealthPath != defaultHealthPath, "HealthPath", "is where updates are served; give another")
	add(c.HealthPath == defaultHealthPath && c.Path == defaultHealthPath, cmp.Or(where, "URL"), "has the path /healthz, which is HealthPath; give another")
	add(c.DropPending && c.KeepWebhook, "DropPending", "set with KeepWebhook, which does not call setWebhook; set only one of them")
	add(c.DrainDelay < 0, "DrainDelay", "negative; give a positive duration, or 0 not to wait")
	add(strings.HasPrefix(c.Listen, "/") && len(c.Webhook.AllowedSources) > 0, "Webhook.AllowedSources",
		"lets nobody in on a unix socket, where a peer has no address; check the source in the proxy, or set Listen to host:port")
	add(c.Grace < 0, "Grace", "negative; give a duration, or 0 for 8 seconds")
	add(!reflect.ValueOf(c.Poll.Dispatch).IsZero(), "Poll.Dispatch", "is not used; set Webhook.Dispatch, which is the poll's too")
	errs = append(errs, c.mistakesOfTLS()...)
	return append(errs, mistakesInAllowed("RunConfig.AllowedUpdates", c.AllowedUpdates)...)
}

func (c RunConfig) mistakesOfTLS() (errs []error) {
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{"RunConfig." + field, problem})
		}
	}
	add(c.CertFile == "" && c.KeyFile != "", "KeyFile", "is given without CertFile (TELEGRAM_CERT_FILE); give both, or none")
	add(c.CertFile != "" && c.KeyFile == "", "CertFile", "is given without KeyFile (TELEGRAM_KEY_FILE); give both, or none")
	add(c.SelfSigned && c.waysOfTLS() > 1, "SelfSigned", "is given with another certificate; give one of CertFile with KeyFile, TLS, and SelfSigned")
	add(!c.SelfSigned && c.waysOfTLS() > 1, "TLS", "is given with CertFile and KeyFile; give one of them")
	add(c.TLS != nil && len(c.TLS.Certificates) == 0 && c.TLS.GetCertificate == nil && c.TLS.GetConfigForClient == nil,
		"TLS", "has no certificate; set Certificates or GetCertificate")
	add(c.SelfSigned && len(c.Certificate) > 0, "Certificate", "is made by SelfSigned; give one of them")
	add(c.SelfSigned && c.KeepWebhook, "SelfSigned", "cannot be uploaded with KeepWebhook")
	add(c.SelfSigned && c.public().Scheme == "http", "SelfSigned", "serves TLS, and the URL begins with http://; give one with https://")
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

// variables are those that FromEnv reads, without their prefix, and the field that
// each of them fills.
var variables = map[string]string{
	"TOKEN": "Token", "WEBHOOK_URL": "URL", "LISTEN": "Listen", "PATH": "Path", "SECRET": "Webhook.Secret",
	"PREVIOUS_SECRET": "Webhook.PreviousSecret", "CERT_FILE": "CertFile", "KEY_FILE": "KeyFile", "UPLOAD_CERT_FILE": "Certificate",
	"SELF_SIGNED": "SelfSigned", "KEEP_WEBHOOK": "KeepWebhook", "DROP_PENDING": "DropPending", "TAKE_OVER": "Poll.TakeOver",
	"POLL_WAIT": "Poll.Wait", "ALLOWED_UPDATES": "AllowedUpdates", "MAX_CONNECTIONS": "MaxConnections", "IP_ADDRESS": "IPAddress",
	"API_URL": "Client.BaseURL", "API_LOCAL": "Client.Local", "API_FILES": "Client.Files", "TEST_ENVIRONMENT": "Client.TestEnvironment", "PATIENCE": "Client.Patience",
	"DRAIN_DELAY": "DrainDelay", "GRACE": "Grace",
}

// environment reads variables, and collects what is wrong with them.
type environment struct {
	given    map[string]any // the values of the fields that were set, by variable
	mistakes []error
	wrong    []string // the variables that have a mistake
}

const environmentPrefix = "TELEGRAM_"

func fieldOf(cfg *RunConfig, path string) any {
	value := reflect.ValueOf(cfg).Elem()
	for name := range strings.SplitSeq(path, ".") {
		value = value.FieldByName(name)
	}
	return value.Interface()
}

// nameOf returns the variable that has filled field, or field itself if there is none.
func (c *RunConfig) nameOf(field string) string {
	if c.read == nil {
		return field
	}
	last, _, _ := strings.Cut(field[strings.LastIndexByte(field, '.')+1:], "[")
	if last == "SecretToken" {
		last = "Secret"
	}
	for name, path := range variables {
		given, ok := c.read.given[name]
		if ok && strings.EqualFold(path[strings.LastIndexByte(path, '.')+1:], last) && reflect.DeepEqual(fieldOf(c, path), given) {
			return environmentPrefix + name
		}
	}
	return field
}

// named returns errs with the names of variables in place of the fields that they have
// filled. If two errors become the same, it returns one.
func (c *RunConfig) named(errs []error) (named []error) {
	told := map[ConfigError]bool{}
	for _, err := range errs {
		mistake, ok := err.(*ConfigError) //nolint:errorlint // a wrapped one has words of its own
		if !ok {
			named = append(named, err)
			continue
		}
		one := ConfigError{c.nameOf(mistake.Field), mistake.Problem}
		if !told[one] {
			told[one] = true
			named = append(named, &one)
		}
	}
	return named
}

// maxStrange is how many strange variables are logged.
const maxStrange = 10

// strange returns the variables that have the prefix of FromEnv, are set, and are not read by
// it. They are sorted, and without their prefix.
func (e *environment) strange() (names []string) {
	if e == nil {
		return nil
	}
	for _, entry := range os.Environ() {
		variable, value, _ := strings.Cut(entry, "=")
		name, ours := strings.CutPrefix(variable, environmentPrefix)
		if ours && variables[name] == "" && strings.TrimSpace(value) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), maxStrange)]
}

// FromEnv returns a [RunConfig] filled from the environment, for a program that
// is configured by it alone. A variable that is empty is as one that is not set. The error
// joins a *[ConfigError] for every mistake, also for those that [Run] would find. It names
// the variable, and not its value. A mistake that Run finds later is named by the variable
// too, if the program has not changed the field. Run logs a variable that begins with
// TELEGRAM_ and is not in this list. That is not an error, because another program may
// read it.
//
//	TELEGRAM_TOKEN            Token
//	TELEGRAM_WEBHOOK_URL      URL; without it Run polls
//	TELEGRAM_SECRET           Webhook.Secret; without it one is derived
//	TELEGRAM_PREVIOUS_SECRET  Webhook.PreviousSecret
//	TELEGRAM_LISTEN           Listen; else PORT counts
//	TELEGRAM_PATH             Path
//	TELEGRAM_CERT_FILE        CertFile
//	TELEGRAM_KEY_FILE         KeyFile
//	TELEGRAM_UPLOAD_CERT_FILE the file of Certificate
//	TELEGRAM_SELF_SIGNED      SelfSigned: true or false
//	TELEGRAM_KEEP_WEBHOOK     KeepWebhook: true or false
//	TELEGRAM_DROP_PENDING     DropPending: true or false
//	TELEGRAM_TAKE_OVER        Poll.TakeOver: true or false
//	TELEGRAM_ALLOWED_UPDATES  AllowedUpdates: kinds, separated by commas, or a JSON array of them
//	TELEGRAM_MAX_CONNECTIONS  MaxConnections
//	TELEGRAM_IP_ADDRESS       IPAddress
//	TELEGRAM_API_URL          Client.BaseURL
//	TELEGRAM_API_LOCAL        Client.Local: true or false
//	TELEGRAM_API_FILES        Client.Files: the directory of a server of your own
//	TELEGRAM_TEST_ENVIRONMENT Client.TestEnvironment: true or false
//	TELEGRAM_PATIENCE         Client.Patience, such as 1m
//	TELEGRAM_POLL_WAIT        Poll.Wait, such as 50s
//	TELEGRAM_DRAIN_DELAY      DrainDelay, such as 15s
//	TELEGRAM_GRACE            Grace, such as 8s
func FromEnv() (RunConfig, error) {
	e := environment{given: map[string]any{}}
	cfg := RunConfig{
		Token:          e.text("TOKEN"),
		URL:            e.text("WEBHOOK_URL"),
		Listen:         e.text("LISTEN"),
		Path:           e.text("PATH"),
		Webhook:        Config{Secret: e.text("SECRET"), PreviousSecret: e.text("PREVIOUS_SECRET")},
		CertFile:       e.text("CERT_FILE"),
		KeyFile:        e.text("KEY_FILE"),
		Certificate:    e.file("UPLOAD_CERT_FILE"),
		SelfSigned:     e.flag("SELF_SIGNED"),
		KeepWebhook:    e.flag("KEEP_WEBHOOK"),
		DropPending:    e.flag("DROP_PENDING"),
		Poll:           PollConfig{TakeOver: e.flag("TAKE_OVER"), Wait: e.duration("POLL_WAIT")},
		AllowedUpdates: e.list("ALLOWED_UPDATES"),
		MaxConnections: e.number("MAX_CONNECTIONS"),
		IPAddress:      e.text("IP_ADDRESS"),
		Client: ClientConfig{
			BaseURL: e.text("API_URL"), Local: e.flag("API_LOCAL"), Files: e.text("API_FILES"), TestEnvironment: e.flag("TEST_ENVIRONMENT"), Patience: e.duration("PATIENCE"),
		},
		DrainDelay: e.duration("DRAIN_DELAY"),
		Grace:      e.duration("GRACE"),
	}
	if cfg.Token == "" && !cfg.KeepWebhook {
		problem := "not set; give the token that @BotFather gave you"
		if other := environmentPrefix + "BOT_TOKEN"; os.Getenv(other) != "" {
			problem += "; " + other + " is set, and is not read"
		}
		e.mistake("TOKEN", problem)
	}
	cfg.read = e.remember(&cfg)
	return cfg, errors.Join(append(e.mistakes, cfg.mistakesOfRun()...)...)
}

func (e *environment) mistake(name, problem string) {
	e.mistakes = append(e.mistakes, &ConfigError{environmentPrefix + name, problem})
	e.wrong = append(e.wrong, name)
}

// remember keeps which fields of cfg the variables have filled, and with what.
func (e *environment) remember(cfg *RunConfig) *environment {
	for name, path := range variables {
		if e.text(name) != "" {
			e.given[name] = fieldOf(cfg, path)
		}
	}
	return e
}

// mistakesOfRun are those that [Run] would find in what the variables have filled, and
// that were not found when they were read.
func (c *RunConfig) mistakesOfRun() (errs []error) {
	m := &Mounted{given: *c, cfg: c.withDefaults()}
	for _, err := range c.named(m.prepare()) {
		mistake, ok := err.(*ConfigError) //nolint:errorlint // a wrapped one has words of its own
		if !ok {
			continue
		}
		name, ours := strings.CutPrefix(mistake.Field, environmentPrefix)
		if ours && !slices.Contains(c.read.wrong, name) {
			errs = append(errs, err)
		}
	}
	return errs
}

func (*environment) text(name string) string {
	return strings.TrimSpace(os.Getenv(environmentPrefix + name))
}

func (e *environment) flag(name string) bool {
	text := e.text(name)
	if text == "" {
		return false
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		e.mistake(name, "neither true nor false; give one of them")
	}
	return value
}

func (e *environment) number(name string) int {
	text := e.text(name)
	if text == "" {
		return 0
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		e.mistake(name, "not a whole number; give one such as 40")
	}
	return value
}

func (e *environment) duration(name string) time.Duration {
	text := e.text(name)
	if text == "" {
		return 0
	}
	value, err := time.ParseDuration(text)
	if err != nil {
		e.mistake(name, "not a duration; give one such as 8s")
	}
	return value
}

func (e *environment) list(name string) []string {
	text := e.text(name)
	if text == "" {
		return nil
	}
	if strings.HasPrefix(text, "[") { // as setWebhook takes it
		list := []string{}
		if json.Unmarshal([]byte(text), &list) != nil {
			e.mistake(name, `is neither a list such as message,callback_query nor a JSON array such as ["message","callback_query"]`)
		}
		return list
	}
	list := strings.Split(text, ",")
	for i, item := range list {
		list[i] = strings.TrimSpace(item)
	}
	if slices.Contains(list, "") {
		e.mistake(name, "has an empty item: separate the items by one comma each")
	}
	return list
}

func (e *environment) file(name string) []byte {
	path := e.text(name)
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path) //nolint:gosec // reading the file that it names is what the variable is for
	var where *fs.PathError
	switch {
	case errors.As(err, &where):
		e.mistake(name, "cannot be read: "+where.Err.Error()) // no value is told: variables get mixed up
	case len(content) == 0:
		e.mistake(name, "is an empty file")
	}
	return content
}
