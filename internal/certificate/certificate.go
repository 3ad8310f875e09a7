// Package certificate knows which uploaded certificates Telegram takes, and makes one.
package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const maxCertificate = 3 << 20

// Unfit says why Telegram would not take an uploaded certificate, or would not
// verify host with it; "" if it would. The certificates in it are all that
// Telegram trusts, and no chain ends but with a self-signed one. Source: tdlib/td,
// SslCtx and SslStreamImpl::init.
func Unfit(certificate []byte, host string) string {
	switch {
	case len(certificate) > maxCertificate:
		return fmt.Sprintf("has %d bytes, more than the %d that Telegram takes", len(certificate), maxCertificate)
	case bytes.Contains(certificate, []byte("PRIVATE KEY")):
		return "has a private key in it; give the public certificate alone"
	}
	var certificates []*x509.Certificate
	for block, rest := pem.Decode(certificate); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return "cannot be read: " + err.Error()
		}
		certificates = append(certificates, parsed)
	}
	if len(certificates) == 0 || len(certificates) != bytes.Count(certificate, []byte("-----BEGIN ")) {
		return "is not in PEM form, or broken: it must begin with -----BEGIN CERTIFICATE-----"
	}
	now := time.Now()
	begin, end := certificates[0].NotBefore, certificates[0].NotAfter
	certificates = slices.DeleteFunc(certificates, func(c *x509.Certificate) bool { return now.After(c.NotAfter) || now.Before(c.NotBefore) })
	switch {
	case len(certificates) == 0:
		return fmt.Sprintf("is valid from %s to %s only", begin.Format(time.RFC3339), end.Format(time.RFC3339))
	case !slices.ContainsFunc(certificates, selfIssued):
		return "is issued by " + certificates[0].Issuer.String() + ", whose certificate is not in it: Telegram trusts no other, so append it"
	}
	return misnamed(certificates, host)
}

// Vouches reports whether one of the uploaded certificates has the key of one that is
// served, or has issued one: Telegram trusts nothing else. It does not look at dates
// and names, of which Unfit says more.
func Vouches(uploaded []byte, served []tls.Certificate) bool {
	var trusted []*x509.Certificate
	for block, rest := pem.Decode(uploaded); block != nil; block, rest = pem.Decode(rest) {
		if parsed, err := x509.ParseCertificate(block.Bytes); err == nil {
			trusted = append(trusted, parsed)
		}
	}
	for _, pair := range served {
		for _, der := range pair.Certificate {
			c, err := x509.ParseCertificate(der)
			if err == nil && slices.ContainsFunc(trusted, func(t *x509.Certificate) bool { return vouchesFor(t, c) }) {
				return true
			}
		}
	}
	return false
}

func vouchesFor(trusted, c *x509.Certificate) bool {
	return bytes.Equal(trusted.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo) ||
		trusted.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// misnamed says why none of the certificates is host's; "" if one is, or if that
// is not seen here, for all of them may do nothing but issue others.
func misnamed(certificates []*x509.Certificate, host string) (problem string) {
	for _, c := range certificates {
		const issue, serve = x509.KeyUsageCertSign, x509.KeyUsageDigitalSignature
		if c.KeyUsage&issue != 0 && c.KeyUsage&serve == 0 {
			continue
		}
		names := c.DNSNames
		if len(names) == 0 {
			names = []string{c.Subject.CommonName}
		}
		if host == "" || slices.ContainsFunc(names, func(name string) bool { return matches(name, host) }) {
			return ""
		}
		if problem == "" {
			problem = fmt.Sprintf("is for %q: Telegram compares the host, %s, with the DNS names or, without any, with the common name. "+
				"Before an authority's put the server's own", names, host)
		}
	}
	return problem
}

// matches compares a host with a name, which may begin with a wildcard. An
// address is compared as a name.
func matches(name, host string) bool {
	asName := &x509.Certificate{DNSNames: []string{name}}
	return strings.EqualFold(name, host) || asName.VerifyHostname(host) == nil
}

const selfSignedLife = 10 * 365 * 24 * time.Hour

// SelfSigned makes a certificate that Telegram accepts for host once it has been
// uploaded: its common name is the host, and an address stands nowhere else.
func SelfSigned(host string) (pair tls.Certificate, public []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, nil, fmt.Errorf("tghook: make a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: host},
		NotBefore:    now.Add(-time.Hour), // the clocks may differ
		NotAfter:     now.Add(selfSignedLife),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:         true, BasicConstraintsValid: true,
	}
	if _, err := netip.ParseAddr(host); err != nil {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return pair, nil, fmt.Errorf("tghook: make a certificate: %w", err)
	}
	public = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, public, nil
}
