package tghooktest

import (
	"cmp"
	"context"
	"encoding/json"
	"log"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Listen opens a listener that the Server can deliver to. With ServerConfig.InMemory, addr
// is any host and port, such as bot.example.org:443. Otherwise the listener is on
// 127.0.0.1, with the port of addr.
func (s *Server) Listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if s.memory != nil {
		if ascii, problem := toASCII(lowerASCII(host)); problem == "" {
			host = ascii
		}
		return s.memory.Listen(net.JoinHostPort(host, port))
	}
	return (&net.ListenConfig{}).Listen(s.ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
}

// hookIdle is how long Webhook's server keeps an idle connection: longer than Telegram
// does.
const hookIdle = 90 * time.Second

// Webhook serves h over HTTP and sets it as the bot's webhook until the test ends. It sets
// the webhook directly, so Calls has no setWebhook.
//
// If req.URL is empty, it is a new URL on loopback, or http://bot.example.org/telegram with
// ServerConfig.InMemory. It may be an HTTPS URL if ServerConfig.TLS is set. Otherwise, for
// HTTPS, serve the webhook yourself on a listener by Listen, and set it with Bot and
// [tghook.Client.SetWebhook].
func (s *Server) Webhook(tb testing.TB, h http.Handler, req tghook.WebhookRequest) {
	tb.Helper()
	l, at := s.hookListener(tb, req)
	req.URL = at

	told := &witness{tb: tb} // net/http logs a panic in h there
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	server := &http.Server{
		Handler: h, IdleTimeout: hookIdle, ReadHeaderTimeout: hookIdle, ErrorLog: log.New(told, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // until the test ends
	}()
	tb.Cleanup(func() {
		defer told.leave()
		if !s.within(func() { s.removeWebhook(req.URL) }) {
			tb.Errorf("tghooktest: the webhook could not be removed within %v, because a function given to OnCall, OnDelivery or ServerConfig.Observe has not returned", s.cfg.Patience)
		}
		cancel() // net/http does not notice that Telegram is gone if h has not read the body
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Patience)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			tb.Errorf("tghooktest: the webhook's handler has not returned within %v after the end of the test", s.cfg.Patience)
			_ = server.Close()
		}
		<-served
	})

	p := paramsOf(tb, req)
	if a := s.changeWebhook(s.hookOf(p), p.String("allowed_updates"), req.DropPending); a.err != nil {
		tb.Fatalf("tghooktest: Webhook: set %s: %s", req.URL, a.err.Description)
	}
}

// hookListener opens the listener of Webhook's server, and returns it with its URL.
func (s *Server) hookListener(tb testing.TB, req tghook.WebhookRequest) (net.Listener, string) {
	tb.Helper()
	if s.memory != nil {
		req.URL = cmp.Or(req.URL, "http://bot.example.org/telegram")
	}
	at := address{scheme: "http", host: "127.0.0.1"}
	if req.URL != "" {
		var ok bool
		if at, ok = parseAddress(req.URL); !ok || at.scheme == "https" && s.authority == nil {
			tb.Fatalf("tghooktest: Webhook: URL %q is not an http URL; for https, set ServerConfig.TLS, or use Listen and Client.SetWebhook", req.URL)
		}
	}
	l, err := s.Listen(at.at(cmp.Or(req.IPAddress, at.host)))
	if err != nil {
		tb.Fatalf("tghooktest: Webhook: %v", err)
	}
	url := cmp.Or(req.URL, "http://"+l.Addr().String()+"/telegram")
	if at.scheme == "https" {
		if l, err = s.authority.listen(l, at.host); err != nil {
			tb.Fatalf("tghooktest: Webhook: %v", err)
		}
	}
	return l, url
}

// removeWebhook removes the webhook at url, unless another one is set now.
func (s *Server) removeWebhook(url string) {
	s.mu.Lock()
	ours := s.webhook.url == url
	s.mu.Unlock()
	if ours {
		s.changeWebhook(webhook{}, "", false)
	}
}

// paramsOf returns req as the parameters of setWebhook.
func paramsOf(tb testing.TB, req tghook.WebhookRequest) botapi.Params {
	tb.Helper()
	p := botapi.Params{Method: "setWebhook", Values: map[string]string{
		"url": req.URL, "ip_address": req.IPAddress, "secret_token": req.SecretToken,
	}}
	if req.MaxConnections != 0 {
		p.Values["max_connections"] = strconv.Itoa(req.MaxConnections)
	}
	if req.AllowedUpdates != nil {
		names, err := json.Marshal(req.AllowedUpdates)
		if err != nil {
			tb.Fatal(err)
		}
		p.Values["allowed_updates"] = string(names)
	}
	if len(req.Certificate) > 0 {
		p.Files = map[string]botapi.File{"certificate": {Name: "certificate.pem", Content: req.Certificate}}
	}
	return p
}
