package tghook

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/certificate"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/retry"
	"github.com/tghook/tghook/internal/spelling"
)

// Run receives updates for h until ctx ends. Then it finishes the updates that were taken,
// within RunConfig.Grace, and returns nil. It returns an error sooner if it cannot go on. Let
// SIGINT and SIGTERM end ctx: see [os/signal.NotifyContext]. The contexts of handlers have
// the values of ctx.
//
// With a URL it listens, sets the webhook, and serves. Before it calls Telegram, it returns
// an error for a mistake in cfg, a port that is in use, a certificate that cannot be read,
// or a host that does not resolve. In the end Run leaves the webhook set, so that Telegram
// keeps new updates for the next start.
//
// Without a URL it receives by long poll, as [Poll] does.
//
// To use the parts of Run one by one, see [Mount].
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

// Mounted has the parts of [Run], for a program with a server of its own. It is an
// [http.Handler]. It is safe for concurrent use.
//
// Mount it at Path, and at HealthPath if your platform checks the health of the program.
// Let the server listen, and then call Receive. When Receive has returned, close the server.
type Mounted struct {
	given    RunConfig
	cfg      RunConfig // with its defaults
	client   *Client   // nil: there is no token
	hook     *Webhook  // nil: it polls
	poller   *poller   // nil: by webhook
	request  WebhookRequest
	resolver *net.Resolver // nil: the host of the URL is not looked up
	handler  Handler
	path     string
	tls      *tls.Config // nil: plain HTTP
	made     time.Time
	received atomic.Bool   // Receive was called
	over     chan struct{} // is closed when Receive has returned
	draining atomic.Bool
	ending   context.Context // its end makes Receive return without DrainDelay
	end      context.CancelFunc
	strayed  atomic.Int64 // when a request at another path was last warned of
}

const (
	headerTimeout     = 10 * time.Second
	idleTimeout       = 90 * time.Second // Telegram keeps its connections idle for 60
	maxRequestHeaders = 16 << 10
	// After Grace there is a second more: for handlers that were cancelled, for the last
	// answers, and for the functions of the user in TLS. Run does not wait for connections
	// that have no request.
	cancelTime  = 500 * time.Millisecond
	closingTime = 400 * time.Millisecond
	leavingTime = 100 * time.Millisecond
	// silence is how long getUpdates may be unanswered, after PollConfig.Wait, until
	// HealthPath is answered 503.
	silence = time.Minute
	// strayInterval is how often a request at another path is logged.
	strayInterval = time.Minute
)

var errReceived = errors.New("tghook: Receive was called before, and can be called once; make another Mounted")

// Mount returns the parts of a [Run] with cfg. It reads the files that cfg names, and
// starts nothing. The error joins a *[ConfigError] for every mistake.
func Mount(h Handler, cfg RunConfig) (*Mounted, error) {
	m := &Mounted{given: cfg, cfg: cfg.withDefaults(), handler: h, over: make(chan struct{}), made: time.Now(), resolver: net.DefaultResolver}
	m.ending, m.end = context.WithCancel(context.Background())
	m.path = cfg.path().EscapedPath()
	if err := errors.Join(cfg.named(m.prepare())...); err != nil {
		return nil, err
	}
	for _, name := range cfg.read.strange() {
		attrs := []slog.Attr{slog.String("variable", environmentPrefix+name)}
		if near := spelling.Nearest(name, slices.Sorted(maps.Keys(variables))); near != "" {
			attrs = append(attrs, slog.String("nearest", environmentPrefix+near))
		}
		m.log(context.Background(), slog.LevelWarn, "tghook: a variable that FromEnv does not read is set: correct its name, or ignore this if another program reads it", attrs...)
	}
	if m.hook != nil {
		m.hook.dispatcher.start()
	}
	return m, nil
}

// prepare makes the parts, and returns every mistake.
func (m *Mounted) prepare() []error {
	errs := m.cfg.mistakes()
	add := func(err error) { errs = append(errs, flattened(err)...) }
	if m.cfg.Token != "" || !m.cfg.KeepWebhook {
		var err error
		m.client, err = NewClient(m.cfg.Token, m.cfg.Client)
		add(err)
	}
	if client := m.client; client != nil {
		if m.cfg.Webhook.Dispatch.Caller == nil {
			m.cfg.Webhook.Dispatch.Caller = client
		}
		m.cfg.Webhook.Dispatch.Bot = cmp.Or(m.cfg.Webhook.Dispatch.Bot, client.bot)
	}
	var err error
	if m.cfg.polls() {
		m.poller, err = newPoller(cmp.Or(m.client, &Client{}), m.handler, m.cfg.pollConfig()) // any, so that all mistakes are named
		add(err)
		return errs
	}
	if !m.cfg.KeepWebhook {
		m.request = m.cfg.request()
		errs = append(errs, m.request.mistakes(m.cfg.Client.Local)...)
	}
	if m.client == nil && !m.cfg.KeepWebhook && m.cfg.Webhook.Secret == "" {
		m.cfg.Webhook.InsecureNoSecret = true // the secret is derived from the token, and that is the mistake to name
	}
	m.hook, err = newWebhook(m.handler, m.cfg.Webhook)
	add(err)
	add(m.prepareTLS())
	if len(errs) == 0 && !m.cfg.KeepWebhook {
		m.request.AllowedUpdates = m.cfg.Webhook.Dispatch.allowedUpdates(m.handler, m.cfg.AllowedUpdates)
	}
	return errs
}

// flattened returns the errors that err joins.
func flattened(err error) (errs []error) {
	joined, ok := err.(interface{ Unwrap() []error }) // errors.Join's alone
	if !ok {
		return slices.DeleteFunc([]error{err}, func(err error) bool { return err == nil })
	}
	for _, one := range joined.Unwrap() {
		errs = append(errs, flattened(one)...)
	}
	return errs
}

// prepareTLS reads or makes the certificate for TLS.
func (m *Mounted) prepareTLS() error {
	switch {
	case m.cfg.TLS != nil:
		m.tls = m.cfg.TLS.Clone()
	case m.cfg.CertFile != "" && m.cfg.KeyFile != "":
		pair, err := tls.LoadX509KeyPair(m.cfg.CertFile, m.cfg.KeyFile)
		var where *fs.PathError
		switch {
		case errors.As(err, &where) && where.Path == m.cfg.CertFile:
			return &ConfigError{"RunConfig.CertFile", "cannot be read: " + where.Err.Error()}
		case errors.As(err, &where):
			return &ConfigError{"RunConfig.KeyFile", "cannot be read: " + where.Err.Error()}
		case err != nil:
			return &ConfigError{"RunConfig.CertFile", "cannot be used with the key file: " + err.Error()}
		}
		m.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	case m.cfg.SelfSigned && m.cfg.public().Host != "":
		pair, uploaded, err := certificate.SelfSigned(m.cfg.public().Hostname())
		if err != nil {
			return err
		}
		m.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		m.request.Certificate = uploaded
	}
	if m.strange() {
		return &ConfigError{"RunConfig.Certificate", "is not the one that is served, and has not issued it, so that Telegram could not connect: " +
			"give the public certificate of CertFile or TLS"}
	}
	if m.tls != nil && len(m.tls.NextProtos) == 0 {
		m.tls.NextProtos = []string{"http/1.1"} // Telegram speaks no other
	}
	return nil
}

// strange reports whether the uploaded certificate has nothing to do with the one that
// is served, as far as that is known here.
func (m *Mounted) strange() bool {
	return len(m.cfg.Certificate) > 0 && m.tls != nil && m.tls.GetCertificate == nil && m.tls.GetConfigForClient == nil &&
		!certificate.Vouches(m.cfg.Certificate, m.tls.Certificates)
}

// Path returns the path of updates, written as in a URL: RunConfig.Path, or the path of
// the URL. Mount m there for any method.
func (m *Mounted) Path() string { return m.path }

// HealthPath returns RunConfig.HealthPath, or its default.
func (m *Mounted) HealthPath() string { return m.cfg.HealthPath }

// Receive sets the webhook, or polls if cfg has no URL, and blocks until ctx ends. Call it
// once the server listens. While Telegram cannot be reached it tries again, and logs
// that; see RunConfig.Client.
//
// After ctx has ended, Receive waits for DrainDelay, finishes the updates that were taken
// within Grace and half a second, and returns nil. It returns an error sooner if Telegram
// refuses. It can be called once.
func (m *Mounted) Receive(ctx context.Context) error {
	if !m.received.CompareAndSwap(false, true) {
		return errReceived
	}
	defer close(m.over)
	receiving, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(m.ending, func() { cancel(nil) })()
	if m.poller != nil {
		m.log(ctx, slog.LevelInfo, "tghook: receiving updates by long poll, because no URL is set")
		defer context.AfterFunc(receiving, func() { m.draining.Store(true) })()
		return m.poller.receive(receiving)
	}
	told := m.tell(receiving)
	select {
	case err := <-told:
		if err == nil {
			m.log(ctx, slog.LevelInfo, "tghook: receiving updates by webhook")
			<-receiving.Done()
		}
		m.windUp(ctx)
		return unlessEnded(receiving, err)
	case <-receiving.Done():
	}
	m.windUp(ctx)
	select {
	case err := <-told:
		return unlessEnded(receiving, err)
	default: // a transport that does not look at its context
		return nil
	}
}

// tell sets the webhook in a goroutine of its own, because the user's transport may end that
// goroutine.
func (m *Mounted) tell(ctx context.Context) <-chan error {
	return guard.Start(func() error { return m.setWebhook(ctx) })
}

// setWebhook sets the webhook. Like a poll, it tries again until Telegram itself refuses.
func (m *Mounted) setWebhook(ctx context.Context) error {
	if m.cfg.KeepWebhook {
		if m.client != nil && m.cfg.Webhook.Dispatch.wantedBy(m.handler) != nil {
			m.tellFilter(ctx)
		}
		return nil
	}
	var backoff retry.Backoff
	for {
		err := m.trySetting(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil || m.cfg.Client.Patience > 0 || !passing(err) {
			return err
		}
		wait := backoff.Next()
		wait = cmp.Or(askedWait(err), wait)
		m.log(ctx, slog.LevelWarn, "tghook: the webhook is not set yet, because a call failed that is repeated", slog.Duration("after", wait), slog.Any("error", err))
		if err := retry.Sleep(ctx, wait); err != nil {
			return err
		}
	}
	if m.request.AllowedUpdates == nil {
		m.tellFilter(ctx)
	}
	return nil
}

// trySetting sets the webhook, if its host resolves.
func (m *Mounted) trySetting(ctx context.Context) error {
	trying, cancel := context.WithTimeout(ctx, settingPatience+m.cfg.Client.Patience+pollSlack)
	defer cancel()
	if err := m.resolve(trying); err != nil {
		return err
	}
	return m.client.SetWebhook(trying, m.request)
}

func (m *Mounted) tellFilter(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, pollSlack)
	defer cancel()
	if info, err := m.client.GetWebhookInfo(asking); err == nil {
		m.cfg.Webhook.Dispatch.tellFilter(ctx, m.handler, info.AllowedUpdates)
	}
}

// passing reports whether another attempt may succeed after err.
func passing(err error) bool {
	var mistake *ConfigError
	var unsendable *ReplyError
	var unresolved *net.DNSError
	var refused *APIError
	switch {
	case errors.As(err, &mistake), errors.As(err, &unsendable):
		return false
	case errors.As(err, new(*PanicError)), errors.Is(err, guard.ErrGoexit): // the user's transport
		return false
	case errors.As(err, &refused):
		again := []int{http.StatusTooManyRequests, http.StatusConflict, http.StatusRequestTimeout}
		return refused.Code/100 != 4 || slices.Contains(again, refused.Code) ||
			strings.Contains(refused.Description, "not an answer of the Bot API") || // but of a proxy
			strings.Contains(refused.Description, "Temporary failure") // Telegram could not resolve the host
	case errors.As(err, &unresolved):
		return !unresolved.IsNotFound || errors.As(err, new(*net.OpError)) // an OpError is about the host of the Bot API
	}
	return true
}

// windUp waits for DrainDelay if ctx has ended, and finishes the updates that were taken
// within the grace.
func (m *Mounted) windUp(ctx context.Context) {
	m.draining.Store(true)
	ending := context.WithoutCancel(ctx)
	if ctx.Err() != nil && m.cfg.DrainDelay > 0 {
		m.log(ending, slog.LevelInfo, "tghook: shutting down: requests are still served for RunConfig.DrainDelay", slog.Duration("delay", m.cfg.DrainDelay))
		timer := time.NewTimer(m.cfg.DrainDelay)
		select {
		case <-timer.C:
		case <-m.ending.Done():
		}
		timer.Stop()
	}
	left := guard.Within(m.cfg.Grace+cancelTime, func() error {
		grace, cancel := context.WithTimeout(ending, m.cfg.Grace)
		defer cancel()
		return m.Shutdown(grace)
	})
	if left != nil {
		m.log(ending, slog.LevelWarn, "tghook: not all updates were finished within RunConfig.Grace: Telegram will deliver them again", slog.Any("error", left))
	}
}

// Shutdown ends Receive, without DrainDelay, and finishes the updates that were taken. By
// webhook it calls [Webhook.Shutdown]. For a poll it waits until Receive has returned. It
// may be called more than once, and without Receive.
//
// To remove a bot for good, call [Client.DeleteWebhook] first. Then Telegram keeps
// the updates that come meanwhile.
func (m *Mounted) Shutdown(ctx context.Context) error {
	m.draining.Store(true)
	m.end()
	if m.hook != nil {
		return m.hook.Shutdown(ctx)
	}
	if !m.received.Load() {
		return nil
	}
	select {
	case <-m.over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("tghook: shutdown: %w", context.Cause(ctx))
	}
}

// resolve fails if the host of the URL does not resolve, because Telegram could not resolve
// it either.
func (m *Mounted) resolve(ctx context.Context) error {
	if m.cfg.IPAddress != "" || m.resolver == nil {
		return nil
	}
	network := "ip4" // Telegram connects by no other
	if m.cfg.Client.Local {
		network = "ip"
	}
	if _, err := m.resolver.LookupNetIP(ctx, network, m.cfg.public().Hostname()); err != nil {
		return fmt.Errorf("tghook: the host of %s does not resolve, so that Telegram would refuse it; correct it, or set IPAddress: %w", m.given.nameOf("RunConfig.URL"), err)
	}
	return nil
}

// String names the bot and how its updates come, and nothing that is secret.
func (m *Mounted) String() string { return "Mounted " + m.given.String() }

// Format implements [fmt.Formatter]: every verb prints what String returns.
func (m *Mounted) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue implements [slog.LogValuer]: it logs what String returns.
func (m *Mounted) LogValue() slog.Value { return slog.StringValue(m.String()) }

func (m *Mounted) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	m.cfg.Webhook.Dispatch.log(ctx, level, message, attrs...)
}
