package config

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tghook/tghook"
)

const (
	defaultListen = "127.0.0.1:8080"
	defaultAPI    = "https://api.telegram.org"
)

// telegramPorts are the ports to which Telegram connects.
var telegramPorts = []string{"", "443", "80", "88", "8443"}

// network reads how the gateway and Telegram reach each other.
func (r *reader) network(root *value, c *Config) {
	c.LocalAPI = root.at("api_local").truth(false)
	c.API = r.api(root.at("api"), root.at("api_local"), c.LocalAPI)
	c.URL = r.gatewayURL(root.at("url"), c.LocalAPI)
	c.Listen = r.address(root.at("listen"), defaultListen)
	c.TLS = r.tls(root.at("tls"))
	c.TrustedProxies = r.addresses(root.at("trusted_proxies"))
	c.Sources = r.addresses(root.at("sources"))
	if root.at("sources").text() == telegramOnly {
		c.Sources = tghook.TelegramSources()
	}
}

// telegramOnly is the word for the addresses that Telegram names, and anySource that for all.
const (
	telegramOnly = "telegram"
	anySource    = "any"
)

func (r *reader) api(v, local *value, isLocal bool) string {
	text := v.text()
	if v == nil {
		text = defaultAPI
	}
	var problem *tghook.ConfigError
	if _, err := tghook.NewClient("1:a", tghook.ClientConfig{BaseURL: text}); text != "" && errors.As(err, &problem) {
		r.wrongf(v, "%s", problem.Problem)
	}
	base, err := url.Parse(text)
	switch {
	case err != nil:
	case isLocal && base.Hostname() == "api.telegram.org":
		r.wrongf(local, "is for a Bot API server of your own; set api to its URL, or leave api_local out")
	case !isLocal && base.Scheme == "http":
		r.wrongf(v, "must begin with https://, unless api_local is true")
	}
	return text
}

// gatewayURL reads the URL to which Telegram sends webhooks; nil if it is not given or wrong.
func (r *reader) gatewayURL(v *value, local bool) *url.URL {
	u := r.url(v)
	switch {
	case u == nil:
		return nil
	case u.RawQuery != "" || u.ForceQuery:
		r.wrongf(v, "has a query; leave out the ? and what follows, because the path of each bot comes after it")
	case local:
	case u.Scheme != "https":
		r.wrongf(v, "must begin with https://, because Telegram sends to no other; if TLS ends at a proxy, give the proxy's URL")
	case !slices.Contains(telegramPorts, u.Port()):
		r.wrongf(v, "has another port than 443, 80, 88 and 8443; Telegram connects to no other")
	case !isPublic(u.Hostname()):
		r.wrongf(v, "has a host that Telegram cannot reach; give a public name or a public IPv4 address")
	}
	return u
}

// isPublic reports whether Telegram may reach a host.
func isPublic(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return strings.Contains(strings.TrimSuffix(host, "."), ".")
	}
	return addr.Is4() && addr.IsGlobalUnicast() && !addr.IsPrivate()
}

// url reads an http or https URL; nil if it is not given or wrong. A mistake does not repeat it,
// because it may have a password.
func (r *reader) url(v *value) *url.URL {
	text := v.text()
	if v == nil || v.plain != any(text) {
		return nil
	}
	u, err := url.Parse(text)
	var problem string
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		problem = "is not an http or https URL; give one such as https://bots.example.org"
	case !isPort(u.Port()) || strings.HasSuffix(u.Host, ":"):
		problem = "has a port that does not exist; give one from 1 to 65535, or none"
	case u.Fragment != "" || strings.Contains(text, "#"):
		problem = "has a fragment; leave out the # and what follows"
	default:
		return u
	}
	r.wrongf(v, "%s", problem)
	return nil
}

func isPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n > 0 && n <= 65535
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

// address reads host:port. If it is not given, address returns the default.
func (r *reader) address(v *value, byDefault string) string {
	if v == nil {
		return byDefault
	}
	text := v.text()
	host, port, err := net.SplitHostPort(text)
	number, wrongPort := strconv.ParseUint(port, 10, 16)
	_, notAddr := netip.ParseAddr(host)
	if err != nil || wrongPort != nil || notAddr != nil && !hostForm.MatchString(host) {
		r.wrongf(v, "must be host:port, such as 127.0.0.1:8080, or :8080 for every address of this computer")
		return byDefault
	}
	return net.JoinHostPort(host, strconv.FormatUint(number, 10))
}

// addresses reads a list of addresses and ranges.
func (r *reader) addresses(v *value) (prefixes []netip.Prefix) {
	if v == nil {
		return nil
	}
	for _, item := range v.items {
		prefix, err := netip.ParsePrefix(item.text())
		if addr, notAddr := netip.ParseAddr(item.text()); notAddr == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		switch {
		case err != nil:
			r.wrongf(item, "must be an address such as 10.1.2.3, or a range such as 10.0.0.0/8")
		case prefix.Addr().Is4In6():
			r.wrongf(item, "is an IPv4 address in the form of IPv6; write it as IPv4, such as 10.0.0.0/8")
		default:
			prefixes = append(prefixes, prefix.Masked())
		}
	}
	return prefixes
}

// tls reads the names of the files of a certificate and its key, and tries them.
func (r *reader) tls(v *value) TLS {
	certificate, key := v.at("certificate"), v.at("key")
	if certificate.text() == "" || key.text() == "" {
		return TLS{}
	}
	certPEM, certPath, ok := r.read(certificate, maxPEM)
	keyPEM, keyPath, okKey := r.read(key, maxPEM)
	if ok && okKey {
		if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil {
			r.wrongf(v, "the certificate and the key cannot be used together: %v", err)
		}
	}
	return TLS{Certificate: certPath, Key: keyPath}
}

// A listener is an address on which the gateway listens, and where it stands.
type listener struct {
	field *value
	name  string
	addr  string
}

// distinct adds a mistake for each listener that has the address of an earlier one.
func (r *reader) distinct(listeners []listener) {
	for i, later := range listeners {
		for _, earlier := range listeners[:i] {
			if later.addr != "" && earlier.addr != "" && overlap(earlier.addr, later.addr) {
				r.wrongf(later.field, "is the address of %s too; give another port", earlier.name)
			}
		}
	}
}

// overlap reports whether two listeners cannot have these addresses at the same time.
func overlap(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	if portA != portB || portA == "0" {
		return false
	}
	return strings.EqualFold(hostA, hostB) || isEvery(hostA) || isEvery(hostB)
}

// isEvery reports whether a host stands for every address of the computer.
func isEvery(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}
