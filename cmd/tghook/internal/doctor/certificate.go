package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// contact is an attempt to connect to one address.
type contact struct {
	addr    netip.Addr
	err     error
	version uint16              // of TLS
	chain   []*x509.Certificate // as the server sends it
}

// maxContacts bounds how many addresses of a host are tried.
const maxContacts = 4

// call connects to every IPv4 address of the host.
func (x *exam) call(ctx context.Context) {
	for _, addr := range x.reachable() {
		if len(x.contacts) == maxContacts || ctx.Err() != nil {
			return
		}
		c := contact{addr: addr}
		l, err := x.connect(ctx, addr)
		if c.err = err; err == nil {
			if l.tls != nil {
				c.version, c.chain = l.tls.Version, l.tls.PeerCertificates
			}
			l.close()
		}
		x.contacts = append(x.contacts, c)
	}
}

// reachable returns the addresses to which Telegram may connect.
func (x *exam) reachable() []netip.Addr {
	var all []netip.Addr
	for _, addr := range x.found {
		if x.Local || addr.Is4() && !reserved(addr) {
			all = append(all, addr)
		}
	}
	return all
}

// certificateFault is why Telegram does not accept a certificate.
type certificateFault int

const (
	noFault certificateFault = iota
	notValidNow
	wrongName
	incompleteChain
	notTrusted
	addressNotCommonName
)

// judgeCertificate verifies what a server has sent as Telegram does, and says what is wrong.
func (x *exam) judgeCertificate(chain []*x509.Certificate, now time.Time) (certificateFault, string) {
	if len(chain) == 0 {
		return noFault, ""
	}
	leaf := chain[0]
	if now.After(leaf.NotAfter) || now.Before(leaf.NotBefore) {
		return notValidNow, fmt.Sprintf("the certificate is valid from %s to %s, and now it is %s",
			leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if fault, text := x.judgeName(leaf); fault != noFault {
		return fault, text
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: x.trusted(chain), Intermediates: between, CurrentTime: now})
	if err == nil {
		return noFault, ""
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return notValidNow, err.Error()
	}
	return judgeIssuer(chain, err)
}

// judgeIssuer tells a chain that ends too early from one that ends at an unknown authority.
func judgeIssuer(chain []*x509.Certificate, err error) (certificateFault, string) {
	last := chain[len(chain)-1]
	names := make([]string, 0, len(chain))
	for _, c := range chain {
		names = append(names, fmt.Sprintf("%q issued by %q", c.Subject, c.Issuer))
	}
	sent := "the server sends: " + strings.Join(names, "; ")
	if last.Subject.String() != last.Issuer.String() && len(last.IssuingCertificateURL) > 0 {
		return incompleteChain, fmt.Sprintf("%s; the certificate of %q is missing (%s)", sent, last.Issuer, last.IssuingCertificateURL[0])
	}
	return notTrusted, fmt.Sprintf("%s; %v", sent, err)
}

// custom reports whether a certificate was uploaded with setWebhook.
func (x *exam) custom() bool {
	info, known := x.telegram.last()
	return len(x.Certificate) > 0 || known && info.HasCustomCertificate && info.URL == x.URL
}

// trusted returns the authorities that Telegram trusts: those in an uploaded certificate alone,
// if there is one. If that is not known here, what the server sends is trusted.
func (x *exam) trusted(chain []*x509.Certificate) *x509.CertPool {
	if !x.custom() {
		return x.roots
	}
	pool := x509.NewCertPool()
	if len(x.Certificate) == 0 {
		for _, c := range chain {
			pool.AddCert(c)
		}
		return pool
	}
	for block, rest := pem.Decode(x.Certificate); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			pool.AddCert(c)
		}
	}
	return pool
}

// judgeName compares the host with the names of a certificate. With an uploaded certificate,
// Telegram compares an address as if it were a name: with the common name, if there is no DNS
// name.
func (x *exam) judgeName(leaf *x509.Certificate) (certificateFault, string) {
	names := leaf.DNSNames
	if len(names) == 0 {
		names = []string{leaf.Subject.CommonName}
	}
	addr, isAddress := x.target.address()
	if isAddress && !x.custom() {
		for _, ip := range leaf.IPAddresses {
			if own, ok := netip.AddrFromSlice(ip); ok && own.Unmap() == addr {
				return noFault, ""
			}
		}
		return wrongName, fmt.Sprintf("the host is %s, and the certificate is for the addresses %v and the names %q", addr, leaf.IPAddresses, names)
	}
	fits := func(name string) bool {
		return strings.EqualFold(name, x.target.host) || (&x509.Certificate{DNSNames: []string{name}}).VerifyHostname(x.target.host) == nil
	}
	if isAddress {
		if leaf.Subject.CommonName == addr.String() && len(leaf.DNSNames) == 0 {
			return noFault, ""
		}
		return addressNotCommonName, fmt.Sprintf("the host is %s, the common name of the certificate is %q, its DNS names are %q, its addresses %v",
			addr, leaf.Subject.CommonName, leaf.DNSNames, leaf.IPAddresses)
	}
	if slices.ContainsFunc(names, fits) {
		return noFault, ""
	}
	return wrongName, fmt.Sprintf("the host is %s, and the certificate is for %q", x.target.host, names)
}
