package tghook

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// standalone is a server that has nothing to do but to receive updates.
type standalone struct {
	cfg     RunConfig // with its defaults
	client  *Client   // nil: there is no token
	hook    *Webhook
	request WebhookRequest // not used with KeepWebhook
	server  *http.Server
}

const (
	headerTimeout     = 10 * time.Second
	idleTimeout       = 90 * time.Second // Telegram keeps its connections idle for 60
	maxRequestHeaders = 16 << 10
	// closingTime is for the last answers on their way. Telegram's connections
	// without a request are not waited for.
	closingTime = time.Second
)

// newStandalone makes a server, and starts nothing. client is nil if there is no
// token, or if that is a mistake.
func newStandalone(client *Client, h Handler, cfg RunConfig) (*standalone, error) {
	told := cfg.Token != "" || !cfg.KeepWebhook
	if told && cfg.URL != "" && cfg.Webhook.Secret == "" && !cfg.Webhook.InsecureNoSecret {
		cfg.Webhook.Secret = SecretFor(cfg.Token, cfg.URL)
	}
	if client != nil {
		if cfg.Webhook.Dispatch.Caller == nil {
			cfg.Webhook.Dispatch.Caller = client
		}
		cfg.Webhook.Dispatch.Bot = cmp.Or(cfg.Webhook.Dispatch.Bot, client.bot)
	}
	hook, hookErr := New(h, cfg.Webhook)
	s := &standalone{cfg: cfg, client: client, hook: hook, request: WebhookRequest{
		URL: cfg.URL, Certificate: cfg.Certificate, Reset: true, IPAddress: cfg.IPAddress, MaxConnections: cfg.MaxConnections,
		DropPending: cfg.DropPending, SecretToken: cfg.Webhook.Secret,
		InsecureNoSecret: cfg.Webhook.InsecureNoSecret || client == nil, // which is a mistake of the token
	}}
	s.server = &http.Server{
		Handler: http.HandlerFunc(s.route), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxRequestHeaders,
	}
	err := errors.Join(hookErr, s.prepareTLS())
	if len(cfg.Certificate) > 0 && err == nil {
		err = s.strangeCertificate()
	}
	if !cfg.KeepWebhook {
		err = errors.Join(err, errors.Join(s.request.mistakes(cfg.Client.Local)...))
	}
	if err != nil {
		return nil, err
	}
	if !cfg.KeepWebhook {
		s.request.AllowedUpdates = tellAllowed(h, cfg.AllowedUpdates)
	}
	return s, nil
}

// prepareTLS reads, or makes, what TLS is served with.
func (s *standalone) prepareTLS() error {
	switch {
	case s.cfg.TLS != nil:
		s.server.TLSConfig = s.cfg.TLS.Clone() // the server writes into it
	case s.cfg.CertFile != "" && s.cfg.KeyFile != "":
		pair, err := tls.LoadX509KeyPair(s.cfg.CertFile, s.cfg.KeyFile)
		if err != nil {
			return &ConfigError{"RunConfig.CertFile", "or KeyFile cannot be used: " + err.Error()}
		}
		s.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	case s.cfg.SelfSigned:
		pair, uploaded, err := selfSigned(s.cfg.public().Hostname())
		if err != nil {
			return err
		}
		s.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		s.request.Certificate = uploaded
	}
	return nil
}

// strangeCertificate is the mistake that the uploaded certificate has nothing to do
// with the one that is served, as far as that is known here.
func (s *standalone) strangeCertificate() error {
	served := s.server.TLSConfig
	if served == nil || served.GetCertificate != nil || served.GetConfigForClient != nil || vouches(s.cfg.Certificate, served.Certificates) {
		return nil
	}
	return &ConfigError{"RunConfig.Certificate", "is not the one that is served, and has not issued it, so that Telegram could not connect: give the public certificate of CertFile or TLS"}
}

// run is [Run] by webhook.
func (s *standalone) run(ctx context.Context) error {
	if err := s.resolve(ctx); err != nil {
		return unlessEnded(ctx, err)
	}
	listener, err := listen(ctx, s.cfg.Listen)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	return s.receive(ctx, listener)
}

// receive serves until ctx ends, or the server fails, and sets the webhook
// meanwhile.
func (s *standalone) receive(ctx context.Context, listener net.Listener) (err error) {
	s.server.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	serving, end := context.WithCancelCause(ctx)
	defer end(nil)
	var server sync.WaitGroup
	server.Go(func() { end(fmt.Errorf("tghook: serve: %w", s.serve(listener))) })
	if !s.cfg.KeepWebhook {
		err = s.client.SetWebhook(serving, s.request)
	}
	if err == nil {
		slog.InfoContext(ctx, "tghook: receiving updates", "listen", listener.Addr().String(), "bot", s.cfg.Webhook.Dispatch.Bot)
		<-serving.Done()
		err = context.Cause(serving)
	}
	s.windUp(context.WithoutCancel(ctx))
	server.Wait()
	return unlessEnded(ctx, err)
}

func (s *standalone) serve(listener net.Listener) error {
	if s.server.TLSConfig != nil {
		return s.server.ServeTLS(listener, "", "")
	}
	return s.server.Serve(listener)
}

// route answers a request by its path.
func (s *standalone) route(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path == s.cfg.Path {
		s.hook.ServeHTTP(rw, r)
		return
	}
	if r.ContentLength != 0 {
		_ = http.NewResponseController(rw).SetReadDeadline(time.Now()) // the server would wait for the body
	}
	switch {
	case r.URL.Path != s.cfg.HealthPath:
		rw.WriteHeader(http.StatusNotFound)
	case s.hook.dispatcher.isClosing():
		rw.WriteHeader(http.StatusServiceUnavailable)
	default:
		rw.WriteHeader(http.StatusOK)
	}
}

// windUp answers what can be answered within the grace, and closes.
func (s *standalone) windUp(ctx context.Context) {
	grace, cancel := context.WithTimeout(ctx, s.cfg.Grace)
	defer cancel()
	if left := s.hook.Shutdown(grace); left != nil {
		slog.WarnContext(ctx, "tghook: not all updates were answered: Telegram will deliver them again", "error", left)
	}
	closing, cancel := context.WithTimeout(ctx, closingTime)
	defer cancel()
	if s.server.Shutdown(closing) != nil {
		_ = s.server.Close()
	}
}

// unlessEnded is err, or nil if it says no more than that ctx has ended.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Cause(ctx)) || errors.Is(err, ctx.Err())) {
		return nil
	}
	return err
}

// resolve fails if Telegram could not resolve the host either.
func (s *standalone) resolve(ctx context.Context) error {
	if s.cfg.KeepWebhook || s.cfg.IPAddress != "" {
		return nil
	}
	network := "ip4" // Telegram connects by no other
	if s.cfg.Client.Local {
		network = "ip"
	}
	if err := findHost(ctx, network, s.cfg.public().Hostname()); err != nil {
		return fmt.Errorf("tghook: the host of RunConfig.URL does not resolve, so that Telegram would refuse it: %w", err)
	}
	return nil
}

// listen opens address, which is that of a unix socket if it begins with a slash.
// A socket that a process left behind is replaced.
func listen(ctx context.Context, address string) (net.Listener, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			_ = conn.Close()
		}
		if info, statErr := os.Stat(address); errors.Is(err, syscall.ECONNREFUSED) && statErr == nil && info.Mode().Type() == os.ModeSocket {
			_ = os.Remove(address)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("tghook: RunConfig.Listen, or PORT: %w", err)
	}
	return listener, nil
}
