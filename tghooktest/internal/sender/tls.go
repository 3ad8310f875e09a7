package sender

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// errUnverified does not name the reason, because Telegram's error does not.
var errUnverified = errors.New("certificate verify failed")

// newTLS returns nil for an http URL.
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
		ServerName:         v.host, // crypto/tls does not send an IP address
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection applies OpenSSL's rules, which are not Go's
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

// names reports whether leaf is valid for the host. An IP address must be among the leaf's
// addresses; if a certificate was uploaded, it must be among the names. The common name
// counts if there are no other names.
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
