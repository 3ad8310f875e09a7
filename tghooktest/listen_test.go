package tghooktest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// freePort returns a port of loopback that is free now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}

func TestAServerListensWhereItIsTold(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	for listen, want := range map[string]string{
		"127.0.0.1:" + port: "http://127.0.0.1:" + port,
		"localhost:0":       "http://localhost:",
		"LocalHost:0":       "http://localhost:",
	} {
		s := tghooktest.NewServer(t, tghooktest.ServerConfig{Listen: listen})
		assert.True(t, strings.HasPrefix(s.URL, want), s.URL)
		_, err := s.Bot(t).GetMe(t.Context())
		require.NoError(t, err, s.URL)
	}
	for listen, want := range map[string]string{
		"":                     "http://api.telegram.test",
		"bot.example.org:80":   "http://bot.example.org",
		"bot.example.org:8081": "http://bot.example.org:8081",
		"192.0.2.1:80":         "http://192.0.2.1",
	} {
		bubble(t, tghooktest.ServerConfig{Listen: listen}, func(t *testing.T, s *tghooktest.Server) {
			assert.Equal(t, want, s.URL)
			_, err := s.Bot(t).GetMe(t.Context())
			require.NoError(t, err, s.URL)
		})
	}
}

func TestAnAddressThatCannotBeListenedOnIsAClearError(t *testing.T) {
	t.Parallel()
	taken := strings.TrimPrefix(tghooktest.NewServer(t).URL, "http://")
	for _, c := range []struct {
		cfg  tghooktest.ServerConfig
		want string
	}{
		{tghooktest.ServerConfig{Listen: taken}, "tghooktest: ServerConfig.Listen: listen tcp " + taken + ": bind: address already in use; set a free address as host:port, such as 127.0.0.1:8081 (or leave it empty)"},
		{tghooktest.ServerConfig{Listen: "127.0.0.1"}, "tghooktest: ServerConfig.Listen: listen tcp: address 127.0.0.1: missing port in address; set a free address as host:port, such as 127.0.0.1:8081 (or leave it empty)"},
		{tghooktest.ServerConfig{Listen: "http://127.0.0.1:0"}, "tghooktest: ServerConfig.Listen: listen tcp: address http://127.0.0.1:0: too many colons in address; set a free address as host:port, such as 127.0.0.1:8081 (or leave it empty)"},
		{tghooktest.ServerConfig{Hosts: []string{"http://telegram"}}, `tghooktest: ServerConfig.Hosts: "http://telegram" is not a host; set a name or an IP address, without a scheme and a port`},
		{tghooktest.ServerConfig{Hosts: []string{"telegram:8081"}}, `tghooktest: ServerConfig.Hosts: "telegram:8081" is not a host; set a name or an IP address, without a scheme and a port`},
		{tghooktest.ServerConfig{Hosts: []string{""}}, `tghooktest: ServerConfig.Hosts: "" is not a host; set a name or an IP address, without a scheme and a port`},
	} {
		_, err := tghooktest.Start(c.cfg)
		require.EqualError(t, err, c.want)
	}
	for _, all := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		_, err := tghooktest.Start(tghooktest.ServerConfig{Listen: all})
		require.ErrorContains(t, err, "tghooktest: ServerConfig.Listen: other machines can reach ")
		require.ErrorContains(t, err, "; listen on 127.0.0.1, or set ServerConfig.Hosts to the names by which they call the Server")
	}
}

func TestOtherMachinesCallAServerByItsHosts(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t, tghooktest.ServerConfig{Listen: "0.0.0.0:0", Hosts: []string{"telegram", "192.0.2.7", "2001:DB8::7"}})
	assert.True(t, strings.HasPrefix(s.URL, "http://127.0.0.1:"), s.URL)
	for host, taken := range map[string]bool{
		"127.0.0.1": true, "telegram": true, "Telegram:8081": true, "192.0.2.7:8081": true, "[2001:db8::7]:8081": true,
		"192.0.2.8": false, "evil.example": false, "0.0.0.0": false, "telegram.evil.example": false,
	} {
		r := request(t, s, "/bot"+s.Token+"/getMe")
		r.Host = host
		assert.Equal(t, taken, strings.HasPrefix(do(t, s, r), "200 "), host)
	}
}

func TestOverHTTPSTheServersAuthorityIsTrusted(t *testing.T) {
	t.Parallel()
	everywhere(t, tghooktest.ServerConfig{TLS: true, Hosts: []string{"telegram"}}, func(t *testing.T, s *tghooktest.Server) {
		assert.True(t, strings.HasPrefix(s.URL, "https://"), s.URL)
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		chat.Expect(t, "you said hi")
		_, err := s.Bot(t).GetMe(t.Context())
		require.NoError(t, err)
	})
}

func TestTheCertificateHasTheNamesOfTheServer(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t, tghooktest.ServerConfig{TLS: true, Hosts: []string{"telegram", "192.0.2.7"}})
	at, err := url.Parse(s.URL)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(s.CA()))
	connect := func(cfg *tls.Config) (*tls.Conn, error) {
		c, err := (&tls.Dialer{Config: cfg}).DialContext(t.Context(), "tcp", at.Host)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = c.Close() })
		return c.(*tls.Conn), nil //nolint:forcetypeassert // as documented
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "telegram", "192.0.2.7"} {
		c, err := connect(&tls.Config{RootCAs: pool, ServerName: name, NextProtos: []string{"h2", "http/1.1"}})
		require.NoError(t, err, name)
		assert.Equal(t, "http/1.1", c.ConnectionState().NegotiatedProtocol)
	}
	_, err = connect(&tls.Config{RootCAs: pool, ServerName: "evil.example"})
	require.Error(t, err)
	_, err = connect(&tls.Config{})
	require.ErrorContains(t, err, "unknown authority")

	other := tghooktest.NewServer(t, tghooktest.ServerConfig{TLS: true})
	assert.NotEqual(t, s.CA(), other.CA(), "each Server has its own authority")
	assert.Nil(t, tghooktest.NewServer(t).CA())
}

func TestAPageInABrowserReachesNothingOverHTTPS(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t, tghooktest.ServerConfig{TLS: true})
	for origin, taken := range map[string]bool{s.URL: true, "http" + strings.TrimPrefix(s.URL, "https"): false, "https://evil.example": false} {
		r := request(t, s, "/bot"+s.Token+"/getMe")
		r.Header.Set("Origin", origin)
		assert.Equal(t, taken, strings.HasPrefix(do(t, s, r), "200 "), origin)
	}
}

func TestHTTPToAServerOverHTTPSIsAnswered(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t, tghooktest.ServerConfig{TLS: true})
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http"+strings.TrimPrefix(s.URL, "https"), nil)
	require.NoError(t, err)
	assert.Equal(t, "400 Client sent an HTTP request to an HTTPS server.\n", do(t, s, r))
}

func TestAWebhookMayHaveACertificateOfTheServersAuthority(t *testing.T) {
	t.Parallel()
	hooks := map[string]tghooktest.ServerConfig{
		"https://bot.example.org/telegram": {InMemory: true, TLS: true, Cloud: true},
		"https://1.2.3.4:8443/telegram":    {InMemory: true, TLS: true, Roots: x509.NewCertPool()},
	}
	for hook, cfg := range hooks {
		bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
			s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{URL: hook, SecretToken: secret})
			s.User("Zoë").Chat().Send("hi")
			s.WaitDelivered(t)
			assert.Len(t, s.Calls("sendMessage"), 1, hook)
		})
	}

	s := tghooktest.NewServer(t, tghooktest.ServerConfig{TLS: true, Patience: limit})
	l, err := s.Listen(":0")
	require.NoError(t, err)
	certificate, err := s.Certificate("localhost", "127.0.0.1")
	require.NoError(t, err)
	served := &http.Server{Handler: webhook(t, echo), TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go func() { _ = served.ServeTLS(l, "", "") }()
	t.Cleanup(func() { _ = served.Close() })
	require.NoError(t, s.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: "https://" + l.Addr().String(), SecretToken: secret}))
	s.User("Zoë").Chat().Send("hi")
	s.WaitDelivered(t)
	assert.Len(t, s.Calls("sendMessage"), 1)
}

func TestWithoutTLSThereIsNoAuthority(t *testing.T) {
	t.Parallel()
	_, err := tghooktest.NewServer(t).Certificate("localhost")
	require.EqualError(t, err, "tghooktest: Certificate: the Server has no authority; set ServerConfig.TLS")
}
