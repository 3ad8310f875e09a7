package sender

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// errUnverified says nothing of the reason, as Telegram does not.
var errUnverified = errors.New("certificate verify failed")

// newTLS is nil for a URL without TLS.
func newTLS(cfg Config) *tls.Config {
	if cfg.URL.Scheme == "http" {
		return nil
	}
	v := verifier{host: cfg.URL.Hostname(), cfg: cfg, roots: cfg.Roots}
	if len(cfg.Certificate) > 0 {
		v.roots = x509.NewCertPool()
		v.roots.AppendCertsFromPEM(cfg.Certificate)
	}
	return &tls.Config{
		ServerName:         v.host, // not sent where it is an address
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // OpenSSL's rules are not Go's: VerifyConnection has them
		VerifyConnection:   v.verify,
	}
}

type verifier struct {
	cfg   Config
	host  string
	roots *x509.CertPool
}

func (v verifier) verify(state tls.ConnectionState) error {
	leaf := state.PeerCertificates[0]
	chain := x509.VerifyOptions{Roots: v.roots, Intermediates: x509.NewCertPool(), CurrentTime: v.cfg.Clock.Now()}
	for _, c := range state.PeerCertificates[1:] {
		chain.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(chain); err != nil || !v.names(leaf) {
		return errUnverified
	}
	return nil
}

// names reports whether leaf is the host's. An address has to be among its addresses;
// but where a certificate was uploaded it is taken for a name. The common name counts
// where there are no names beside it.
func (v verifier) names(leaf *x509.Certificate) bool {
	if ip := net.ParseIP(v.host); ip != nil && len(v.cfg.Certificate) == 0 {
		return leaf.VerifyHostname(v.host) == nil
	}
	names := leaf.DNSNames
	if len(names) == 0 {
		names = []string{leaf.Subject.CommonName}
	}
	_, domain, _ := strings.Cut(v.host, ".")
	for _, name := range names {
		if suffix, wild := strings.CutPrefix(name, "*."); strings.EqualFold(name, v.host) || wild && domain != "" && strings.EqualFold(suffix, domain) {
			return true
		}
	}
	return false
}
