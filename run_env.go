package tghook

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
