package tghooktest

import (
	"cmp"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

const (
	maxSecret      = 256
	maxCertificate = 3 << 20
)

// check makes Telegram's checks of a webhook that come before the host is resolved.
func check(h webhook) (address, *botapi.Error) {
	var problem string
	at, ok := parseAddress(h.url)
	switch {
	case !ok:
		problem = "invalid webhook URL specified"
	case len(h.secret) > maxSecret:
		problem = "secret token is too long"
	case strings.ContainsFunc(h.secret, unallowed):
		problem = "secret token contains unallowed characters"
	case len(h.certificate) > maxCertificate:
		problem = fmt.Sprintf("certificate size is too big (%d bytes)", len(h.certificate))
	default:
		return at, nil
	}
	return at, &botapi.Error{Code: http.StatusBadRequest, Description: "Bad Request: " + problem}
}

// unallowed reports whether a secret must not have the character c.
func unallowed(c rune) bool {
	return (c < 'a' || 'z' < c) && (c < 'A' || 'Z' < c) && (c < '0' || '9' < c) && c != '-' && c != '_'
}

// verify checks a webhook's address by Telegram's rules, and returns where to connect to.
func (s *Server) verify(ctx context.Context, at address, h webhook) (ip, addr string, _ *botapi.Error) {
	found, problem := s.locate(ctx, at, h)
	if problem == "" {
		problem = s.unreachable(at, found)
	}
	if problem == "" && at.scheme == "https" && h.custom && !hasCertificate(h.certificate) {
		problem = "Failed to set custom certificate file{error:05800088:x509 certificate routines::no certificate or crl found}"
	}
	if problem != "" {
		return "", "", &botapi.Error{Code: http.StatusBadRequest, Description: "Bad Request: bad webhook: " + problem}
	}
	if s.memory != nil && !h.pinned { // listeners in memory have names
		return found.String(), at.at(at.host), nil
	}
	return found.String(), at.at(found.String()), nil
}

// locate returns the IP address of a webhook, or the problem with its URL.
func (s *Server) locate(ctx context.Context, at address, h webhook) (found netip.Addr, problem string) {
	switch {
	case s.cfg.Cloud && at.scheme != "https":
		return found, "An HTTPS URL must be provided for webhook"
	case s.cfg.Cloud && !slices.Contains([]int{80, 88, 443, 8443}, at.port):
		return found, "Webhook can be set up only on ports 80, 88, 443 or 8443"
	}
	var err error
	if h.pinned {
		if found, err = netip.ParseAddr(h.ip); err != nil {
			problem = "Invalid IP address specified"
		}
	} else if _, problem = toASCII(at.host); problem == "" {
		if found, err = s.lookup(ctx, at.host); err != nil {
			problem = "Failed to resolve host: " + resolverText(err)
		}
	}
	return found, problem
}

// unreachable returns why the Server does not deliver to an address; empty if it does.
func (s *Server) unreachable(at address, ip netip.Addr) string {
	switch {
	case s.cfg.Cloud && !ip.Is4():
		return "IPv6-only addresses are not allowed"
	case s.cfg.Cloud && reserved(ip):
		return "IP address " + ip.String() + " is reserved"
	case s.memory == nil && !ip.IsLoopback() && !s.deliversTo(at, ip): // a server elsewhere could take the updates for Telegram's
		return "tghooktest delivers to loopback only, not to " + ip.String() + "; serve the bot on 127.0.0.1, or add its host to ServerConfig.WebhookHosts"
	}
	return ""
}

// deliversTo reports whether the host of a webhook, or its IP address, is among
// ServerConfig.WebhookHosts.
func (s *Server) deliversTo(at address, ip netip.Addr) bool {
	return slices.ContainsFunc(s.base.WebhookHosts, func(host string) bool {
		host = canonical(host)
		return host == canonical(strings.Trim(at.host, "[]")) || host == canonical(ip.String())
	})
}

func hasCertificate(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return true
		}
	}
	return false
}

// resolve looks host up and prefers IPv4.
func resolve(ctx context.Context, host string) (netip.Addr, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, err
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	return slices.MinFunc(found, func(a, b netip.Addr) int { return cmp.Compare(a.BitLen(), b.BitLen()) }), nil
}

// inMemory is the address that all names in memory resolve to. It is a public one, because
// Cloud refuses others.
var inMemory = netip.MustParseAddr("1.2.3.4")

func (h *host) resolveInMemory(ctx context.Context, host string) (netip.Addr, error) {
	if found, err := netip.ParseAddr(host); err == nil {
		return found, nil
	}
	if !h.memory.Has(host) {
		return netip.Addr{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return inMemory, ctx.Err()
}

// resolverText returns the error in the words of Telegram's resolver.
func resolverText(err error) string {
	var missing *net.DNSError
	if errors.As(err, &missing) && missing.IsNotFound {
		return "Name or service not known"
	}
	return "Temporary failure in name resolution"
}

// The addresses that Telegram's own server refuses. Source: tdlib/td, IPAddress::is_reserved.
var reservedNets = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("224.0.0.0/3"),
}

func reserved(a netip.Addr) bool {
	return slices.ContainsFunc(reservedNets, func(net netip.Prefix) bool { return net.Contains(a) })
}
