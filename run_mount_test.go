package tghook_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// mounted is a Mounted on a server that has other things to do.
type mounted struct {
	*tghook.Mounted
	t      *testing.T
	server *http.Server
	stop   context.CancelFunc
	done   chan error
}

func mount(t *testing.T, h tghook.Handler, cfg tghook.RunConfig) *mounted {
	t.Helper()
	m, err := tghook.Mount(h, cfg)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle(m.Path(), m)
	mux.Handle(m.HealthPath(), m)
	mux.HandleFunc("GET /about", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusTeapot) })
	return &mounted{Mounted: m, t: t, server: &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}, done: make(chan error, 1)}
}

// begin serves on l and receives.
func (m *mounted) begin(l net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	go func() { _ = m.server.Serve(l) }()
	go func() { m.done <- m.Receive(ctx) }()
	m.t.Cleanup(func() {
		cancel()
		_ = m.server.Close()
	})
}

func (m *mounted) listen() net.Listener {
	m.t.Helper()
	l, err := m.Listen(m.t.Context())
	require.NoError(m.t, err)
	return l
}

// end ends Receive, which must return nil while the server goes on.
func (m *mounted) end() {
	m.t.Helper()
	m.stop()
	assert.NoError(m.t, rig.Receive(m.t, "its end", m.done), "Receive")
}

func TestAMountedBotHonoursTheSameSettings(t *testing.T) {
	t.Parallel()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, Patience: rig.InTime})
	address := "127.0.0.1:" + rig.FreePort(t)
	m := mount(t, replying(rig.Hello, nil), tghook.RunConfig{
		Token: rig.APIToken, URL: "http://" + address + "/public/telegram", Path: "/a%20b", Listen: address, HealthPath: "/alive",
		Webhook: tghook.Config{Secret: rig.HookToken}, Client: tghook.ClientConfig{BaseURL: tg.URL, Local: true},
		DropPending: true, AllowedUpdates: []string{"message", "poll"}, MaxConnections: 33, IPAddress: "127.0.0.1",
	})
	assert.Equal(t, "/a%20b", m.Path(), "path")
	assert.Equal(t, "/alive", m.HealthPath(), "health path")
	m.begin(m.listen())
	call := tg.ExpectCall(t, "setWebhook").Params
	assert.Equal(t, map[string]string{
		"url": "http://" + address + "/public/telegram", "secret_token": rig.HookToken, "drop_pending_updates": "true",
		"allowed_updates": `["message","poll"]`, "max_connections": "33", "ip_address": "127.0.0.1",
	}, call, "setWebhook")
	r := &running{t: t, secret: rig.HookToken}
	client := plainClient(t)
	assert.Equal(t, "200 "+rig.HelloBody, r.post(client, "http://"+address+"/a%20b", rig.MessageIn(7, 1)), "an update")
	assert.Equal(t, "200", r.post(client, "http://"+address+"/alive", ""), "health")
	assert.Equal(t, "404 404 page not found", r.post(client, "http://"+address+"/public/telegram", rig.MessageIn(7, 2)), "an update elsewhere")
	m.end()
	assert.Equal(t, "503", r.post(client, "http://"+address+"/alive", ""), "health at the end")
	assert.Equal(t, "503", r.post(client, "http://"+address+"/a%20b", rig.MessageIn(7, 3)), "an update at the end")
	require.Error(t, m.Receive(t.Context()), "again")
}

func TestAMountedBotPollsWithoutAURL(t *testing.T) {
	t.Parallel()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, Patience: rig.InTime})
	handled := make(chan int64, 1)
	chat := tg.User("Ann").Chat()
	chat.Send("hi")
	address := "127.0.0.1:" + rig.FreePort(t)
	m := mount(t, tghook.Kinds{tghook.KindMessage: tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		handled <- u.ChatID
		return tghook.NoReply, nil
	})}, tghook.RunConfig{
		Token: rig.APIToken, Listen: address, Client: tghook.ClientConfig{BaseURL: tg.URL}, Poll: tghook.PollConfig{Wait: time.Second},
	})
	m.begin(m.listen())
	assert.Equal(t, chat.ID, rig.Receive(t, "an update", handled), "handled")
	call := tg.ExpectCall(t, "getUpdates").Params
	assert.Equal(t, `["message"]`, call["allowed_updates"], "allowed_updates")
	assert.Equal(t, "1", call["timeout"], "timeout")
	client, r := plainClient(t), &running{t: t}
	if got := r.post(client, "http://"+address+"/healthz", ""); !strings.HasPrefix(got, "200 getUpdates") {
		t.Error(got)
	}
	assert.NoError(t, m.Shutdown(t.Context()), "Shutdown")
	assert.NoError(t, rig.Receive(t, "its end", m.done), "Receive")
	assert.Equal(t, 0, tg.Pending(), "pending")
	if got := r.post(client, "http://"+address+"/healthz", ""); !strings.HasPrefix(got, "503 getUpdates") {
		t.Error(got)
	}
}

func TestAMountedBotServesTLSByItsListener(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := certificateFiles(t)
	own, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	for name, change := range map[string]func(*tghook.RunConfig){
		"files": func(cfg *tghook.RunConfig) { cfg.CertFile, cfg.KeyFile = certFile, keyFile },
		"TLS": func(cfg *tghook.RunConfig) {
			cfg.TLS = &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}
		},
		"self-signed": func(cfg *tghook.RunConfig) { cfg.SelfSigned, cfg.KeepWebhook = true, false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deliveries := make(chan tghooktest.Delivery, 100)
			tg := tghooktest.NewServer(t, tghooktest.ServerConfig{
				Token: rig.APIToken, Roots: roots, Patience: rig.InTime, Observe: func(d tghooktest.Delivery) { deliveries <- d },
			})
			address := "127.0.0.1:" + rig.FreePort(t)
			cfg := tghook.RunConfig{
				Token: rig.APIToken, URL: "https://" + address + "/telegram", Listen: address,
				Client: tghook.ClientConfig{BaseURL: tg.URL, Local: true},
			}
			change(&cfg)
			m := mount(t, tghook.HandlerFunc(rig.Nothing), cfg)
			m.begin(m.listen())
			assert.Equal(t, name == "self-signed", len(tg.ExpectCall(t, "setWebhook").Files) == 1, "certificates uploaded")
			if _, err := tg.Deliver([]byte(rig.MessageIn(7, 1))); err != nil {
				t.Fatal(err)
			}
			assert.Equal(t, 200, rig.Receive(t, "a delivery", deliveries).Status, "an update")
			m.end()
		})
	}
}

func TestAMountedBotListensAtASocketAndAtPORT(t *testing.T) {
	port := rig.FreePort(t)
	t.Setenv("PORT", port)
	cfg := tghook.RunConfig{KeepWebhook: true, Webhook: tghook.Config{Secret: rig.HookToken}}
	l := mount(t, tghook.HandlerFunc(rig.Nothing), cfg).listen()
	_, got, _ := net.SplitHostPort(l.Addr().String())
	assert.Equal(t, port, got, "by PORT")
	l.Close()
	cfg.Listen = filepath.Join(t.TempDir(), "bot.sock")
	l = mount(t, tghook.HandlerFunc(rig.Nothing), cfg).listen()
	assert.Equal(t, cfg.Listen, l.Addr().String(), "a socket")
	l.Close()
}

// mountInMemory is a bot in a bubble, whose handler waits for release.
func mountInMemory(t *testing.T, release <-chan struct{}, change func(*tghook.RunConfig)) (m *mounted, s *standing) {
	t.Helper()
	s = &standing{t: t, tg: tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, InMemory: true})}
	l, err := s.tg.Listen("bot.example.org:80")
	require.NoError(t, err)
	cfg := tghook.RunConfig{
		Token: rig.APIToken, URL: "http://bot.example.org/hook", Webhook: tghook.Config{Secret: rig.HookToken}, IPAddress: "127.0.0.1",
		Client: tghook.ClientConfig{BaseURL: s.tg.URL, HTTP: s.tg.Client(), Local: true},
	}
	change(&cfg)
	m = mount(t, tghook.HandlerFunc(func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		select {
		case <-release:
			return tghook.NoReply, nil
		case <-ctx.Done():
			return tghook.NoReply, context.Cause(ctx)
		}
	}), cfg)
	m.begin(l)
	synctest.Wait()
	t.Cleanup(func() {
		for _, c := range s.open {
			_ = c.Close()
		}
	})
	return m, s
}

func TestAMountedBotDrainsAndHasItsGrace(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		m, s := mountInMemory(t, nil, func(cfg *tghook.RunConfig) {
			cfg.DrainDelay, cfg.Grace, cfg.Webhook.LateAfter = 15*time.Second, 3*time.Second, -1
		})
		assert.Equal(t, 200, s.answer(healthCheck), "health")
		held := s.begin(update(7, 1))
		start := time.Now()
		m.stop()
		synctest.Wait()
		assert.Equal(t, 503, s.answer(healthCheck), "health at the end")
		require.NoError(t, <-m.done, "Receive")
		if took := time.Since(start); took < 18*time.Second || took > 19*time.Second {
			t.Errorf("Receive returned after %v", took)
		}
		assert.Equal(t, 503, held.read().status, "the answer")
		assert.Equal(t, http.StatusTeapot, s.answer([]byte("GET /about HTTP/1.1\r\nHost: bot\r\n\r\n")), "the rest of the site")
	})
}

// A bot that is removed leaves nothing behind, and takes no longer than what it has
// taken.
func TestAMountedBotCanBeRemoved(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		m, s := mountInMemory(t, release, func(cfg *tghook.RunConfig) { cfg.DrainDelay = time.Hour })
		held := s.begin(update(7, 1))
		require.NoError(t, s.tg.Bot(t).DeleteWebhook(t.Context(), false))
		time.AfterFunc(2*time.Second, func() { close(release) })
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		assert.NoError(t, m.Shutdown(ctx), "Shutdown")
		assert.NoError(t, <-m.done, "Receive")
		assert.Equal(t, 200, held.read().status, "the answer")
		assert.Equal(t, 2*time.Second, time.Since(start), "took")
		assert.Equal(t, "1 1", fmt.Sprint(len(s.tg.Calls("setWebhook")), len(s.tg.Calls("deleteWebhook"))), "webhooks")
	})
}

// Shutdown is for those who will not wait.
func TestShutdownEndsTheDrainDelay(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		m, s := mountInMemory(t, nil, func(cfg *tghook.RunConfig) { cfg.DrainDelay = time.Hour })
		assert.Equal(t, 200, s.answer(healthCheck), "health")
		m.stop()
		rig.Pass(time.Second)
		start := time.Now()
		assert.NoError(t, m.Shutdown(t.Context()), "Shutdown")
		assert.NoError(t, <-m.done, "Receive")
		assert.Equal(t, time.Duration(0), time.Since(start), "took")
	})
}

func TestMountNamesEveryMistakeAsRunDoes(t *testing.T) {
	t.Parallel()
	_, err := tghook.Mount(nil, tghook.RunConfig{URL: "https://bot.example.org/", Grace: -1, DrainDelay: -1, MaxConnections: 101})
	assert.Equal(t, []string{
		"RunConfig.DrainDelay", "RunConfig.Grace", "token", "WebhookRequest.MaxConnections", "Handler",
	}, rig.Mistaken(t, err), "mistakes")
	_, err = tghook.Mount(nil, tghook.RunConfig{Grace: -1, Poll: tghook.PollConfig{Wait: -1}})
	assert.Equal(t, []string{"RunConfig.Grace", "token", "Handler", "PollConfig.Wait"}, rig.Mistaken(t, err), "of a poll")
}

func TestAMountedIsPrintedWithoutWhatIsSecret(t *testing.T) {
	t.Parallel()
	m, err := tghook.Mount(tghook.HandlerFunc(rig.Nothing), tghook.RunConfig{
		Token: rig.APIToken, URL: "https://bot.example.org/" + rig.APIToken, Webhook: tghook.Config{Secret: rig.HookToken},
	})
	require.NoError(t, err)
	for _, value := range []any{m, struct{ Handler http.Handler }{m}, http.Server{Handler: m}.Handler} {
		for _, text := range append(rig.Printings(value), fmt.Sprintf("%d %x", value, value)) {
			assert.False(t, rig.Leaks(text), "the token or a secret is told")
		}
	}
	assert.Equal(t, "Mounted RunConfig of bot 7244100913, by webhook", fmt.Sprint(m), "by webhook")
}

// An authority has issued a certificate, and may issue others.
type authority struct {
	pem  []byte
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// certified makes a certificate, by issuer or, without one, by itself. It is valid
// in bubbles too.
func certified(tb testing.TB, issuer *authority, template x509.Certificate) *authority {
	tb.Helper()
	template.SerialNumber = big.NewInt(1)
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Unix(0, 0), time.Now().Add(100*365*24*time.Hour)
	}
	a := &authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		tb.Fatal(err)
	}
	by := &authority{cert: &template, key: a.key}
	if issuer != nil {
		by = issuer
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, by.cert, &a.key.PublicKey, by.key)
	require.NoError(tb, err)
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		tb.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

func named(commonName string, dnsNames ...string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: commonName}, DNSNames: dnsNames}
}

// issuing is an authority's.
func issuing(c x509.Certificate) x509.Certificate {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	return c
}

// keyPEM is the private key, as a file that has it and the certificate would.
func (a *authority) keyPEM(tb testing.TB) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	require.NoError(tb, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TestACertificateIsJudgedAsTelegramsVerifierWould has cases whose outcome was
// compared with that of openssl verify -CAfile -verify_hostname, which does what
// Telegram does.
func TestACertificateIsJudgedAsTelegramsVerifierWould(t *testing.T) {
	t.Parallel()
	const name, address = "https://bot.example.org:8443/telegram", "https://149.154.167.220/telegram"
	bare := func(c x509.Certificate) []byte { return certified(t, nil, c).pem }
	serving := func(c x509.Certificate, usage x509.KeyUsage) x509.Certificate { // as openssl req -x509 makes them
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, usage
		return c
	}
	withIP := func(c x509.Certificate) x509.Certificate {
		c.IPAddresses = []net.IP{net.ParseIP("149.154.167.220")}
		return c
	}
	from := func(c x509.Certificate, begin, end time.Duration) x509.Certificate {
		c.NotBefore, c.NotAfter = time.Now().Add(begin), time.Now().Add(end)
		return c
	}
	root := certified(t, nil, issuing(named("Example Root")))
	middle := certified(t, root, issuing(named("Example Middle")))
	leaf := certified(t, middle, named("", "bot.example.org"))
	stranger := certified(t, middle, named("other.example.org"))
	self := certified(t, nil, named("bot.example.org"))
	old := certified(t, nil, from(issuing(named("Example Old Root")), -2*time.Hour, -time.Hour))
	orphan := certified(t, old, named("bot.example.org"))
	chain := func(all ...*authority) []byte {
		var joined []byte
		for _, a := range all {
			joined = append(joined, a.pem...)
		}
		return joined
	}
	broken := bytes.Replace(self.pem, []byte("-----END"), []byte("%-----END"), 1)

	tests := map[string]struct {
		url         string
		certificate []byte
		problem     string // a part of it; "" if it is fit
	}{
		"the common name is the host":            {name, self.pem, ""},
		"in other letters":                       {name, bare(named("BOT.Example.org")), ""},
		"a URL in other letters":                 {"https://Bot.EXAMPLE.org/", self.pem, ""},
		"a DNS name is the host":                 {name, bare(named("", "bot.example.org")), ""},
		"the second DNS name is":                 {name, bare(named("x", "example.org", "bot.example.org")), ""},
		"a wildcard in a DNS name":               {name, bare(named("x", "*.example.org")), ""},
		"a wildcard in the common name":          {name, bare(named("*.example.org")), ""},
		"a wildcard of more":                     {"https://a.bot.example.org/", bare(named("x", "*.example.org")), "compares the host"},
		"a wildcard of less":                     {"https://example.org/", bare(named("*.example.org")), "compares the host"},
		"the common name is another":             {name, bare(named("other.example.org")), `is for ["other.example.org"]`},
		"the common name is, a DNS name is not":  {name, bare(named("bot.example.org", "other.example.org")), `is for ["other.example.org"]`},
		"no name at all":                         {name, bare(named("")), `is for [""]`},
		"the common name is the address":         {address, bare(named("149.154.167.220")), ""},
		"so it is, and the address is beside it": {address, bare(withIP(named("149.154.167.220"))), ""},
		"a DNS name is the address":              {address, bare(named("x", "149.154.167.220")), ""},
		"the address is nowhere else":            {address, bare(withIP(named(""))), "compares the host"},
		"it is not in the common name":           {address, bare(withIP(named("My Bot"))), "compares the host"},
		"beside a DNS name":                      {address, bare(withIP(named("149.154.167.220", "bot.example.org"))), `is for ["bot.example.org"]`},
		"another address":                        {address, bare(named("149.154.167.221")), "compares the host"},
		"an address, for a name":                 {name, bare(named("149.154.167.220")), "compares the host"},

		"a whole chain":               {name, chain(leaf, middle, root), ""},
		"in another order":            {name, chain(root, leaf, middle), ""},
		"an authority alone":          {name, root.pem, ""},
		"the server's and the root":   {name, chain(leaf, root), ""},
		"a chain without its root":    {name, chain(leaf, middle), "is issued by CN=Example Middle"},
		"an issued one alone":         {name, leaf.pem, "is issued by CN=Example Middle"},
		"a chain for another host":    {name, chain(stranger, middle, root), `is for ["other.example.org"]`},
		"an authority that may serve": {name, bare(serving(named("My Authority"), 0)), `put the server's own before that of an authority`},
		"one that says so":            {name, bare(serving(named("My Authority"), x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature)), "compares the host"},
		"of which the name is right":  {name, bare(serving(named("bot.example.org"), x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature)), ""},

		"not yet valid":                {name, bare(from(named("bot.example.org"), time.Hour, 2*time.Hour)), "is valid from "},
		"expired":                      {name, bare(from(named("bot.example.org"), -2*time.Hour, -time.Hour)), "is valid from "},
		"an expired one in a chain":    {name, chain(leaf, middle, root, certified(t, root, from(named("x"), -2*time.Hour, -time.Hour))), ""},
		"an expired root":              {name, chain(orphan, old), "is issued by CN=Example Old Root"},
		"a private key behind it":      {name, append(bytes.Clone(self.pem), self.keyPEM(t)...), "has a private key in it"},
		"a private key before it":      {name, append(self.keyPEM(t), self.pem...), "has a private key in it"},
		"a private key alone":          {name, self.keyPEM(t), "has a private key in it"},
		"half a private key":           {name, append(bytes.Clone(self.pem), self.keyPEM(t)[:60]...), "has a private key in it"},
		"the binary form":              {name, self.cert.Raw, "is not in PEM form"},
		"a text":                       {name, []byte("bot.example.org"), "is not in PEM form"},
		"a broken one":                 {name, broken, "is not in PEM form"},
		"a broken one in a chain":      {name, append(bytes.Clone(broken), self.pem...), "is not in PEM form"},
		"something else in PEM form":   {name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), "cannot be read"},
		"words around it":              {name, append([]byte("the certificate:\n"), self.pem...), ""},
		"3 MiB":                        {name, padded(self.pem, 3<<20), ""},
		"3 MiB and a byte":             {name, padded(self.pem, 3<<20+1), "has 3145729 bytes, and Telegram accepts 3145728 at most"},
		"the name of another URL's":    {"https://bot.example.com/", self.pem, "compares the host, bot.example.com,"},
		"a URL with a port and a user": {"https://me:pw@bot.example.org:443/a?b", self.pem, ""},
	}
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			tg := rig.NewTelegram(t)
			tg.Name(t, test.url)
			err := tg.Client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), tghook.WebhookRequest{URL: test.url, Certificate: test.certificate, InsecureNoSecret: true})
			if test.problem == "" {
				require.NoError(t, err)
				if calls := tg.Calls("setWebhook"); len(calls) != 1 || !bytes.Equal(calls[0].Files["certificate"].Content, test.certificate) {
					t.Errorf("it was not uploaded: %d calls", len(calls))
				}
				return
			}
			mistakes := rig.ConfigErrors(t, err)
			if len(mistakes) != 1 || mistakes[0].Field != "WebhookRequest.Certificate" || !strings.Contains(mistakes[0].Problem, test.problem) {
				t.Errorf("%v, want %q", err, test.problem)
			}
			assert.Empty(t, tg.Calls(), "requests")
		})
	}
}

// padded is a certificate with words before it.
func padded(certificate []byte, size int) []byte {
	return append(bytes.Repeat([]byte("\n"), size-len(certificate)), certificate...)
}

func TestRunComparesTheUploadedCertificateWithTheOneItServes(t *testing.T) {
	t.Parallel()
	const host = "bot.example.org"
	root := certified(t, nil, issuing(named("Example Root")))
	middle := certified(t, root, issuing(named("Example Middle")))
	leaf := certified(t, middle, named("", host))
	own := certified(t, nil, named(host))
	other := certified(t, nil, named(host))
	serve := func(all ...*authority) tls.Certificate {
		pair := tls.Certificate{PrivateKey: all[0].key}
		for _, a := range all {
			pair.Certificate = append(pair.Certificate, a.cert.Raw)
		}
		return pair
	}
	join := func(all ...*authority) (joined []byte) {
		for _, a := range all {
			joined = append(joined, a.pem...)
		}
		return joined
	}
	pick := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }
	for what, test := range map[string]struct {
		served   *tls.Config
		uploaded []byte
		belongs  bool
	}{
		"itself":                    {&tls.Config{Certificates: []tls.Certificate{serve(own)}}, join(own), true},
		"another of the same name":  {&tls.Config{Certificates: []tls.Certificate{serve(own)}}, join(other), false},
		"one of several":            {&tls.Config{Certificates: []tls.Certificate{serve(own), serve(other)}}, join(other), true},
		"its whole chain":           {&tls.Config{Certificates: []tls.Certificate{serve(leaf, middle)}}, join(leaf, middle, root), true},
		"its root":                  {&tls.Config{Certificates: []tls.Certificate{serve(leaf, middle)}}, join(root), true},
		"its issuer and the root":   {&tls.Config{Certificates: []tls.Certificate{serve(leaf)}}, join(middle, root), true},
		"another root":              {&tls.Config{Certificates: []tls.Certificate{serve(leaf, middle)}}, join(certified(t, nil, issuing(named("Example Root")))), false},
		"what is picked later":      {&tls.Config{GetCertificate: pick}, join(other), true},
		"plain HTTP behind a proxy": {nil, join(other), true},
	} {
		err := tghook.CheckRun(tghook.HandlerFunc(rig.Nothing), tghook.RunConfig{Token: rig.APIToken, URL: "https://" + host + "/", TLS: test.served, Certificate: test.uploaded})
		fields := []string{}
		if err != nil {
			fields = rig.Mistaken(t, err)
		}
		want := []string{"RunConfig.Certificate"}
		if test.belongs {
			want = []string{}
		}
		assert.Equal(t, want, fields, what)
	}
}
