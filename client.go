package tghook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/envelope"
)

// ClientConfig is how a [Client] reaches the Bot API. The zero value of each
// field is its default.
type ClientConfig struct {
	// BaseURL is that of a Bot API server of your own, such as
	// http://localhost:8081. Default: https://api.telegram.org.
	BaseURL string
	// TestEnvironment talks to Telegram's test servers, which have tokens of their
	// own (https://core.telegram.org/bots/features#testing-your-bot).
	TestEnvironment bool
	// Local says that the server at BaseURL runs with --local: it takes webhooks by
	// http, and on any port and address.
	Local bool
	// HTTP sends the requests; a copy of it follows no redirect, since that would
	// hand the token on. Default: one with [http.DefaultTransport] and no timeout,
	// so that a call ends with its ctx.
	HTTP *http.Client
	// Patience is how long a call may wait in all to be repeated where that is
	// safe: after 429, for as long as Telegram says; when no connection came about;
	// and, for setWebhook, deleteWebhook and the methods that begin with get, after
	// any network error and 5xx, unless pending updates would be dropped once more.
	// Default: no repetition.
	Patience time.Duration
}

// Client calls the Bot API with one bot's token. The token appears in no error, and
// not when a Client is printed. It is a [Caller], and safe for concurrent use.
type Client struct {
	bot      int64
	endpoint func(method string) string // with the token, where no formatting finds it
	redact   func(text string) string
	http     http.Client
	patience time.Duration
	local    bool
	cloud    bool // Telegram's own servers are asked
}

const (
	defaultBaseURL = "https://api.telegram.org"
	maxAnswer      = 32 << 20 // getUpdates answers with 4 MiB at most
	maxPage        = 4 << 10  // of what is no answer, to make an excerpt of
	maxToken       = 80       // tdlib/telegram-bot-api refuses more
)

// NewClient returns a Client, which calls nothing yet. The error joins a
// *[ConfigError] for every mistake.
func NewClient(token string, cfg ClientConfig) (*Client, error) {
	var errs []error
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{field, problem})
		}
	}
	bot, ok := botOf(token)
	add(!ok, "token", "is no token: it must be a bot's id, a colon and a secret, as @BotFather gives it")
	if cfg.BaseURL == "" {
		cfg.BaseURL = defaultBaseURL
	}
	base, err := url.Parse(cfg.BaseURL)
	add(err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || strings.ContainsAny(cfg.BaseURL, "?#"),
		"ClientConfig.BaseURL", "is no http or https URL: give one such as "+defaultBaseURL)
	add(err == nil && path.Base(base.Path) == "bot", "ClientConfig.BaseURL", "ends in /bot, which is added to it: leave that out")
	add(cfg.Patience < 0, "ClientConfig.Patience", "is negative: give a duration, or 0 to repeat nothing")
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	prefix := strings.TrimRight(cfg.BaseURL, "/") + "/bot" + token + "/"
	if cfg.TestEnvironment {
		prefix += "test/"
	}
	c := &Client{
		bot:      bot,
		endpoint: func(method string) string { return prefix + method },
		redact:   redactor(token),
		patience: cfg.Patience,
		local:    cfg.Local,
		cloud:    base.Host == "api.telegram.org",
	}
	if cfg.HTTP != nil {
		c.http = *cfg.HTTP
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// botOf is the id that a token begins with.
func botOf(token string) (id int64, ok bool) {
	number, secret, _ := strings.Cut(token, ":")
	id, err := strconv.ParseInt(number, 10, 64)
	plain := err == nil && id > 0 && strconv.FormatInt(id, 10) == number
	return id, plain && secret != "" && len(token) <= maxToken && validSecret(secret)
}

// redactor returns a function that strikes the token out of a text, also where its
// colon was escaped, or its end cut off.
func redactor(token string) func(text string) string {
	number, secret, _ := strings.Cut(token, ":")
	start := regexp.QuoteMeta(secret[:min(8, len(secret))])
	pattern := regexp.MustCompile("(" + number + ":)?" + start + "[A-Za-z0-9_-]*")
	return func(text string) string { return pattern.ReplaceAllLiteralString(text, "<token>") }
}

// Bot is the bot's id: the number before the token's colon.
func (c *Client) Bot() int64 { return c.bot }

// String names the bot, without its token.
func (c *Client) String() string { return "Bot API client of bot " + strconv.FormatInt(c.bot, 10) }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// APIError is the Bot API's answer that it did not do what was asked, or an answer
// that is none of the Bot API, such as a proxy's.
type APIError struct {
	Method          string
	Code            int           // error_code, or the HTTP status where there is none
	Description     string        // Telegram's words, or an excerpt of what came instead
	RetryAfter      time.Duration // after 429; else 0
	MigrateToChatID int64         // the supergroup that a group has become; else 0
	own             bool          // it is Telegram's word, not a proxy's
}

func (e *APIError) Error() string {
	return fmt.Sprintf("tghook: %s: %d %s", e.Method, e.Code, e.Description)
}

// Call implements [Caller] for any method of the Bot API. params encodes to a JSON
// object, is nil, or holds a [File], which makes the request multipart; its members
// that are null are left out. result is decoded into unless it is nil.
//
// A refusal is an *[APIError], and params that cannot be sent are a *[ReplyError].
// If ctx ends first, the error is ctx.Err() and the cause of that too.
func (c *Client) Call(ctx context.Context, method string, params, result any) error {
	answer, err := c.ask(ctx, method, params)
	if err != nil || result == nil {
		return err
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return c.undecoded(method, err)
	}
	return nil
}

// ask is Call that returns the result as it came.
func (c *Client) ask(ctx context.Context, method string, params any) (result []byte, err error) {
	body, err := Reply{method, params}.encode()
	if err != nil {
		return nil, c.redacted(err) // a File may come from Telegram itself
	}
	again := func(err error) bool { return repeatable(err, idempotent(method, body)) }
	err = patiently(ctx, c.patience, again, func() (err error) {
		result, err = c.post(ctx, method, body)
		return err
	})
	return result, err
}

func (c *Client) undecoded(method string, err error) error {
	return fmt.Errorf("tghook: %s: decode the result: %w", method, c.redacted(err))
}

// post makes one request and returns the result.
func (c *Client) post(ctx context.Context, method string, body payload) (result []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint(method), bytes.NewReader(body))
	if err != nil {
		return nil, c.failure(ctx, method, err)
	}
	req.Header.Set("Content-Type", body.contentType())
	res, err := c.http.Do(req) //nolint:gosec // of a ReplyTransport's request it has the method, which is of letters
	if err != nil {
		return nil, c.failure(ctx, method, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, c.failure(ctx, method, err)
	}
	return c.decode(method, res.StatusCode, answer)
}

// decode reads the envelope of an answer. The result may be megabytes of updates, so
// that encoding/json, which reads all of it twice, gets refusals only.
func (c *Client) decode(method string, status int, answer []byte) (result []byte, err error) {
	var ok []byte
	err = envelope.Members(answer, func(key, value []byte) error {
		switch string(key) {
		case "ok":
			ok = value
		case "result":
			result = value
		}
		return nil
	})
	var refusal struct {
		Code        int    `json:"error_code"`
		Description string `json:"description"`
		Parameters  struct {
			RetryAfter uint32 `json:"retry_after"`
			MigrateTo  int64  `json:"migrate_to_chat_id"`
		} `json:"parameters"`
	}
	switch {
	case err == nil && string(ok) == "true":
		return result, nil
	case err == nil && string(ok) == "false" && json.Unmarshal(answer, &refusal) == nil:
		return nil, &APIError{
			Method: method, Code: cmp.Or(refusal.Code, status), Description: c.redact(refusal.Description),
			RetryAfter:      time.Duration(refusal.Parameters.RetryAfter) * time.Second,
			MigrateToChatID: refusal.Parameters.MigrateTo, own: refusal.Code != 0,
		}
	default: // a proxy's words, none, or cut at maxAnswer
		words := excerpt([]byte(c.redact(string(answer[:min(len(answer), maxPage)]))), 0)
		return nil, &APIError{Method: method, Code: status, Description: fmt.Sprintf(
			"(%s) %d bytes are no answer of the Bot API: %q", http.StatusText(status), len(answer), words)}
	}
}

// failure is err, which is the network's, without the token.
func (c *Client) failure(ctx context.Context, method string, err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // its URL has the token, and the method is known
	}
	return fmt.Errorf("tghook: %s: %w", method, c.redacted(ended(ctx, err)))
}

// redacted is err without the token: whatever error in it tells the token gives
// way to its words, and to those that it wraps.
func (c *Client) redacted(err error) error {
	if !c.tells(err) {
		return err
	}
	clean := &redactedError{text: c.redact(err.Error())}
	for _, inner := range unwrapped(err) {
		clean.wrapped = append(clean.wrapped, c.redacted(inner))
	}
	return clean
}

// tells reports whether err, or an error in it, has the token.
func (c *Client) tells(err error) bool {
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	return c.redact(text) != text || slices.ContainsFunc(unwrapped(err), c.tells)
}

func unwrapped(err error) []error {
	switch wrapping := err.(type) { //nolint:errorlint // this is the walk
	case interface{ Unwrap() []error }:
		return wrapping.Unwrap()
	case interface{ Unwrap() error }:
		if inner := wrapping.Unwrap(); inner != nil {
			return []error{inner}
		}
	}
	return nil
}

type redactedError struct {
	text    string
	wrapped []error
}

func (e *redactedError) Error() string   { return e.text }
func (e *redactedError) Unwrap() []error { return e.wrapped }

// ended is err, and why ctx has ended if it has.
func ended(ctx context.Context, err error) error {
	for _, why := range []error{context.Cause(ctx), ctx.Err()} {
		if why != nil && !errors.Is(err, why) {
			err = fmt.Errorf("%w: %w", err, why)
		}
	}
	return err
}

// sleep waits for d, or for the end of ctx, whose cause it returns then.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
