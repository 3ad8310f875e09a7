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
	if err != nil {
		t.Fatal(err)
	}
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
	if err != nil {
		m.t.Fatal(err)
	}
	return l
}

// end ends Receive, which must return nil while the server goes on.
func (m *mounted) end() {
	m.t.Helper()
	m.stop()
	rig.Same(m.t, "Receive", rig.Receive(m.t, "its end", m.done), nil)
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
	rig.Same(t, "path", m.Path(), "/a%20b")
	rig.Same(t, "health path", m.HealthPath(), "/alive")
	m.begin(m.listen())
	call := tg.ExpectCall(t, "setWebhook").Params
	rig.Same(t, "setWebhook", call, map[string]string{
		"url": "http://" + address + "/public/telegram", "secret_token": rig.HookToken, "drop_pending_updates": "true",
		"allowed_updates": `["message","poll"]`, "max_connections": "33", "ip_address": "127.0.0.1",
	})
	r := &running{t: t, secret: rig.HookToken}
	client := plainClient(t)
	rig.Same(t, "an update", r.post(client, "http://"+address+"/a%20b", rig.MessageIn(7, 1)), "200 "+rig.HelloBody)
	rig.Same(t, "health", r.post(client, "http://"+address+"/alive", ""), "200")
	rig.Same(t, "an update elsewhere", r.post(client, "http://"+address+"/public/telegram", rig.MessageIn(7, 2)), "404 404 page not found")
	m.end()
	rig.Same(t, "health at the end", r.post(client, "http://"+address+"/alive", ""), "503")
	rig.Same(t, "an update at the end", r.post(client, "http://"+address+"/a%20b", rig.MessageIn(7, 3)), "503")
	rig.Same(t, "again", m.Receive(t.Context()) != nil, true)
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
	rig.Same(t, "handled", rig.Receive(t, "an update", handled), chat.ID)
	call := tg.ExpectCall(t, "getUpdates").Params
	rig.Same(t, "allowed_updates", call["allowed_updates"], `["message"]`)
	rig.Same(t, "timeout", call["timeout"], "1")
	client, r := plainClient(t), &running{t: t}
	if got := r.post(client, "http://"+address+"/healthz", ""); !strings.HasPrefix(got, "200 getUpdates") {
		t.Error(got)
	}
	rig.Same(t, "Shutdown", m.Shutdown(t.Context()), nil)
	rig.Same(t, "Receive", rig.Receive(t, "its end", m.done), nil)
	rig.Same(t, "pending", tg.Pending(), 0)
	if got := r.post(client, "http://"+address+"/healthz", ""); !strings.HasPrefix(got, "503 getUpdates") {
		t.Error(got)
	}
}

func TestAMountedBotServesTLSByItsListener(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := certificateFiles(t)
	own, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
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
			rig.Same(t, "certificates uploaded", len(tg.ExpectCall(t, "setWebhook").Files) == 1, name == "self-signed")
			if _, err := tg.Deliver([]byte(rig.MessageIn(7, 1))); err != nil {
				t.Fatal(err)
			}
			rig.Same(t, "an update", rig.Receive(t, "a delivery", deliveries).Status, 200)
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
	rig.Same(t, "by PORT", got, port)
	l.Close()
	cfg.Listen = filepath.Join(t.TempDir(), "bot.sock")
	l = mount(t, tghook.HandlerFunc(rig.Nothing), cfg).listen()
	rig.Same(t, "a socket", l.Addr().String(), cfg.Listen)
	l.Close()
}

// mountInMemory is a bot in a bubble, whose handler waits for release.
func mountInMemory(t *testing.T, release <-chan struct{}, change func(*tghook.RunConfig)) (m *mounted, s *standing) {
	t.Helper()
	s = &standing{t: t, tg: tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, InMemory: true})}
	l, err := s.tg.Listen("bot.example.org:80")
	if err != nil {
		t.Fatal(err)
	}
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
		rig.Same(t, "health", s.answer(healthCheck), 200)
		held := s.begin(update(7, 1))
		start := time.Now()
		m.stop()
		synctest.Wait()
		rig.Same(t, "health at the end", s.answer(healthCheck), 503)
		rig.Same(t, "Receive", <-m.done, nil)
		if took := time.Since(start); took < 18*time.Second || took > 19*time.Second {
			t.Errorf("Receive returned after %v", took)
		}
		rig.Same(t, "the answer", held.read().status, 503)
		rig.Same(t, "the rest of the site", s.answer([]byte("GET /about HTTP/1.1\r\nHost: bot\r\n\r\n")), http.StatusTeapot)
	})
}

// A bot that is removed leaves nothing behind, and takes no longer than what it has
// taken.
func TestAMountedBotCanBeRemoved(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		m, s := mountInMemory(t, release, func(cfg *tghook.RunConfig) { cfg.DrainDelay = time.Hour })
		held := s.begin(update(7, 1))
		if err := s.tg.Bot(t).DeleteWebhook(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(2*time.Second, func() { close(release) })
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		rig.Same(t, "Shutdown", m.Shutdown(ctx), nil)
		rig.Same(t, "Receive", <-m.done, nil)
		rig.Same(t, "the answer", held.read().status, 200)
		rig.Same(t, "took", time.Since(start), 2*time.Second)
		rig.Same(t, "webhooks", fmt.Sprint(len(s.tg.Calls("setWebhook")), len(s.tg.Calls("deleteWebhook"))), "1 1")
	})
}

// Shutdown is for those who will not wait.
func TestShutdownEndsTheDrainDelay(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		m, s := mountInMemory(t, nil, func(cfg *tghook.RunConfig) { cfg.DrainDelay = time.Hour })
		rig.Same(t, "health", s.answer(healthCheck), 200)
		m.stop()
		rig.Pass(time.Second)
		start := time.Now()
		rig.Same(t, "Shutdown", m.Shutdown(t.Context()), nil)
		rig.Same(t, "Receive", <-m.done, nil)
		rig.Same(t, "took", time.Since(start), 0)
	})
}

func TestMountNamesEveryMistakeAsRunDoes(t *testing.T) {
	t.Parallel()
	_, err := tghook.Mount(nil, tghook.RunConfig{URL: "https://bot.example.org/", Grace: -1, DrainDelay: -1, MaxConnections: 101})
	rig.Same(t, "mistakes", mistaken(t, err), []string{
		"RunConfig.DrainDelay", "RunConfig.Grace", "token", "WebhookRequest.MaxConnections", "Handler",
	})
	_, err = tghook.Mount(nil, tghook.RunConfig{Grace: -1, Poll: tghook.PollConfig{Wait: -1}})
	rig.Same(t, "of a poll", mistaken(t, err), []string{"RunConfig.Grace", "token", "Handler", "PollConfig.Wait"})
}

func TestAMountedIsPrintedWithoutWhatIsSecret(t *testing.T) {
	t.Parallel()
	m, err := tghook.Mount(tghook.HandlerFunc(rig.Nothing), tghook.RunConfig{
		Token: rig.APIToken, URL: "https://bot.example.org/" + rig.APIToken, Webhook: tghook.Config{Secret: rig.HookToken},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []any{m, struct{ Handler http.Handler }{m}, http.Server{Handler: m}.Handler} {
		for _, text := range append(rig.Printings(value), fmt.Sprintf("%d %x", value, value)) {
			if rig.Leaks(text) {
				t.Errorf("the token or a secret is told: %s", text)
			}
		}
	}
	rig.Same(t, "by webhook", fmt.Sprint(m), "Mounted RunConfig of bot 7244100913, by webhook")
}
