package tghook_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// running is a Run that has begun.
type running struct {
	t                *testing.T
	tg               *tghooktest.Server
	deliveries       chan tghooktest.Delivery
	others           int // calls that are not Run's
	stop             context.CancelFunc
	done             chan error
	ready            chan struct{} // setWebhook was called
	secret           string        // of the webhook
	port             string
	network, address string // where it listens
}

// startRun runs cfg on loopback.
func startRun(t *testing.T, h tghook.Handler, change func(r *running, cfg *tghook.RunConfig)) *running {
	t.Helper()
	return startRunTrusted(t, nil, h, change)
}

// startRunTrusted has Telegram trust roots.
func startRunTrusted(t *testing.T, roots *x509.CertPool, h tghook.Handler, change func(r *running, cfg *tghook.RunConfig)) *running {
	t.Helper()
	r := &running{
		t: t, deliveries: make(chan tghooktest.Delivery, 100), done: make(chan error, 1), ready: make(chan struct{}),
		secret: rig.HookToken, port: rig.FreePort(t), network: "tcp",
	}
	r.tg = tghooktest.NewServer(t, tghooktest.ServerConfig{
		Token: rig.APIToken, Roots: roots, Patience: rig.InTime, Observe: func(d tghooktest.Delivery) { r.deliveries <- d },
	})
	r.address = "127.0.0.1:" + r.port
	cfg := tghook.RunConfig{
		Token: rig.APIToken, URL: "http://" + r.address + "/telegram", Listen: r.address,
		Client: tghook.ClientConfig{BaseURL: r.tg.URL, HTTP: r.tg.Client(), Local: true},
	}
	if change != nil {
		change(r, &cfg)
	}
	var first sync.Once
	r.tg.OnCall(func(c tghooktest.Call) (fault tghooktest.CallFault) {
		if c.Method == "setWebhook" {
			first.Do(func() {
				require.NoErrorf(t, r.connect(), "when the webhook is set, nobody listens")
				close(r.ready)
			})
		}
		return fault
	})
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), runKey{}, "of Run"))
	r.stop = cancel
	go func() { r.done <- tghook.Run(ctx, h, cfg) }()
	t.Cleanup(cancel)
	return r
}

type runKey struct{}

// begun returns when the webhook is set, and by what.
func (r *running) begun() tghooktest.Call {
	r.t.Helper()
	select {
	case <-r.ready:
	case err := <-r.done:
		r.t.Fatalf("Run returned %v", err)
	case <-time.After(rig.InTime):
		r.t.Fatal("the webhook is not set")
	}
	call := r.tg.ExpectCall(r.t, "setWebhook")
	r.secret = call.Params["secret_token"]
	return call
}

// queue has an update wait with Telegram.
func (r *running) queue() {
	r.t.Helper()
	if _, err := r.tg.Deliver([]byte(rig.MessageIn(7, 1))); err != nil {
		r.t.Fatal(err)
	}
}

// update has Telegram deliver one, and says how that was answered.
func (r *running) update() string {
	r.t.Helper()
	r.queue()
	select {
	case d := <-r.deliveries:
		return strings.TrimSpace(fmt.Sprintf("%d %s%s", d.Status, d.Reply, d.Err))
	case <-time.After(rig.InTime):
		r.t.Fatal("no update is delivered")
		return ""
	}
}

func (r *running) connect() error {
	conn, err := new(net.Dialer).DialContext(r.t.Context(), r.network, r.address)
	if err == nil {
		_ = conn.Close()
	}
	return err
}

// end stops it; Run must return nil, and leave nobody listening.
func (r *running) end() {
	r.t.Helper()
	r.stop()
	require.NoError(r.t, rig.Receive(r.t, "the end of Run", r.done), "Run returned")
	r.gone()
}

// gone checks that nobody listens any more.
func (r *running) gone() {
	r.t.Helper()
	assert.Error(r.t, r.connect(), "somebody listens still")
}

// fails is the error that Run returns by itself.
func (r *running) fails() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		rig.KeepsToken(r.t, err)
		return err
	case <-time.After(rig.InTime):
		r.t.Fatal("Run goes on")
		return nil
	}
}

// untold checks that Telegram was told nothing.
func (r *running) untold() {
	r.t.Helper()
	assert.Len(r.t, r.tg.Calls(), r.others, "calls of the Bot API")
}

// post sends body to url with the secret, as a proxy would hand it on.
func (r *running) post(client *http.Client, url, body string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), rig.InTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", r.secret)
	res, err := client.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	return strings.TrimSpace(fmt.Sprintf("%d %s", res.StatusCode, answer))
}

// set sets a webhook as another process does.
func (r *running) set(req tghook.WebhookRequest) {
	r.t.Helper()
	require.NoError(r.t, r.tg.Bot(r.t).SetWebhook(r.t.Context(), req))
	r.others++
}

// await returns when somebody listens, of which nothing else tells.
func (r *running) await() {
	r.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	giveUp := time.After(rig.InTime)
	for r.connect() != nil {
		select {
		case <-giveUp:
			r.t.Fatal("nobody listens")
		case err := <-r.done:
			r.t.Fatalf("Run returned %v", err)
		case <-ticker.C:
		}
	}
}

func plainClient(t *testing.T) *http.Client {
	t.Helper()
	return clientBy(t, &http.Transport{})
}

func clientBy(t *testing.T, transport *http.Transport) *http.Client {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestRunListensSetsTheWebhookServesAndLeavesIt(t *testing.T) {
	t.Parallel()
	r := startRun(t, replying(rig.Hello, nil), func(_ *running, cfg *tghook.RunConfig) {
		cfg.MaxConnections, cfg.AllowedUpdates, cfg.DropPending = 33, []string{"message"}, true
	})
	call := r.begun().Params
	url := "http://" + r.address
	client := plainClient(t)
	assert.Equal(t, tghook.SecretFor(rig.APIToken, url+"/telegram"), call["secret_token"], "secret")
	assert.Equal(t, "33", call["max_connections"], "max_connections")
	assert.Equal(t, `["message"]`, call["allowed_updates"], "allowed_updates")
	assert.Equal(t, "true", call["drop_pending_updates"], "drop_pending_updates")
	assert.Equal(t, "200 sendMessage", r.update(), "an update")
	assert.Equal(t, map[string]string{"chat_id": "7", "text": "hello"}, r.tg.ExpectCall(t, "sendMessage").Params, "its reply")
	assert.Equal(t, "200", r.post(client, url+"/healthz", ""), "health")
	assert.Equal(t, "404", r.post(client, url+"/other", ""), "elsewhere")
	r.end()
	assert.Len(t, r.tg.Calls(), 2, "calls of the Bot API")
}

func TestRunKeepsTheWebhookAndNeedsNoTokenThen(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]string{"without a token": "", "with a token": rig.APIToken} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRun(t, replying(rig.Hello, nil), func(_ *running, cfg *tghook.RunConfig) {
				cfg.KeepWebhook, cfg.Token, cfg.URL, cfg.Path = true, token, "", "/bots/first"
				cfg.Webhook.Secret = rig.HookToken
			})
			r.await()
			r.set(tghook.WebhookRequest{URL: "http://" + r.address + "/bots/first", SecretToken: rig.HookToken})
			assert.Equal(t, "200 sendMessage", r.update(), "an update")
			assert.Equal(t, "404", r.post(plainClient(t), "http://"+r.address+"/bots/second", rig.MessageIn(7, 2)), "elsewhere")
			r.end()
			r.tg.ExpectCall(t, "sendMessage")
			r.others++ // that, which was an answer
			r.untold()
		})
	}
}

// The secret of a webhook that another process has set with Run is known.
func TestRunDerivesTheSecretOfAWebhookThatItKeeps(t *testing.T) {
	t.Parallel()
	r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(_ *running, cfg *tghook.RunConfig) { cfg.KeepWebhook = true })
	r.await()
	url := "http://" + r.address + "/telegram"
	r.set(tghook.WebhookRequest{URL: url, SecretToken: tghook.SecretFor(rig.APIToken, url)})
	assert.Equal(t, "200", r.update(), "an update")
	r.end()
}

func TestRunFailsBeforeTelegramIsToldAnything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.pem")
	certFile, _, _ := certificateFiles(t)
	_, otherKey, _ := certificateFiles(t)
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, []byte("precious"), 0o600))
	taken := func(network, address string) string {
		l, err := new(net.ListenConfig).Listen(t.Context(), network, address)
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		return l.Addr().String()
	}
	port, socket := taken("tcp", "127.0.0.1:0"), taken("unix", filepath.Join(dir, "taken"))
	for name, c := range map[string]struct {
		change func(*tghook.RunConfig)
		want   string
	}{
		"a port that is taken":              {func(cfg *tghook.RunConfig) { cfg.Listen = port }, "RunConfig.Listen"},
		"a socket that is in use":           {func(cfg *tghook.RunConfig) { cfg.Listen = socket }, "RunConfig.Listen"},
		"a file in place of a socket":       {func(cfg *tghook.RunConfig) { cfg.Listen = plain }, "RunConfig.Listen"},
		"an address that is none":           {func(cfg *tghook.RunConfig) { cfg.Listen = "127.0.0.1:http3" }, "RunConfig.Listen"},
		"a certificate that cannot be read": {func(cfg *tghook.RunConfig) { cfg.CertFile, cfg.KeyFile = missing, missing }, "RunConfig.CertFile"},
		"the key of another certificate":    {func(cfg *tghook.RunConfig) { cfg.CertFile, cfg.KeyFile = certFile, otherKey }, "RunConfig.CertFile"},
		"a key without its certificate":     {func(cfg *tghook.RunConfig) { cfg.KeyFile = missing }, "RunConfig.KeyFile"},
		"TLS without a certificate":         {func(cfg *tghook.RunConfig) { cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS13} }, "RunConfig.TLS: has no certificate"},
		"half a pair of files":              {func(cfg *tghook.RunConfig) { cfg.CertFile = certFile }, "RunConfig.CertFile: is given without KeyFile"},
		"a config of TLS beside files": {func(cfg *tghook.RunConfig) {
			cfg.CertFile, cfg.KeyFile, cfg.TLS = certFile, otherKey, &tls.Config{MinVersion: tls.VersionTLS13}
		}, "RunConfig.TLS: is given with CertFile"},
		"sources on a socket": {func(cfg *tghook.RunConfig) {
			cfg.Listen, cfg.Webhook.AllowedSources = socket+"2", tghook.TelegramSources()
		}, "RunConfig.Webhook.AllowedSources: lets nobody in on a unix socket"},
		"two kinds in one":                  {func(cfg *tghook.RunConfig) { cfg.AllowedUpdates = []string{"message", "poll,poll_answer"} }, "RunConfig.AllowedUpdates[1]: is not the name of a kind"},
		"a negative DrainDelay":             {func(cfg *tghook.RunConfig) { cfg.DrainDelay = -1 }, "RunConfig.DrainDelay"},
		"the health path at Path":           {func(cfg *tghook.RunConfig) { cfg.Path = "/healthz" }, "RunConfig.Path: has the path /healthz"},
		"a nil Client":                      {func(cfg *tghook.RunConfig) { cfg.Webhook.Dispatch.Caller = (*tghook.Client)(nil) }, "Config.Dispatch.Caller: a nil *Client"},
		"TLS in two ways":                   {func(cfg *tghook.RunConfig) { cfg.CertFile, cfg.KeyFile, cfg.SelfSigned = certFile, otherKey, true }, "RunConfig.SelfSigned: is given with another certificate"},
		"a certificate beside its own":      {func(cfg *tghook.RunConfig) { cfg.SelfSigned, cfg.Certificate = true, []byte("x") }, "RunConfig.Certificate"},
		"a certificate for http":            {func(cfg *tghook.RunConfig) { cfg.SelfSigned = true }, "RunConfig.SelfSigned: serves TLS"},
		"a certificate that nobody uploads": {func(cfg *tghook.RunConfig) { cfg.SelfSigned, cfg.KeepWebhook = true, true }, "RunConfig.SelfSigned: cannot be uploaded"},
		"updates that nobody drops":         {func(cfg *tghook.RunConfig) { cfg.DropPending, cfg.KeepWebhook = true, true }, "RunConfig.DropPending"},
		"a certificate that is not the one served": {func(cfg *tghook.RunConfig) {
			cfg.CertFile, cfg.KeyFile, _ = certificateFiles(t)
			cfg.Certificate = certified(t, nil, named("127.0.0.1")).pem
		}, "RunConfig.Certificate: is not the one that is served"},
		"a certificate for another host":              {func(cfg *tghook.RunConfig) { cfg.Certificate = certified(t, nil, named("other.example.org")).pem }, "WebhookRequest.Certificate"},
		"a host that does not resolve":                {func(cfg *tghook.RunConfig) { cfg.URL = "http://no-such-host.invalid/telegram" }, "does not resolve"},
		"a URL that is none":                          {func(cfg *tghook.RunConfig) { cfg.URL = ":" }, "RunConfig.URL"},
		"a URL with a fragment":                       {func(cfg *tghook.RunConfig) { cfg.URL += "#updates" }, "RunConfig.URL: has a fragment"},
		"http at Telegram's":                          {func(cfg *tghook.RunConfig) { cfg.Client.Local = false }, "WebhookRequest.URL: must begin with https"},
		"a path without a slash":                      {func(cfg *tghook.RunConfig) { cfg.Path = "telegram" }, "RunConfig.Path"},
		"a path that is none":                         {func(cfg *tghook.RunConfig) { cfg.Path = "/%zz" }, "RunConfig.Path"},
		"a health path without a slash":               {func(cfg *tghook.RunConfig) { cfg.HealthPath = "healthz" }, "RunConfig.HealthPath"},
		"updates at the health path":                  {func(cfg *tghook.RunConfig) { cfg.URL = strings.Replace(cfg.URL, "telegram", "healthz", 1) }, "RunConfig.URL: has the path /healthz"},
		"no secret and none to derive":                {func(cfg *tghook.RunConfig) { cfg.KeepWebhook, cfg.Token = true, "" }, "Config.Secret"},
		"none of a webhook of which nothing is known": {func(cfg *tghook.RunConfig) { cfg.KeepWebhook, cfg.URL = true, "" }, "Config.Secret"},
		"a poll's own Dispatch":                       {func(cfg *tghook.RunConfig) { cfg.Poll.Dispatch.MaxLane = 1 }, "RunConfig.Poll.Dispatch"},
		"several mistakes": {func(cfg *tghook.RunConfig) {
			cfg.Token, cfg.HealthPath, cfg.Grace, cfg.MaxConnections = rig.APIToken+" ", "/telegram", -1, -4
			cfg.Webhook.Secret, cfg.CertFile, cfg.KeyFile, cfg.Webhook.Dispatch.MaxLane = rig.HookToken+" ", missing, missing, -1
		}, "token|RunConfig.HealthPath|RunConfig.Grace|Config.Secret|WebhookRequest.MaxConnections|RunConfig.CertFile|Config.Dispatch.MaxLane"},
		"mistakes of no consequence to a poll": {func(cfg *tghook.RunConfig) {
			cfg.URL, cfg.HealthPath, cfg.KeyFile, cfg.Client.Patience = "", "x", missing, -1
		}, "RunConfig.HealthPath|RunConfig.KeyFile|ClientConfig.Patience"},
		"no token": {func(cfg *tghook.RunConfig) { cfg.Token = "" }, "token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(_ *running, cfg *tghook.RunConfig) { c.change(cfg) })
			err := r.fails()
			for want := range strings.SplitSeq(c.want, "|") {
				assert.Containsf(t, fmt.Sprint(err), want, "%v does not say %q", err, want)
			}
			r.untold()
			r.gone()
		})
	}
	t.Cleanup(func() {
		if content, err := os.ReadFile(plain); string(content) != "precious" {
			t.Errorf("the file at the socket's path: %q, %v", content, err)
		}
	})
}

func TestRunEndsIfTheWebhookCannotBeSet(t *testing.T) {
	t.Parallel()
	r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(r *running, _ *tghook.RunConfig) {
		r.tg.FailCalls(1, tghooktest.CallError{Code: 401})
	})
	var refused *tghook.APIError
	if err := r.fails(); !errors.As(err, &refused) || refused.Code != 401 {
		t.Errorf("Run returned %v", err)
	}
	r.gone()
}

// What is set for the webhook stays where it is when the URL is taken away.
func TestRunPollsWithoutAURL(t *testing.T) {
	t.Parallel()
	observed := make(chan tghook.Delivery, 1)
	lanes := make(chan int64, 1)
	var greet tghook.HandlerFunc = func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "hello"}}, nil
	}
	r := startRun(t, greet, func(r *running, cfg *tghook.RunConfig) {
		cfg.URL, cfg.SelfSigned, cfg.Path, cfg.MaxConnections, cfg.AllowedUpdates = "", true, "/telegram", 33, []string{"message"}
		cfg.Webhook.Dispatch.Observe = func(_ context.Context, v tghook.Delivery) { observed <- v }
		cfg.Webhook.Dispatch.Lane = func(u *tghook.Update) string {
			lanes <- u.ID
			return ""
		}
		r.tg.User("Ann").Chat().Send("/start")
	})
	delivery := rig.Receive(t, "an update", observed)
	assert.Equal(t, tghook.KindMessage, delivery.Update.Kind, "handled")
	assert.Equal(t, tghook.OutcomeReplied, delivery.Outcome, "outcome")
	assert.Equal(t, delivery.Update.ID, rig.Receive(t, "Lane", lanes), "asked for a lane")
	r.tg.User("Ann").Chat().Expect(t, "hello")
	assert.Equal(t, `["message"]`, r.tg.Calls("getUpdates")[0].Params["allowed_updates"], "allowed_updates")
	r.end()
	assert.Equal(t, 0, r.tg.Pending(), "pending")
	assert.Empty(t, r.tg.Calls("setWebhook"), "webhooks set")
}

func TestRunsHandlerFindsTheValuesOfItsContext(t *testing.T) {
	t.Parallel()
	found := make(chan any, 1)
	var h tghook.HandlerFunc = func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		found <- ctx.Value(runKey{})
		return tghook.NoReply, nil
	}
	hooked := startRun(t, h, nil)
	hooked.begun()
	assert.Equal(t, "200", hooked.update(), "an update")
	assert.Equal(t, any("of Run"), rig.Receive(t, "the handler", found), "by webhook")
	hooked.end()
	polled := startRun(t, h, func(r *running, cfg *tghook.RunConfig) {
		cfg.URL = ""
		r.queue()
	})
	assert.Equal(t, any("of Run"), rig.Receive(t, "the handler", found), "by poll")
	polled.end()
}

// Telegram's requests have the URL's path as it was given.
func TestRunServesThePathThatRequestsCarry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ url, path, good, bad string }{
		"the URL's":              {"/telegram", "", "/telegram", "/"},
		"none":                   {"", "", "/", "/telegram"},
		"a slash at its end":     {"/telegram/", "", "/telegram/", "/telegram"},
		"a query":                {"/telegram?bot=1", "", "/telegram?bot=1", "/?bot=1"},
		"a query alone":          {"?bot=1", "", "/?bot=1", "/bot=1"},
		"escapes":                {"/a%20b%2Fc", "", "/a%20b%2Fc", "/a"},
		"other letters":          {"/é", "", "/%C3%A9", "/e"},
		"two slashes":            {"//telegram", "", "//telegram", "/telegram"},
		"a path of its own":      {"/bots/first/telegram", "/telegram", "/telegram", "/bots/first/telegram"},
		"one with escapes":       {"/telegram", "/a%20b", "/a%20b", "/telegram"},
		"one that cannot be hit": {tghook.PathFor(rig.APIToken), "", tghook.PathFor(rig.APIToken), "/telegram"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(r *running, cfg *tghook.RunConfig) {
				cfg.URL, cfg.Path = "http://"+r.address+c.url, c.path
			})
			call := r.begun()
			client := plainClient(t)
			if c.path == "" { // else a proxy changes it
				assert.Equal(t, "200", r.update(), "by Telegram")
			}
			assert.Equal(t, "200", r.post(client, "http://"+r.address+c.good, rig.MessageIn(7, 1)), c.good)
			assert.Equal(t, "404", r.post(client, "http://"+r.address+c.bad, rig.MessageIn(7, 2)), c.bad)
			assert.Equal(t, "http://"+r.address+c.url, call.Params["url"], "url")
			r.end()
		})
	}
}

func TestRunServesAUnixSocketAndReplacesAnOldOne(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "bot.sock")
	old, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	require.NoError(t, err)
	old.(*net.UnixListener).SetUnlinkOnClose(false) // as a process that was killed leaves it
	_ = old.Close()
	r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(r *running, cfg *tghook.RunConfig) {
		r.network, r.address, cfg.Listen = "unix", socket, socket
	})
	r.begun()
	client := clientBy(t, &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}})
	assert.Equal(t, "200", r.post(client, "http://bot/telegram", rig.MessageIn(7, 1)), "an update")
	r.end()
	if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// Telegram trusts the uploaded certificate alone, and compares the host with its
// common name, addresses included.
func TestRunMakesACertificateThatTelegramAccepts(t *testing.T) {
	t.Parallel()
	r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(r *running, cfg *tghook.RunConfig) {
		cfg.SelfSigned, cfg.URL = true, "https://"+r.address+"/telegram"
	})
	certificate := r.begun().Files["certificate"].Content
	block, rest := pem.Decode(certificate)
	if block == nil || len(rest) > 0 {
		t.Fatalf("the certificate was uploaded as %q", certificate)
	}
	uploaded, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	if uploaded.Subject.CommonName != "127.0.0.1" || len(uploaded.DNSNames)+len(uploaded.IPAddresses) > 0 {
		t.Errorf("common name %q, DNS names %v, addresses %v", uploaded.Subject.CommonName, uploaded.DNSNames, uploaded.IPAddresses)
	}
	assert.Equal(t, "200", r.update(), "an update")
	r.end()
}

func TestRunTakesItsPortFromTheEnvironment(t *testing.T) {
	port := rig.FreePort(t)
	t.Setenv("PORT", port)
	r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(r *running, cfg *tghook.RunConfig) {
		cfg.Listen, r.address = "", "127.0.0.1:"+port
		cfg.URL = "http://" + r.address + "/telegram"
	})
	r.begun()
	assert.Equal(t, "200", r.update(), "an update")
	r.end()
	named := startRun(t, tghook.HandlerFunc(rig.Nothing), nil)
	named.begun() // at Listen, whatever PORT says
	named.end()
}

func TestRunListensWhereTelegramConnectsIfItServesTLSItself(t *testing.T) {
	t.Setenv("PORT", "")
	r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(r *running, cfg *tghook.RunConfig) {
		cfg.SelfSigned, cfg.URL, cfg.Listen = true, "https://"+r.address+"/telegram", ""
	})
	r.begun()
	assert.Equal(t, "200", r.update(), "an update")
	r.end()
}

func TestRunServesTLSFromFiles(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := certificateFiles(t)
	r := startRunTrusted(t, roots, tghook.HandlerFunc(rig.Nothing), func(r *running, cfg *tghook.RunConfig) {
		cfg.CertFile, cfg.KeyFile, cfg.URL = certFile, keyFile, "https://"+r.address+"/telegram"
	})
	assert.Empty(t, r.begun().Files, "certificates uploaded")
	assert.Equal(t, "200", r.update(), "an update")
	r.end()
}

func TestRunServesTLSAsItIsTold(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := certificateFiles(t)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	own := &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil },
	}
	r := startRunTrusted(t, roots, tghook.HandlerFunc(rig.Nothing), func(r *running, cfg *tghook.RunConfig) {
		cfg.TLS, cfg.URL = own, "https://"+r.address+"/telegram"
	})
	r.begun()
	assert.Equal(t, "200", r.update(), "an update")
	older := &tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}}
	if conn, err := older.DialContext(t.Context(), "tcp", r.address); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.2 is served")
	}
	r.end()
	assert.Empty(t, own.NextProtos, "the caller's protocols")
}

func TestARunConfigIsPrintedWithoutWhatIsSecret(t *testing.T) {
	t.Parallel()
	cfg := tghook.RunConfig{
		Token: rig.APIToken, URL: "https://bot.example.org/" + rig.APIToken,
		Webhook: tghook.Config{Secret: rig.HookToken, PreviousSecret: rig.HookToken + "_"},
		Poll:    tghook.PollConfig{PutBackSecret: rig.HookToken},
	}
	for _, value := range []any{cfg, &cfg, struct{ Run tghook.RunConfig }{cfg}} {
		for _, text := range rig.Printings(value) {
			assert.False(t, rig.Leaks(text), "the token or a secret is told")
		}
	}
	assert.Equal(t, "RunConfig of bot 7244100913, by webhook", fmt.Sprint(cfg), "by webhook")
	cfg.URL = ""
	assert.Equal(t, "RunConfig of bot 7244100913, by long poll", fmt.Sprint(cfg), "by poll")
	cfg.KeepWebhook = true
	assert.Equal(t, "RunConfig of bot 7244100913, by webhook", fmt.Sprint(cfg), "kept")
}

// certificateFiles writes a certificate for 127.0.0.1 and its key.
func certificateFiles(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	template := named("127.0.0.1")
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	made := certified(t, nil, template)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, content := range map[string][]byte{certFile: made.pem, keyFile: made.keyPEM(t)} {
		require.NoError(t, os.WriteFile(file, content, 0o600))
	}
	roots = x509.NewCertPool()
	roots.AddCert(made.cert)
	return certFile, keyFile, roots
}

func TestRunSaysWhichSettingItCannotListenAtAndWhy(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	const use = "address already in use: end the process that listens there, or give another"
	for name, c := range map[string]struct {
		env    map[string]string
		change func(*tghook.RunConfig)
		want   string
	}{
		"Listen":     {nil, func(cfg *tghook.RunConfig) { cfg.Listen = ":" + port }, "tghook: RunConfig.Listen: cannot listen at :" + port + ": " + use},
		"PORT":       {map[string]string{"PORT": port}, func(*tghook.RunConfig) {}, "tghook: PORT: cannot listen at :" + port + ": " + use},
		"a variable": {map[string]string{"TELEGRAM_LISTEN": ":" + port}, func(*tghook.RunConfig) {}, "tghook: TELEGRAM_LISTEN: cannot listen at :" + port + ": " + use},
		"a variable with something else in it": {
			map[string]string{"TELEGRAM_LISTEN": rig.APIToken},
			func(*tghook.RunConfig) {},
			"tghook: TELEGRAM_LISTEN: not an address to listen at; give host:port, or the absolute path of a unix socket",
		},
		"a variable that counts no more": {
			map[string]string{"TELEGRAM_LISTEN": "127.0.0.1:1"},
			func(cfg *tghook.RunConfig) { cfg.Listen = ":" + port },
			"tghook: RunConfig.Listen: cannot listen at :" + port + ": " + use,
		},
		"the default with TLS": {
			nil, func(cfg *tghook.RunConfig) { cfg.SelfSigned, cfg.URL = true, "https://127.0.0.1:"+port+"/telegram" },
			"tghook: RunConfig.Listen: not set, and PORT is not set; the bot serves TLS, so it listens at the port of the URL: " +
				"cannot listen at :" + port + ": " + use,
		},
	} {
		t.Run(name, func(t *testing.T) {
			variables := map[string]string{"PORT": "", "TELEGRAM_TOKEN": rig.APIToken}
			maps.Copy(variables, c.env)
			setEnv(t, variables)
			r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(_ *running, cfg *tghook.RunConfig) {
				read, err := tghook.FromEnv()
				require.NoError(t, err, "FromEnv")
				read.URL, read.Client = cfg.URL, cfg.Client
				c.change(&read)
				*cfg = read
			})
			err := r.fails()
			assert.Equal(t, c.want, fmt.Sprint(err), "error")
			assert.Equal(t, strings.Contains(c.want, use), errors.Is(err, syscall.EADDRINUSE), "is the system's")
			r.untold()
		})
	}
}

// A platform that sets PORT expects a listener, and a laptop has other programs.
func TestRunListensWhilePollingWhereItIsTold(t *testing.T) {
	usual, err := new(net.ListenConfig).Listen(t.Context(), "tcp", ":8080")
	if err == nil {
		defer usual.Close()
	} // else somebody else has it
	for name, listens := range map[string]string{"by PORT": "PORT", "by Listen": "Listen", "not at all": ""} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PORT", "")
			r := startRun(t, tghook.HandlerFunc(rig.Nothing), func(r *running, cfg *tghook.RunConfig) {
				cfg.URL, cfg.Listen = "", ""
				switch listens {
				case "PORT":
					t.Setenv("PORT", r.port)
				case "Listen":
					cfg.Listen = r.address
				}
			})
			r.tg.ExpectCall(t, "getWebhookInfo") // after which it polls
			if listens != "" {
				assert.Equal(t, "200", r.post(plainClient(t), "http://"+r.address+"/healthz", "")[:3], "health")
			} else {
				require.Error(t, r.connect(), "it listens")
			}
			r.end()
		})
	}
}
