package tghooktest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net"
	"slices"
	"time"
)

// authority is a certificate authority that lives in memory.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte // the certificate
}

// lifetime is how long certificates are valid: the longest that all clients accept. They are
// valid an hour early, for machines whose clocks differ.
const (
	lifetime = 825 * 24 * time.Hour
	early    = time.Hour
)

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	about := &x509.Certificate{
		Subject: pkix.Name{CommonName: "tghooktest, made for one run"}, NotBefore: now.Add(-early), NotAfter: now.Add(lifetime - early),
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// issue returns a certificate of a server with these names and IP addresses.
func (a *authority) issue(hosts []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	about := &x509.Certificate{
		Subject: pkix.Name{CommonName: hosts[0]}, NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			about.IPAddresses = append(about.IPAddresses, ip)
		} else {
			about.DNSNames = append(about.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, about, a.certificate, &key.PublicKey, a.key)
	return tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key}, err
}

// listen serves TLS on l, with a certificate for the hosts. Like Telegram's sender and its
// local servers, it has no HTTP/2.
func (a *authority) listen(l net.Listener, hosts ...string) (net.Listener, error) {
	certificate, err := a.issue(hosts)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}), nil
}

// pool returns a pool with the authority alone.
func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// CA returns the certificate of the authority that the Server has made for ServerConfig.TLS,
// in PEM. Without TLS it is nil. Client trusts the authority. Other clients trust it by a
// file:
//
//	err := os.WriteFile("tghooktest-ca.pem", srv.CA(), 0o644)
//
// Node reads the name of the file from NODE_EXTRA_CA_CERTS. Go, Python and others read it
// from SSL_CERT_FILE, which replaces the system's authorities. The authority's key stays in
// memory, and each Server makes an authority of its own.
func (s *Server) CA() []byte {
	if s.authority == nil {
		return nil
	}
	return slices.Clone(s.authority.pem)
}

// Certificate returns a certificate of a webhook's server, with its names and IP addresses,
// by the authority of ServerConfig.TLS, which the Server trusts when it delivers. Without TLS
// it is an error.
//
// A webhook on loopback may also use http, unless ServerConfig.Cloud is set. For a webhook in
// another process, [pem.Encode] writes the blocks of Certificate.Certificate as CERTIFICATE,
// and the bytes of [x509.MarshalPKCS8PrivateKey] as PRIVATE KEY.
func (s *Server) Certificate(host string, others ...string) (tls.Certificate, error) {
	if s.authority == nil {
		return tls.Certificate{}, errors.New("tghooktest: Certificate: the Server has no authority; set ServerConfig.TLS")
	}
	return s.authority.issue(append([]string{host}, others...))
}
