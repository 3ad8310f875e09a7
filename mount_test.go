package tghook_test

import (
	"context"
	"crypto/tls"
	"fmt"
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
	"github.com/tghook/tghook/internal/rig"
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
	address := "127.0.0.1:" + freePort(t)
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
	assert.True(t, m.Receive(t.Context()) != nil, "again")
}

func TestAMountedBotPollsWithoutAURL(t *testing.T) {
	t.Parallel()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, Patience: rig.InTime})
	handled := make(chan int64, 1)
	chat := tg.User("Ann").Chat()
	chat.Send("hi")
	address := "127.0.0.1:" + freePort(t)
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
			address := "127.0.0.1:" + freePort(t)
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
	port := freePort(t)
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
		assert.NoError(t, <-m.done, "Receive")
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
			if rig.Leaks(text) {
				t.Errorf("the token or a secret is told: %s", text)
			}
		}
	}
	assert.Equal(t, "Mounted RunConfig of bot 7244100913, by webhook", fmt.Sprint(m), "by webhook")
}
