//go:build linux

package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/webhook"
	"github.com/tghook/tghook/tghooktest"
)

// A scene is a server, with what the doctor must say of it.
type scene struct {
	name  string
	want  []string // the names of the diagnoses, in the order of the report; none for a healthy server
	seen  string   // in the evidence
	build func(t *testing.T) Config
}

// answering is a bot that checks the secret, and answers as next does.
func answering(next http.HandlerFunc) func(t *testing.T) Config {
	return func(t *testing.T) Config { return secured(t, checked(next)) }
}

func behindNginx(lines string) func(t *testing.T) Config {
	return func(t *testing.T) Config { return nginx(t, lines) }
}

// passing are the lines of a sound proxy.
const passing = `
	keepalive_timeout 75s;
	location / {
		proxy_pass http://BOT;
		proxy_http_version 1.1;
		proxy_set_header Connection "";
	}
`

// with changes the Config of another scene.
func with(build func(t *testing.T) Config, change func(t *testing.T, cfg *Config)) func(t *testing.T) Config {
	return func(t *testing.T) Config {
		cfg := build(t)
		change(t, &cfg)
		return cfg
	}
}

func sound(t *testing.T) Config { return secured(t, bot(t)) }

// healthy are servers without a fault.
var healthy = []scene{
	{name: "tghook", build: sound},
	{name: "tghook behind nginx", build: func(t *testing.T) Config { return proxied(t, bot(t), passing) }},
	{name: "a bot that answers with a word", build: answering(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })},
	{name: "a bot that replies", build: answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"method":"sendMessage","chat_id":1,"text":"hello"}`)
	})},
	{name: "a bot that replies in chunks", build: answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"method":"sendMessage",`)
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, `"chat_id":1,"text":"hello"}`)
	})},
	{name: "a bot whose secret the doctor does not know", build: with(sound, func(_ *testing.T, cfg *Config) { cfg.Secret = "" })},
	{name: "dry", build: with(sound, func(_ *testing.T, cfg *Config) { cfg.Dry = true })},
	{name: "quick", build: with(sound, func(_ *testing.T, cfg *Config) { cfg.times.idle = 0 })},
	{name: "a common name alone", build: func(t *testing.T) Config {
		return certified(t, issue(between(), func(c *x509.Certificate) { c.Subject = subject(theHost) }).chain(0))
	}},
	{name: "a wildcard", build: func(t *testing.T) Config {
		return certified(t, issue(between(), func(c *x509.Certificate) { c.DNSNames = []string{"*.example.org"} }).chain(0))
	}},
	{name: "an uploaded certificate for an address", build: uploaded(func(c *x509.Certificate) { c.Subject = subject("1.2.3.4") })},
	{name: "two addresses, one of IPv6", build: with(sound, func(_ *testing.T, cfg *Config) {
		cfg.resolve = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("2001:db8::1"), public}, nil
		}
	})},
	{name: "http to a local Bot API server", build: func(t *testing.T) Config {
		server := httptest.NewServer(bot(t))
		t.Cleanup(server.Close)
		cfg := examined("")
		cfg.dial, cfg.URL, cfg.Local = nil, server.URL+"/telegram", true
		return cfg
	}},
	{name: "in service", build: inService(nil)},
	{name: "in service, all kinds", build: inService(func(t *testing.T, s *service) { s.cfg.Kinds = []string{"message", "callback_query"} })},
	{name: "in service, Telegram's addresses alone are let in", build: func(t *testing.T) Config {
		cfg := inService(nil)(t)
		closed := nginx(t, "location / { deny all; }")
		cfg.dial = closed.dial
		return cfg
	}},
}

// uploaded is a server with a self-signed certificate that was uploaded with setWebhook, for
// an address.
func uploaded(change func(*x509.Certificate)) func(t *testing.T) Config {
	return func(t *testing.T) Config {
		own := issue(nil, change)
		cfg := certified(t, own.chain(0))
		cfg.URL, cfg.Certificate, cfg.roots = "https://"+public.String()+"/telegram", own.pem(), x509.NewCertPool()
		return cfg
	}
}

// service is a bot in the service of a simulated Telegram.
type service struct {
	*tghooktest.Server

	cfg    *Config
	answer func(w http.ResponseWriter, r *http.Request) bool // instead of the bot, if it returns true
}

// inService builds a bot, and sets its webhook, before change is called.
func inService(change func(t *testing.T, s *service)) func(t *testing.T) Config {
	return serving(func(t *testing.T, h http.Handler) Config { return secured(t, h) }, change)
}

// serving is inService with a server of its own.
func serving(site func(t *testing.T, h http.Handler) Config, change func(t *testing.T, s *service)) func(t *testing.T) Config {
	return func(t *testing.T) Config {
		s := &service{Server: tghooktest.NewServer(t, tghooktest.ServerConfig{Roots: trusting(root())})}
		next := bot(t)
		cfg := site(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.answer == nil || !s.answer(w, r) {
				next.ServeHTTP(w, r)
			}
		}))
		here, err := cfg.dial(t.Context(), netip.AddrPort{})
		require.NoError(t, err)
		cfg.URL, cfg.Local = "https://"+here.RemoteAddr().String()+"/telegram", true
		_ = here.Close()
		s.cfg = &cfg
		transcript := &webhook.Transcript{Base: s.Client().Transport}
		cfg.Client, err = tghook.NewClient(s.Token, tghook.ClientConfig{BaseURL: s.URL, Local: true, HTTP: &http.Client{Transport: transport{transcript}}})
		require.NoError(t, err)
		cfg.Ahead = transcript.Ahead
		require.NoError(t, cfg.Client.SetWebhook(t.Context(), tghook.WebhookRequest{URL: cfg.URL, SecretToken: theSecret}))
		if change != nil {
			change(t, s)
		}
		return cfg
	}
}

type transport struct{ http.RoundTripper }

// failed delivers an update, and waits until its failure is recorded.
func (s *service) failed(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) {
	t.Helper()
	s.answer = answer
	s.User("Ada").Chat().Send("/start")
	require.Eventually(t, func() bool {
		info, err := s.cfg.Client.GetWebhookInfo(t.Context())
		return err == nil && info.LastErrorMessage != ""
	}, time.Minute, 5*time.Millisecond)
}

// fromTelegram reports whether a request is not one of the doctor's.
func fromTelegram(r *http.Request) bool {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return !strings.Contains(string(body), "tghook_doctor")
}

// refusing answers Telegram with a status, and lets the doctor through.
func refusing(status int) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !fromTelegram(r) {
			return false
		}
		w.WriteHeader(status)
		return true
	}
}

// faults are servers with one fault each.
var faults = []scene{
	{"no URL", []string{"address"}, "Telegram knows https:// alone", with(sound, func(_ *testing.T, cfg *Config) { cfg.URL = "ftp://bot.example.org/" })},
	{"no host", []string{"address"}, "not a URL with a host", with(sound, func(_ *testing.T, cfg *Config) { cfg.URL = "https:///telegram" })},
	{"long URL", []string{"address"}, "sends nothing then", with(sound, func(_ *testing.T, cfg *Config) { cfg.URL += strings.Repeat("x", 4000) })},
	{"http", []string{"no-https"}, "An HTTPS URL must be provided", func(t *testing.T) Config {
		server := httptest.NewServer(bot(t))
		t.Cleanup(server.Close)
		cfg := examined(server.Listener.Addr().String())
		cfg.URL = "http://" + theHost + "/telegram"
		return cfg
	}},
	{"port", []string{"port"}, "the port is 8080", with(sound, func(_ *testing.T, cfg *Config) { cfg.URL = "https://" + theHost + ":8080/telegram" })},
	{"no such host", []string{"dns"}, "no such host", with(sound, func(_ *testing.T, cfg *Config) {
		cfg.resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
	})},
	{"IPv6", []string{"ipv6-only"}, "2001:db8::1", with(sound, func(_ *testing.T, cfg *Config) {
		cfg.resolve = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("2001:db8::1")}, nil
		}
	})},
	{"private address", []string{"reserved-address"}, "IP address 10.0.0.7 is reserved", with(sound, func(_ *testing.T, cfg *Config) {
		cfg.resolve = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("10.0.0.7")}, nil
		}
		cfg.dial = func(context.Context, netip.AddrPort) (net.Conn, error) {
			panic("the doctor connects where Telegram does not")
		}
	})},
	{"nobody listens", []string{"unreachable"}, "getWebhookInfo says: Connection refused", func(t *testing.T) Config { return examined(closedPort(t)) }},
	{"one address of two", []string{"unreachable"}, "5.6.7.8 port 443", with(sound, func(t *testing.T, cfg *Config) {
		there, closed := cfg.dial, closedPort(t)
		cfg.resolve = func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{public, netip.MustParseAddr("5.6.7.8")}, nil
		}
		cfg.dial = func(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
			if addr.Addr() != public {
				return new(net.Dialer).DialContext(ctx, "tcp", closed)
			}
			return there(ctx, addr)
		}
	})},
	{"http on the port of https", []string{"not-tls"}, "does not look like a TLS handshake", func(t *testing.T) Config {
		cfg := plainNginx(t, "return 200;")
		cfg.URL, cfg.Local = theURL, false
		return cfg
	}},
	{"a client's certificate is wanted", []string{"not-tls"}, "certificate required", func(t *testing.T) Config {
		return secured(t, bot(t), func(s *httptest.Server) { s.TLS.ClientAuth = tls.RequireAnyClientCert })
	}},
	{"TLS 1.1", []string{"tls-version"}, "TLS 1.1", func(t *testing.T) Config {
		return secured(t, bot(t), func(s *httptest.Server) { s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	}},
	{"expired", []string{"certificate-expired"}, "valid from", func(t *testing.T) Config {
		return certified(t, issue(between(), func(c *x509.Certificate) { leaf(c); c.NotAfter = time.Now().Add(-time.Minute) }).chain(0))
	}},
	{"not valid yet", []string{"certificate-expired"}, "valid from", func(t *testing.T) Config {
		return certified(t, issue(between(), func(c *x509.Certificate) { leaf(c); c.NotBefore = time.Now().Add(time.Hour) }).chain(0))
	}},
	{"intermediate expired", []string{"certificate-expired"}, "expired", func(t *testing.T) Config {
		old := issue(root(), func(c *x509.Certificate) { authority("Old")(c); c.NotAfter = time.Now().Add(-time.Minute) })
		return certified(t, issue(old, leaf).chain(0))
	}},
	{"another name", []string{"certificate-name"}, `for ["other.example"]`, func(t *testing.T) Config {
		return certified(t, issue(between(), func(c *x509.Certificate) { leaf(c); c.DNSNames = []string{"other.example"} }).chain(0))
	}},
	{"another address", []string{"certificate-name"}, "for the addresses [127.0.0.1]", with(sound, func(_ *testing.T, cfg *Config) { cfg.URL = "https://1.2.3.4/telegram" })},
	{"no intermediate", []string{"certificate-chain"}, `"CN=The Intermediate" is missing`, func(t *testing.T) Config { return certified(t, good().chain(1)) }},
	{"self-signed", []string{"certificate-untrusted"}, "unknown authority", func(t *testing.T) Config { return certified(t, issue(nil, leaf).chain(0)) }},
	{"an authority of one's own", []string{"certificate-untrusted"}, "The Home", func(t *testing.T) Config {
		return certified(t, issue(issue(nil, authority("The Home")), func(c *x509.Certificate) { leaf(c); c.IssuingCertificateURL = nil }).chain(0))
	}},
	{"another certificate was uploaded", []string{"certificate-untrusted"}, "unknown authority", with(sound, func(_ *testing.T, cfg *Config) { cfg.Certificate = issue(nil, leaf).pem() })},
	{"address in subjectAltName", []string{"certificate-ip"}, "the common name of the certificate is", uploaded(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(1, 2, 3, 4)} })},
	{"address beside a DNS name", []string{"certificate-ip"}, "DNS names", uploaded(func(c *x509.Certificate) { c.Subject = subject("1.2.3.4"); c.DNSNames = []string{"1.2.3.4"} })},

	{"slash", []string{"redirect-slash"}, "301 Moved Permanently", behindNginx("location = /telegram { return 301 /telegram/; }")},
	{"to https", []string{"redirect-https"}, "https://bot.example.org/telegram", func(t *testing.T) Config { return plainNginx(t, "return 301 https://$host$request_uri;") }},
	{"to itself", []string{"redirect-itself"}, "https://bot.example.org/telegram", behindNginx("return 301 https://$host$request_uri;")},
	{"www", []string{"redirect-www"}, "https://www.bot.example.org/telegram", behindNginx("return 308 https://www.$host$request_uri;")},
	{"to a login", []string{"redirect-login"}, "302", behindNginx("return 302 /login?next=$request_uri;")},
	{"to another host", []string{"redirect"}, "https://elsewhere.example/", behindNginx("return 307 https://elsewhere.example/;")},
	{"no such path", []string{"wrong-path"}, "getWebhookInfo says: Wrong response from the webhook: 404 Not Found", behindNginx("location /bot { return 200; }\nlocation / { return 404; }")},
	{"a page that shows the secret", []string{"wrong-path"}, "X-Telegram-Bot-Api-Secret-Token: <secret>", func(t *testing.T) Config {
		return secured(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_ = r.Header.WriteSubset(w, map[string]bool{"Connection": true, "Content-Type": true, "Content-Length": true, "Accept-Encoding": true})
		}))
	}},
	{"a redirect with a secret of one letter", []string{"redirect-slash"}, "an update with the secret -> HTTP/1.1 301", with(behindNginx("location = /telegram { return 301 /telegram/; }"), func(_ *testing.T, cfg *Config) { cfg.Secret = "s" })},
	{"files", []string{"method-not-allowed"}, "405 Not Allowed", behindNginx("root .; location / { try_files $uri /index.html; }")},
	{"another secret", []string{"wrong-secret"}, "401 Unauthorized", func(t *testing.T) Config {
		return secured(t, bot(t, func(c *tghook.Config) { c.Secret = "another-secret" }))
	}},
	{"no secret", []string{"no-secret"}, "an update without a secret -> HTTP/1.1 200 OK", func(t *testing.T) Config {
		return secured(t, bot(t, func(c *tghook.Config) { c.Secret, c.InsecureNoSecret = "", true }))
	}},
	{"no secret, and none known", []string{"no-secret"}, "200 OK", func(t *testing.T) Config {
		cfg := secured(t, bot(t, func(c *tghook.Config) { c.Secret, c.InsecureNoSecret = "", true }))
		cfg.Secret = ""
		return cfg
	}},
	{"a secret is enough", []string{"no-secret"}, "an update with a wrong secret -> HTTP/1.1 200 OK", func(t *testing.T) Config {
		return secured(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Telegram-Bot-Api-Secret-Token") == "" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
	}},
	{"early hints", []string{"interim-answer"}, "getWebhookInfo says: Wrong response from the webhook: 103", answering(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) })},
	{"gone", []string{"gone"}, "410 Gone", behindNginx("return 410;")},
	{"no content", []string{"no-content"}, "204 No Content", answering(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })},
	{"a shop", []string{"page-in-front"}, "Our shop", behindNginx("root .; error_page 405 =200 /index.html; location / { try_files $uri /index.html; }")},
	{"a password", []string{"login"}, `Www-Authenticate: Basic realm="staff"`, behindNginx("location / { auth_basic staff; auth_basic_user_file htpasswd; root .; }")},
	{"a password, without a page", []string{"login"}, "Bearer", func(t *testing.T) Config {
		return secured(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
		}))
	}},
	{"deny", []string{"firewall"}, "403 Forbidden", behindNginx("location / { allow 149.154.160.0/20; deny all; }")},
	{"Telegram alone is denied", []string{"firewall"}, "Wrong response from the webhook: 403 Forbidden", inService(func(t *testing.T, s *service) { s.failed(t, refusing(403)) })},
	{"nginx denies Telegram's addresses", []string{"firewall"}, "s ago: Wrong response from the webhook: 403 Forbidden", serving(func(t *testing.T, h http.Handler) Config {
		return proxied(t, h, "deny 127.0.0.1;\n"+passing)
	}, func(t *testing.T, s *service) {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
		s.cfg.dial = func(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
			return from.DialContext(ctx, "tcp", addr.String())
		}
		s.failed(t, nil)
	})},
	{"the handler fails", []string{"handler-fails"}, "500 Internal Server Error", func(t *testing.T) Config {
		hook, err := tghook.New(tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
			return tghook.NoReply, errors.New("broken")
		}), tghook.Config{Secret: theSecret, Dispatch: silent})
		require.NoError(t, err)
		t.Cleanup(func() { _ = hook.Shutdown(context.Background()) })
		return secured(t, hook)
	}},
	{"no bot behind nginx", []string{"bot-down"}, "502 Bad Gateway", func(t *testing.T) Config {
		return nginx(t, "location / { proxy_pass http://"+closedPort(t)+"; }")
	}},
	{"never", []string{"slow-handler"}, "getWebhookInfo says: Read timeout expired", with(answering(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), impatient)},
	{"never, behind nginx", []string{"slow-handler"}, "504 Gateway Time-out", func(t *testing.T) Config {
		return proxied(t, checked(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "proxy_read_timeout 4s;"+passing)
	}},
	{"late", []string{"late-answer"}, "s: an update with the secret -> HTTP/1.1 200 OK", with(answering(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) }), func(_ *testing.T, cfg *Config) { cfg.times.late = 500 * time.Millisecond })},
	{"at once", []string{"early-answer"}, "half of an update -> HTTP/1.1 200 OK", with(func(t *testing.T) Config {
		return secured(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Telegram-Bot-Api-Secret-Token") != theSecret {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			c := http.NewResponseController(w)
			_ = c.EnableFullDuplex()
			w.Header().Set("Content-Length", "0")
			_ = c.Flush()
			_, _ = io.Copy(io.Discard, r.Body)
		}))
	}, func(_ *testing.T, cfg *Config) { cfg.times.early = 30 * time.Second })},
	{"nginx limits the body", []string{"body-limit"}, "413 Request Entity Too Large", func(t *testing.T) Config {
		return proxied(t, bot(t), strings.Replace(passing, "location / {", "location / {\nclient_max_body_size 100k;", 1))
	}},
	{"the bot limits the body", []string{"body-limit"}, "400 Bad Request", func(t *testing.T) Config {
		return secured(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100<<10))
			switch {
			case r.Header.Get("X-Telegram-Bot-Api-Secret-Token") != theSecret:
				w.WriteHeader(http.StatusUnauthorized)
			case err != nil:
				w.WriteHeader(http.StatusBadRequest)
			}
		}))
	}},
	{"the body is read before", []string{"body-consumed"}, "400 Bad Request", func(t *testing.T) Config {
		next := bot(t)
		return secured(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			next.ServeHTTP(w, r)
		}))
	}},
	{"JSON is read before, and the bot waits", []string{"body-consumed"}, "the update as text/plain -> HTTP/1.1 200 OK", with(answering(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Content-Type") == "application/json" {
			<-r.Context().Done()
		}
	}), impatient)},
	{"not this type", []string{"refused-update"}, "415 Unsupported Media Type", answering(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnsupportedMediaType) })},
	{"a reply as text", []string{"reply-type"}, "Content-Type: text/plain", answering(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"method":"sendMessage","chat_id":1,"text":"hello"}`)
	})},
	{"a reply that cannot ride", []string{"reply-ignored"}, "getChat", answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"method":"getChat","chat_id":1}`)
	})},

	{"ssh", []string{"not-http"}, "SSH-2.0", func(t *testing.T) Config {
		return raw(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n") })
	}},
	{"444", []string{"no-answer"}, "closed the connection without an answer", behindNginx("return 444;")},
	{"too short", []string{"unfinished-answer"}, "unexpected EOF, after 3 bytes", answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "abc")
	})},
	{"never ended", []string{"unfinished-answer"}, "the body did not end", with(answering(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), impatient)},
	{"no length", []string{"unfinished-answer"}, "neither Content-Length nor Transfer-Encoding", func(t *testing.T) Config {
		return raw(t, func(c net.Conn) {
			answerOnce(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"method\":\"sendMessage\"}")
		})
	}},
	{"brotli", []string{"answer-encoding"}, "unsupported content-encoding", answering(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "br") })},
	{"limit_req", []string{"rate-limit"}, "503 Service Temporarily Unavailable", func(t *testing.T) Config {
		return proxied(t, bot(t), "limit_req zone=one burst=10 nodelay;"+passing)
	}},
	{"limit_req with 429", []string{"rate-limit"}, "429 Too Many Requests", func(t *testing.T) Config {
		return proxied(t, bot(t), "limit_req zone=one burst=10 nodelay; limit_req_status 429;"+passing)
	}},
	{"429 at once", []string{"rate-limit"}, "429 Too Many Requests", behindNginx("return 429;")},
	{"Telegram alone is limited", []string{"rate-limit"}, "429 Too Many Requests", inService(func(t *testing.T, s *service) { s.failed(t, refusing(429)) })},
	{"keepalive_timeout 0", []string{"connection-close"}, "Connection: close", func(t *testing.T) Config {
		return proxied(t, bot(t), strings.ReplaceAll(passing, "75s", "0"))
	}},
	{"no keep-alive", []string{"connection-close"}, "Connection: close", func(t *testing.T) Config {
		return secured(t, bot(t), func(s *httptest.Server) { s.Config.SetKeepAlivesEnabled(false) })
	}},
	{"HTTP/1.0", []string{"connection-close"}, "HTTP/1.0 200 OK", func(t *testing.T) Config {
		return raw(t, func(c net.Conn) { answerOnce(c, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n") })
	}},
	{"keepalive_timeout 8s", []string{"idle-timeout"}, "closed an idle connection after", with(func(t *testing.T) Config {
		return proxied(t, bot(t), strings.ReplaceAll(passing, "75s", "8s"))
	}, lazy)},
	{"IdleTimeout", []string{"idle-timeout"}, "closed an idle connection after", with(func(t *testing.T) Config {
		return secured(t, bot(t), func(s *httptest.Server) { s.Config.IdleTimeout = 8 * time.Second })
	}, lazy)},

	{"a wrong token", []string{"token"}, "401", inService(func(t *testing.T, s *service) {
		id, _, _ := strings.Cut(s.Token, ":")
		client, err := tghook.NewClient(id+":AAwrongwrongwrongwrongwrongwrongwro", tghook.ClientConfig{BaseURL: s.URL})
		require.NoError(t, err)
		s.cfg.Client = client
	})},
	{"a second program polls", []string{"second-poller"}, "terminated by other getUpdates request", inService(func(t *testing.T, s *service) {
		require.NoError(t, s.cfg.Client.DeleteWebhook(t.Context(), false))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for ctx.Err() == nil {
				_ = s.cfg.Client.Call(ctx, "getUpdates", map[string]int{"timeout": 30}, nil)
			}
		}()
		t.Cleanup(func() { cancel(); <-ended })
		s.cfg.times.poll = 10 * time.Second
	})},
	{"a second program sets the webhook", []string{"second-poller"}, "while the doctor looked", inService(func(t *testing.T, s *service) {
		looks := 0
		s.cfg.Ahead = func() (time.Duration, bool) { // is asked after each look
			if looks++; looks == 2 {
				_ = s.cfg.Client.DeleteWebhook(t.Context(), false)
			}
			return 0, false
		}
	})},
	{"not set", []string{"not-set"}, `"url": ""`, inService(func(t *testing.T, s *service) { require.NoError(t, s.cfg.Client.DeleteWebhook(t.Context(), false)) })},
	{"set to another URL", []string{"other-url"}, "https://127.0.0.1:9/old", inService(func(t *testing.T, s *service) {
		require.NoError(t, s.cfg.Client.SetWebhook(t.Context(), tghook.WebhookRequest{URL: "https://127.0.0.1:9/old", SecretToken: theSecret}))
	})},
	{"a kind is missing", []string{"allowed-updates"}, "not sent: chat_member", inService(func(t *testing.T, s *service) {
		s.cfg.Kinds = []string{"message", "chat_member"}
	})},
	{"a kind is left out", []string{"allowed-updates"}, "not sent: callback_query", inService(func(t *testing.T, s *service) {
		s.cfg.Kinds = []string{"message", "callback_query"}
		require.NoError(t, s.cfg.Client.SetWebhook(t.Context(), tghook.WebhookRequest{URL: s.cfg.URL, SecretToken: theSecret, AllowedUpdates: []string{"message"}}))
	})},
	{"updates pile up", []string{"pending"}, "pending_update_count, every", inService(func(t *testing.T, s *service) {
		released := make(chan struct{})
		s.answer = func(_ http.ResponseWriter, r *http.Request) bool {
			if fromTelegram(r) {
				<-released
			}
			return false
		}
		chat := s.User("Ada").Chat()
		s.cfg.Ahead = func() (time.Duration, bool) { // is asked after each look
			for range 3 {
				chat.Send("more")
			}
			return 0, false
		}
		t.Cleanup(func() { close(released) })
	})},
	{"an hour slow", []string{"clock"}, "60 minutes slow", answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	})},
	{"this machine is wrong", []string{"clock"}, "the clock of this machine is 5 minutes slow", inService(func(_ *testing.T, s *service) {
		s.cfg.Ahead = func() (time.Duration, bool) { return 5*time.Minute + 10*time.Second, true }
		s.answer = func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Date", time.Now().Add(5*time.Minute+10*time.Second).UTC().Format(http.TimeFormat))
			return false
		}
	})},
	{"an error of late", []string{"last-error"}, "Wrong response from the webhook: 500", inService(func(t *testing.T, s *service) { s.failed(t, refusing(500)) })},
	{"Read timeout expired of late", []string{"slow-handler"}, "getWebhookInfo says: Read timeout expired", with(inService(nil), func(t *testing.T, cfg *Config) {
		cfg.Client = stating(t, fmt.Sprintf(`{"url":%q,"pending_update_count":1,"last_error_date":%d,"last_error_message":"Read timeout expired"}`, cfg.URL, time.Now().Unix()-20))
	})},
	{"413 of late", []string{"body-limit"}, "413", with(inService(nil), func(t *testing.T, cfg *Config) {
		cfg.Client = stating(t, fmt.Sprintf(`{"url":%q,"pending_update_count":1,"last_error_date":%d,"last_error_message":"Wrong response from the webhook: 413 Payload Too Large"}`, cfg.URL, time.Now().Unix()-20))
	})},
}

// impatient makes the doctor wait less.
func impatient(_ *testing.T, cfg *Config) { cfg.times.answer = 6 * time.Second }

// lazy makes the doctor leave a connection idle for longer.
func lazy(_ *testing.T, cfg *Config) { cfg.times.idle = time.Minute }

// answerOnce reads a request, and answers it.
func answerOnce(c net.Conn, answer string) {
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if r.Header.Get("X-Telegram-Bot-Api-Secret-Token") != theSecret {
		answer = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
	}
	_, _ = io.WriteString(c, answer)
}

// stating is a client of a Bot API that answers each call with a result.
func stating(t *testing.T, result string) *tghook.Client {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ok":true,"result":`+result+`}`)
	}))
	t.Cleanup(api.Close)
	client, err := tghook.NewClient("123:ABCDEFGHIJKLMNOPQRSTUVWXYZ", tghook.ClientConfig{BaseURL: api.URL})
	require.NoError(t, err)
	return client
}
