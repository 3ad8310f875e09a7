// Package certificate checks whether Telegram accepts an uploaded certificate, and makes
// self-signed ones.
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

// Unfit says why Telegram would not accept an uploaded certificate, or would not verify host
// with it. It returns "" if Telegram would. Telegram trusts only the certificates in it, and
// a chain must end with a self-signed one. Source: tdlib/td, SslCtx and
// SslStreamImpl::init.
func Unfit(certificate []byte, host string) string {
	switch {
	case len(certificate) > maxCertificate:
		return fmt.Sprintf("has %d bytes, and Telegram accepts %d at most; give a shorter one", len(certificate), maxCertificate)
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
		return "is not in PEM form, or broken; it must begin with -----BEGIN CERTIFICATE-----"
	}
	now := time.Now()
	begin, end := certificates[0].NotBefore, certificates[0].NotAfter
	certificates = slices.DeleteFunc(certificates, func(c *x509.Certificate) bool { return now.After(c.NotAfter) || now.Before(c.NotBefore) })
	switch {
	case len(certificates) == 0:
		return fmt.Sprintf("is valid from %s to %s only; give one that is valid now", begin.Format(time.RFC3339), end.Format(time.RFC3339))
	case !slices.ContainsFunc(certificates, selfIssued):
		return "is issued by " + certificates[0].Issuer.String() + ", whose certificate is not in it; append that, because Telegram trusts no other"
	}
	return misnamed(certificates, host)
}

// Vouches reports whether one of the uploaded certificates has the key of a served one, or
// has issued a served one. Telegram trusts no others. Vouches does not look at dates and
// names, which Unfit checks.
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

// misnamed says why none of the certificates is for host. It returns "" if one is. It also
// returns "" if all of them can only issue others, because they do not show the host then.
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
			problem = fmt.Sprintf("is for %q, and Telegram compares the host, %s, with its DNS names or, without any, with its common name; "+
				"give one for the host, and put the server's own before that of an authority", names, host)
		}
	}
	return problem
}

// matches reports whether a host has a name, which may begin with a wildcard. It compares an
// address as a name.
func matches(name, host string) bool {
	asName := &x509.Certificate{DNSNames: []string{name}}
	return strings.EqualFold(name, host) || asName.VerifyHostname(host) == nil
}

const selfSignedLife = 10 * 365 * 24 * time.Hour

// SelfSigned makes a certificate that Telegram accepts for host once it has been uploaded.
// Its common name is the host. If the host is an address, the certificate has no DNS name.
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
