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

func intermediate() x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: "between"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
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

// shown is the certificate that a server shows.
func (a *authority) shown(chain ...*authority) *tls.Config {
	c := tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	for _, above := range chain {
		c.Certificate = append(c.Certificate, above.cert.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}, NextProtos: []string{"h2", "http/1.1"}}
}

// overTLS delivers an update to a webhook with this TLS configuration, by a sender that
// trusts ca.
func overTLS(t *testing.T, ca *authority, server *tls.Config, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, always(ok))
		r.secure = server
		defer r.serving.Wait()
		r.become("up")
		defer r.become("down")
		r.open(func(cfg *sender.Config) {
			cfg.URL = &url.URL{Scheme: "https", Host: "bot.example.org"}
			cfg.Roots = ca.pool()
		})
		defer func() { r.sender.Close() }()
		r.send(1, "x")
		synctest.Wait()
		test(r)
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
			overTLS(t, ca, server, func(r *rig) {
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
	server := cert.shown()
	var hello *tls.ClientHelloInfo
	server.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) { hello = h; return nil, nil }
	overTLS(t, ca, server, func(r *rig) {
		assert.Equal(t, uint16(tls.VersionTLS12), hello.SupportedVersions[len(hello.SupportedVersions)-1], "the oldest version")
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
