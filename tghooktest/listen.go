package tghooktest

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// apiHost is the Server's name in memory.
const apiHost = "api.telegram.test"

// listen opens the listener of the Bot API, and sets the host's URL.
func (h *host) listen() (err error) {
	if err := cmp.Or(checkHosts("Hosts", h.base.Hosts), checkHosts("WebhookHosts", h.base.WebhookHosts)); err != nil {
		return err
	}
	scheme, port := "http", "80"
	if h.base.TLS {
		scheme, port = "https", "443"
	}
	name := "127.0.0.1"
	if h.memory != nil {
		name = apiHost
		h.listener, err = h.memory.Listen(cmp.Or(h.base.Listen, net.JoinHostPort(name, port)))
	} else {
		h.listener, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", cmp.Or(h.base.Listen, name+":0"))
	}
	if err != nil {
		return fmt.Errorf("tghooktest: ServerConfig.Listen: %w; set a free address as host:port, such as 127.0.0.1:8081 (or leave it empty)", err)
	}
	at := h.listener.Addr().(*net.TCPAddr).AddrPort() //nolint:forcetypeassert // of a TCP listener
	if h.memory == nil && !at.Addr().Unmap().IsLoopback() && len(h.base.Hosts) == 0 {
		_ = h.listener.Close()
		return fmt.Errorf("tghooktest: ServerConfig.Listen: other machines can reach %v; listen on 127.0.0.1, or set ServerConfig.Hosts to the names by which they call the Server", at)
	}
	if host, _, err := net.SplitHostPort(h.base.Listen); err == nil && !unspecified(host) {
		name = host
	}
	h.name = canonical(name)
	h.url = scheme + "://" + net.JoinHostPort(h.name, strconv.Itoa(int(at.Port())))
	if h.memory != nil {
		h.url = strings.TrimSuffix(h.url, ":"+port) // as Telegram's own has no port
	}
	return h.secure()
}

// checkHosts checks a field of ServerConfig that has hosts.
func checkHosts(field string, hosts []string) error {
	const inNames = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
	for _, host := range hosts {
		_, err := netip.ParseAddr(host)
		if err != nil && (host == "" || strings.Trim(strings.ToLower(host), inNames) != "") {
			return fmt.Errorf("tghooktest: ServerConfig.%s: %q is not a host; set a name or an IP address, without a scheme and a port", field, host)
		}
	}
	return nil
}

// unspecified reports whether a host means all addresses of the machine.
func unspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.Unmap().IsUnspecified()
}

// secure serves TLS on the listener, if ServerConfig.TLS is set, by an authority that Client
// and deliveries trust.
func (h *host) secure() (err error) {
	if !h.base.TLS {
		return nil
	}
	if h.base.Roots == nil {
		h.base.Roots, err = x509.SystemCertPool()
	}
	if err == nil {
		h.authority, err = newAuthority()
	}
	plain := h.listener
	if err == nil {
		h.listener, err = h.authority.listen(plain, append([]string{"localhost", "127.0.0.1", "::1", h.name}, h.base.Hosts...)...)
	}
	if err != nil {
		_ = plain.Close()
		return fmt.Errorf("tghooktest: ServerConfig.TLS: make a certificate: %w", err)
	}
	h.base.Roots = h.base.Roots.Clone()
	h.base.Roots.AddCert(h.authority.certificate)
	h.transport.TLSClientConfig = &tls.Config{RootCAs: h.authority.pool(), MinVersion: tls.VersionTLS12}
	return nil
}

// isHost reports whether the host of a request, with or without a port, is the Server. A
// browser always sends a host.
func (h *host) isHost(of string) bool {
	if name, _, err := net.SplitHostPort(of); err == nil {
		of = name
	}
	of = canonical(strings.Trim(of, "[]"))
	ip, err := netip.ParseAddr(of)
	return of == "" || of == "localhost" || err == nil && ip.IsLoopback() || of == h.name || slices.ContainsFunc(h.base.Hosts, func(name string) bool { return canonical(name) == of })
}

// canonical returns one spelling of a name or an IP address for all.
func canonical(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(host)
}
