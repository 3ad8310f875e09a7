package sender_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

const unverified = "SSL error {error:0A000086:SSL routines::certificate verify failed}"

// authority signs certificates. If it is nil, they sign themselves.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// certificate returns a certificate that a signs, or that signs itself if a is nil.
func (a *authority) certificate(t *testing.T, template x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber = big.NewInt(1)
	template.NotBefore = year(1990)
	if template.NotAfter.IsZero() {
		template.NotAfter = year(2090)
	}
	by := a
	if by == nil {
		by = &authority{&template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, by.cert, &key.PublicKey, by.key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key}
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	var none *authority
	return none.certificate(t, x509.Certificate{
		Subject: pkix.Name{CommonName: "an authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
}

func named(cn string, names []string, ips ...string) x509.Certificate {
	c := x509.Certificate{Subject: pkix.Name{CommonName: cn}, DNSNames: names}
	for _, ip := range ips {
		c.IPAddresses = append(c.IPAddresses, net.ParseIP(ip))
	}
	return c
}

// year returns the beginning of a year. A bubble begins in 2000.
func year(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }

func expired(name string) x509.Certificate {
	return x509.Certificate{DNSNames: []string{name}, NotAfter: year(1999)}
}

// shown is the certificate that a server shows.
func (a *authority) shown(chain ...*authority) *tls.Config {
	c := tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	for _, above := range chain {
		c.Certificate = append(c.Certificate, above.cert.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}, NextProtos: []string{"h2", "http/1.1"}}
}

// overTLS delivers an update to a webhook at host with this TLS configuration, or without
// TLS if it is nil.
func overTLS(t *testing.T, host string, server *tls.Config, change func(*sender.Config), test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(ok))
		l, err := r.network.Listen(net.JoinHostPort(host, "443"))
		require.NoError(t, err)
		if server != nil {
			l = tls.NewListener(l, server)
		}
		r.serving.Go(func() { r.accept(l) })
		r.open(func(cfg *sender.Config) {
			cfg.Addr = net.JoinHostPort(host, "443")
			cfg.URL = &url.URL{Scheme: "https", Host: host}
			if strings.Contains(host, ":") {
				cfg.URL.Host = "[" + host + "]"
			}
			change(cfg)
		})
		defer r.serving.Wait()
		defer l.Close()
		defer func() { r.sender.Close() }()
		r.send(1, "x")
		synctest.Wait()
		test(r)
	})
}

func TestACertificateIsVerifiedAsTelegramDoes(t *testing.T) {
	t.Parallel()
	const name, ip = "bot.example.org", "127.0.0.7"
	for what, x := range map[string]struct {
		host     string
		cert     x509.Certificate
		uploaded bool // it signs itself and is uploaded; otherwise one of the roots signs it
		accepted bool
	}{
		"a name":                              {name, named("", []string{name}), false, true},
		"a name in other letters":             {name, named("", []string{"BOT.example.ORG"}), false, true},
		"the second name":                     {name, named("", []string{"example.org", name}), false, true},
		"a wildcard":                          {name, named("", []string{"*.example.org"}), false, true},
		"a wildcard of more":                  {name, named("", []string{"*.org"}), false, false},
		"a wildcard of the name":              {"example.org", named("", []string{"*.example.org"}), false, false},
		"another name":                        {name, named("", []string{"example.org"}), false, false},
		"the common name, no others":          {name, named(name, nil), false, true},
		"the common name beside another":      {name, named(name, []string{"example.org"}), false, false},
		"expired":                             {name, expired(name), false, false},
		"an address":                          {ip, named("", nil, ip), false, true},
		"an address of IPv6":                  {"2001:db8::1", named("", nil, "2001:db8::1"), false, true},
		"another address":                     {ip, named("", nil, "127.0.0.8"), false, false},
		"an address as common name":           {ip, named(ip, nil), false, false},
		"an address as name":                  {ip, named("", []string{ip}), false, false},
		"uploaded, a name":                    {name, named("", []string{name}), true, true},
		"uploaded, another name":              {name, named("", []string{"example.org"}), true, false},
		"uploaded, the common name":           {name, named(name, nil), true, true},
		"uploaded, an address as common name": {ip, named(ip, nil), true, true},
		"uploaded, and among the addresses":   {ip, named(ip, nil, ip), true, true},
		"uploaded, an address alone":          {ip, named("", nil, ip), true, false},
		"uploaded, an address beside a name":  {ip, named(ip, []string{name}, ip), true, false},
		"uploaded, another address":           {ip, named("127.0.0.8", nil), true, false},
		"uploaded, expired":                   {name, expired(name), true, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t)
			roots := ca.pool()
			if x.uploaded {
				ca = nil
			}
			cert := ca.certificate(t, x.cert)
			var hello *tls.ClientHelloInfo
			var state tls.ConnectionState
			server := cert.shown()
			server.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) { hello = h; return nil, nil }
			server.VerifyConnection = func(s tls.ConnectionState) error { state = s; return nil }
			overTLS(t, x.host, server, func(cfg *sender.Config) {
				if cfg.Roots = roots; x.uploaded {
					cfg.Certificate = cert.pem()
				}
			}, func(r *rig) {
				if x.accepted {
					r.expectFailures()
					assert.Len(t, r.got(), 1, "requests")
					assert.Zero(t, r.queue.Len(), "updates that wait")
					assert.Empty(t, state.NegotiatedProtocol, "the protocol of which they agreed")
				} else {
					r.expectFailures(unverified)
					assert.Empty(t, r.got(), "requests")
					assert.Equal(t, 1, r.queue.Len(), "updates that wait")
					assert.Equal(t, unverified, r.saw().attempts[0].Err, "the attempt's error")
				}
			})
			assert.Empty(t, hello.SupportedProtos, "protocols that were offered")
			assert.Equal(t, uint16(tls.VersionTLS12), hello.SupportedVersions[len(hello.SupportedVersions)-1], "the oldest version")
			assert.Equal(t, map[bool]string{true: x.host}[net.ParseIP(x.host) == nil], hello.ServerName, "the name that was sent")
		})
	}
}

func TestAnUploadedCertificateReplacesTheRoots(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert := ca.certificate(t, named("", []string{"bot.example.org"}))
	for what, x := range map[string]struct {
		uploaded []byte
		want     []string
	}{
		"nothing":               {nil, nil},
		"its authority":         {ca.pem(), nil},
		"another authority":     {newAuthority(t).pem(), []string{unverified}},
		"no certificate at all": {[]byte("x"), []string{unverified}},
	} {
		overTLS(t, "bot.example.org", cert.shown(), func(cfg *sender.Config) {
			cfg.Roots, cfg.Certificate = ca.pool(), x.uploaded
		}, func(r *rig) {
			t.Log("uploaded is", what)
			r.expectFailures(x.want...)
		})
	}
}

func TestTheChainHasToBeComplete(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	between := ca.certificate(t, x509.Certificate{
		Subject: pkix.Name{CommonName: "between"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	cert := between.certificate(t, named("", []string{"bot.example.org"}))
	roots := func(cfg *sender.Config) { cfg.Roots = ca.pool() }
	overTLS(t, "bot.example.org", cert.shown(between), roots, func(r *rig) { r.expectFailures() })
	overTLS(t, "bot.example.org", cert.shown(), roots, func(r *rig) { r.expectFailures(unverified) })
}

func TestAWebhookWithoutTLSIsToldOfSo(t *testing.T) {
	t.Parallel()
	overTLS(t, "bot.example.org", nil, func(*sender.Config) {}, func(r *rig) {
		// The webhook cannot read the hello as a request, and waits for the end of its
		// line.
		r.expectFailures()
		r.pass(time.Minute)
		r.expectFailures("Read timeout expired")
	})
	ca := newAuthority(t)
	old := ca.certificate(t, named("", []string{"bot.example.org"})).shown()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	overTLS(t, "bot.example.org", old, func(cfg *sender.Config) { cfg.Roots = ca.pool() }, func(r *rig) {
		r.expectFailures("SSL error {error:0A00042E:SSL routines::tlsv1 alert protocol version}")
	})
}

func TestAnAlertIsToldInTheWordsOfOpenSSL(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert := ca.certificate(t, named("", []string{"bot.example.org"}))
	for what, x := range map[string]struct {
		change func(*tls.Config)
		want   string
	}{
		"a certificate of the client is required": {func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, "error:0A00045C:SSL routines::tlsv13 alert certificate required"},
		"and so with TLS 1.2":                     {func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 }, "error:0A000410:SSL routines::sslv3 alert handshake failure"},
		"no cipher fits": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		}, "error:0A000410:SSL routines::sslv3 alert handshake failure"},
		"no certificate fits the name": {func(c *tls.Config) {
			c.Certificates = nil
			c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, nil }
		}, "error:0A000458:SSL routines::tlsv1 unrecognized name"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			server := cert.shown()
			x.change(server)
			overTLS(t, "bot.example.org", server, func(cfg *sender.Config) { cfg.Roots = ca.pool() }, func(r *rig) {
				r.expectFailures("SSL error {" + x.want + "}")
				assert.Equal(t, 1, r.queue.Len(), "updates that wait")
			})
		})
	}
	assert.Equal(t, "remote error: tls: alert(99)", sender.ErrorText(&net.OpError{Op: "remote error", Err: tls.AlertError(99)}), "an alert that OpenSSL does not know")
}

func TestIdleConnectionsEndAndUpdatesComeAgainOverTLSToo(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	cert := ca.certificate(t, named("", []string{"bot.example.org"}))
	overTLS(t, "bot.example.org", cert.shown(), func(cfg *sender.Config) { cfg.Roots = ca.pool() }, func(r *rig) {
		for range 100 {
			r.send(1, "y")
		}
		assert.Len(t, r.got(), 101, "requests")
		assert.Equal(t, 1, r.connections(), "connections")
		r.pass(time.Minute)
		assert.Equal(t, []time.Duration{time.Minute}, r.saw().ends, "when they ended")
		r.send(1, strings.Repeat("z", 300<<10))
		assert.Len(t, r.got(), 102, "requests")
		assert.Zero(t, r.queue.Len(), "updates that wait")
		r.expectFailures()
	})
}
