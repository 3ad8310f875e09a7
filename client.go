package tghook

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/botapi"
	"github.com/tghook/tghook/internal/envelope"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/keepalive"
	"github.com/tghook/tghook/internal/redact"
	"github.com/tghook/tghook/internal/retry"
)

// ClientConfig says how a [Client] reaches the Bot API. The zero value of each
// field is its default. When it is printed, a password or token in BaseURL is left out.
type ClientConfig struct {
	// BaseURL is the URL of a Bot API server of your own, such as
	// http://localhost:8081. If empty, https://api.telegram.org.
	BaseURL string
	// TestEnvironment calls Telegram's test servers, which have tokens of their
	// own (https://core.telegram.org/bots/features#testing-your-bot).
	TestEnvironment bool
	// Local says that the server at BaseURL runs with --local. Such a server accepts
	// webhooks with http, and with any port and address. The files of one call may have
	// 2000 MB (https://core.telegram.org/bots/api#using-a-local-bot-api-server).
	Local bool
	// Files is the directory in which a Bot API server of your own keeps its files, as this
	// process sees it: the server's --dir, or where that is mounted here. [Client.Download]
	// reads files there, and nowhere else. If empty, Download gets them by HTTP.
	Files string
	// MaxDownload is how many bytes a file may have that Download writes. If zero, 20 MiB, or
	// 4000 MiB if Local or Files is set. If negative, there is no limit.
	MaxDownload int64
	// HTTP sends the requests. The Client uses a copy of it that follows no redirect, because
	// a redirect would send the token elsewhere. If nil, a client without a timeout: a call
	// ends with its context. If HTTP or its Transport is nil, a copy of
	// [http.DefaultTransport] is used. It pings an HTTP/2 connection after 10 seconds of
	// silence, and closes it if there is no answer within 10 more.
	//
	// Let a Transport of your own ping too. Otherwise, if a connection has died without
	// being closed, each call uses it again, and waits until its own context ends:
	//
	//	transport := http.DefaultTransport.(*http.Transport).Clone()
	//	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 10 * time.Second}
	HTTP *http.Client
	// Patience is how long one call may wait in all between its attempts. If zero, no call
	// is repeated. A call is repeated only in these cases:
	//
	//   - the answer is 429, after the time that Telegram gives;
	//   - there was no connection, so that nothing was sent;
	//   - the method is setWebhook, deleteWebhook or begins with get, and there was another
	//     network error or a 5xx. If the call drops pending updates, it is not repeated.
	Patience time.Duration
}

// String names the server, without the secrets in its URL.
func (c ClientConfig) String() string {
	return "ClientConfig for " + redact.URL(cmp.Or(c.BaseURL, defaultBaseURL))
}

// GoString is String.
func (c ClientConfig) GoString() string { return c.String() }

// Format writes String for every verb.
func (c ClientConfig) Format(s fmt.State, verb rune) { redact.Text(s, verb, c.String()) }

// LogValue is String.
func (c ClientConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON leaves out HTTP, and the secrets in BaseURL. NewClient refuses a BaseURL from
// which something was left out.
func (c ClientConfig) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct { //nolint:musttag // its names in JSON are those of its fields
		BaseURL         string
		TestEnvironment bool
		Local           bool
		Files           string
		MaxDownload     int64
		Patience        time.Duration
	}{redact.URL(c.BaseURL), c.TestEnvironment, c.Local, c.Files, c.MaxDownload, c.Patience})
}

// Client calls the Bot API with one bot's token. The token does not appear in an error, nor
// when a Client is printed. A Client is a [Caller], and is safe for concurrent use.
type Client struct { //nolint:recvcheck // what prints it has to print values too
	bot      int64
	endpoint func(method string) string // has the token; fmt does not look into a function
	redact   func(text string) string
	http     http.Client
	patience time.Duration
	local    bool
	cloud    bool // the calls go to Telegram's own servers

	fileURL     func(path string) string          // has the token
	files       string                            // absolute; empty: none
	place       func(file string) (string, error) // has the token
	config      func() ClientConfig               // may have a password
	maxDownload int64
}

const (
	defaultBaseURL = "https://api.telegram.org"
	maxAnswer      = 32 << 20 // getUpdates answers with 4 MiB at most
	maxPage        = 4 << 10  // how much of an answer that is not the Bot API's is searched for an excerpt
	maxToken       = 80       // tdlib/telegram-bot-api refuses more
)

// pinging is the transport of all Clients that have none of their own, as
// [http.DefaultTransport] is for the clients of net/http.
var pinging keepalive.Transport

// NewClient returns a Client for the bot with this token. It calls nothing. The error joins
// a *[ConfigError] for every mistake.
func NewClient(token string, cfg ClientConfig) (*Client, error) {
	var errs []error
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{field, problem})
		}
	}
	bot, ok := botOf(token)
	add(!ok, "token", "not a token; it must be a bot's id, a colon and a secret, as @BotFather gives it")
	if cfg.BaseURL == "" {
		cfg.BaseURL = defaultBaseURL
	}
	base, err := url.Parse(cfg.BaseURL)
	add(err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || strings.ContainsAny(cfg.BaseURL, "?#"),
		"ClientConfig.BaseURL", "not an http or https URL; give one such as "+defaultBaseURL)
	add(err == nil && path.Base(base.Path) == "bot", "ClientConfig.BaseURL", "ends in /bot, which is added to it; leave that out")
	files := cfg.Files
	if files != "" {
		files, err = filepath.Abs(files)
		add(err != nil, "ClientConfig.Files", "relative, and the working directory is unknown; give an absolute path")
	}
	add(cfg.Patience < 0, "ClientConfig.Patience", "negative; give a duration, or 0 to repeat nothing")
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	prefix, test := strings.TrimRight(cfg.BaseURL, "/"), ""
	if cfg.TestEnvironment {
		test = "test/"
	}
	c := &Client{
		bot:      bot,
		endpoint: func(method string) string { return prefix + "/bot" + token + "/" + test + method },
		redact:   redact.New(token, password(base)),
		patience: cfg.Patience,
		local:    cfg.Local,
		cloud:    base.Host == "api.telegram.org",

		fileURL: func(file string) string {
			return prefix + "/file/bot" + token + "/" + test + (&url.URL{Path: file}).EscapedPath()
		},
		files:       files,
		place:       placeIn(files, token, cfg.TestEnvironment),
		maxDownload: maxDownload(cfg),
		config:      func() ClientConfig { return cfg },
	}
	if cfg.HTTP != nil {
		c.http = *cfg.HTTP
	}
	if c.http.Transport == nil {
		c.http.Transport = &pinging
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// botOf returns the bot's id, with which a token begins.
func botOf(token string) (id int64, ok bool) {
	number, secret, _ := strings.Cut(token, ":")
	id, err := strconv.ParseInt(number, 10, 64)
	plain := err == nil && id > 0 && strconv.FormatInt(id, 10) == number
	return id, plain && secret != "" && len(token) <= maxToken && validSecret(secret)
}

// password returns the password in base. net/http sends it.
func password(base *url.URL) string {
	secret, _ := base.User.Password()
	return secret
}

// Bot returns the bot's id: the number before the colon in its token.
func (c *Client) Bot() int64 { return c.bot }

// Config returns the configuration that c was made with. BaseURL is the default if it was
// empty. Give it to a bot library that has to call the same server.
func (c *Client) Config() ClientConfig { return c.config() }

// String names the bot, without its token.
func (c Client) String() string { return "Bot API client of bot " + strconv.FormatInt(c.bot, 10) }

// GoString is String.
func (c Client) GoString() string { return c.String() }

// Format writes String for every verb.
func (c Client) Format(s fmt.State, verb rune) { redact.Text(s, verb, c.String()) }

// LogValue is String.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Call implements [Caller] for any method of the Bot API. params is nil or encodes to a
// JSON object. Members that are null are left out. With a [File] in params the request is
// multipart. The result of the method is decoded into result, unless result is nil.
//
// If the Bot API refuses the call, the error is an *[APIError]. If params cannot be sent, it
// is a *[ReplyError], as for a [Reply]. If ctx ends first, it wraps ctx.Err() and the cause
// of ctx. If params, the Body of a File or ClientConfig.HTTP panics, it is a *[PanicError].
//
// The Body of a [File] is read while it is sent. If it has been read and cannot seek, the
// call is not repeated, whatever Patience says.
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

// Me is the result of getMe.
type Me struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name"`
	Username  string `json:"username"`
}

// GetMe calls getMe.
func (c *Client) GetMe(ctx context.Context) (Me, error) {
	var me Me
	err := c.Call(ctx, "getMe", nil, &me)
	return me, err
}

// ask makes a call as Call does, and returns the result undecoded.
func (c *Client) ask(ctx context.Context, method string, params any) (result []byte, err error) {
	err = guard.Call(func() error { // ctx is the user's too
		m, err := guard.Beside(ctx, stopPatience, func() (*botapi.Message, error) {
			m, err := Reply{method, params}.message()
			if err != nil {
				return nil, err
			}
			return m, unsendable(method, m.Check(c.maxFiles()))
		})
		if err != nil {
			return c.redacted(err) // a File may come from Telegram itself
		}
		result, err = c.send(ctx, method, m)
		return err
	})
	return result, err
}

// maxFiles returns how many bytes the files of a call may have.
func (c *Client) maxFiles() int64 {
	if c.local {
		return botapi.MaxLocalFileBytes
	}
	return botapi.MaxFileBytes
}

// send makes a call, and repeats it as ClientConfig.Patience says.
func (c *Client) send(ctx context.Context, method string, m *botapi.Message) (result []byte, err error) {
	same := idempotent(method, m)
	var spent error
	again := func(err error) bool {
		if !repeatable(err, same) || m.End() != nil {
			return false
		}
		spent = m.Spent()
		return spent == nil
	}
	err = retry.Do(ctx, c.patience, again, askedWait, func() (err error) {
		result, err = c.exchange(ctx, method, m)
		return err
	})
	if spent != nil && c.patience > 0 {
		err = fmt.Errorf("%w (it is not repeated: %w)", err, spent)
	}
	return result, err
}

func (c *Client) undecoded(method string, err error) error {
	return fmt.Errorf("tghook: %s: decode the result: %w", method, c.redacted(err))
}

// post makes one request with a body that is in memory, and returns the result.
func (c *Client) post(ctx context.Context, method string, body payload) (result []byte, err error) {
	return c.exchange(ctx, method, botapi.NewMessage(body))
}

// exchange makes one request and returns the result.
func (c *Client) exchange(ctx context.Context, method string, m *botapi.Message) (result []byte, err error) {
	res, err := guard.Beside(ctx, stopPatience, func() (answer, error) { return c.roundTrip(ctx, method, m) })
	unread := m.End()
	switch {
	case err != nil && unread != nil:
		return nil, c.redacted(unsendable(method, unread))
	case err != nil:
		if late := tooLate(ctx, cmp.Or(runOf(ctx, c.bot), runOf(ctx, 0))); late != nil {
			err = late
		}
		return nil, c.failure(ctx, method, err)
	}
	return c.decode(method, res.status, res.body)
}

// answer is the status and the body of an HTTP response.
type answer struct {
	status int
	body   []byte
}

func (c *Client) roundTrip(ctx context.Context, method string, m *botapi.Message) (answer, error) {
	body, err := m.Open(c.maxFiles())
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint(method), body)
	if err != nil {
		_ = body.Close()
		return answer{}, err
	}
	req.ContentLength = m.Size()
	req.GetBody = func() (io.ReadCloser, error) { return m.Open(c.maxFiles()) }
	req.Header.Set("Content-Type", m.ContentType)
	res, err := c.http.Do(req) // of a ReplyTransport's request it has the method, which is of letters
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return answer{res.StatusCode, said}, err
}

// stopPatience is how long the user's code may go on after the context of a call has
// ended.
const stopPatience = time.Second

// decode reads the envelope of an answer. The result may be megabytes of updates, and
// encoding/json would read all of it twice. So it only gets refusals.
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
	default: // the page of a proxy, an empty answer, or one that was cut at maxAnswer
		words := envelope.Excerpt([]byte(c.redact(string(answer[:min(len(answer), maxPage)]))), 0)
		return nil, &APIError{Method: method, Code: status, Description: fmt.Sprintf(
			"(%s) %d bytes are not an answer of the Bot API: %q", http.StatusText(status), len(answer), words)}
	}
}

// failure returns an error of the network without the token.
func (c *Client) failure(ctx context.Context, method string, err error) error {
	if request, ok := err.(*url.Error); ok { //nolint:errorlint // net/http has made it
		err = request.Err // its URL has the token, and the method is known
	}
	return fmt.Errorf("tghook: %s: %w", method, redact.WithCause(ctx, c.redacted(err), c.redact))
}

// redacted returns err without the token: see [redact.Error].
func (c *Client) redacted(err error) error { return redact.Error(err, c.redact) }

// repeatable reports whether a call that failed with err can be repeated without harm: it
// has had no effect, or a second one has the same effect.
func repeatable(err error, idempotent bool) bool {
	var refused *APIError
	if errors.As(err, &refused) {
		return refused.Code == http.StatusTooManyRequests || refused.Code >= 500 && idempotent
	}
	return unconnected(err) || idempotent
}

// unconnected reports whether the connection could not be made, so that nothing was sent.
func unconnected(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && (network.Op == "dial" || network.Op == "proxyconnect")
}

const dropPending = "drop_pending_updates"

// idempotent reports whether a call that is made twice has the same effect as once.
func idempotent(method string, m *botapi.Message) bool {
	switch method = strings.ToLower(method); method {
	case "setwebhook", "deletewebhook":
		return !m.Has(dropPending) // a second call would drop updates that have come meanwhile
	}
	return strings.HasPrefix(method, "get")
}

// askedWait returns how long Telegram asks to wait before the call is repeated; 0 if it does
// not say.
func askedWait(err error) time.Duration {
	var refused *APIError
	if errors.As(err, &refused) {
		return refused.RetryAfter
	}
	return 0
}
