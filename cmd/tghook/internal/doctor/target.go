package doctor

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// target is an address as Telegram's sender reads it.
type target struct {
	scheme, host, port string
	userinfo           string
	path               string // with the query, as it stands in the request line
}

var ports = []string{"443", "80", "88", "8443"}

// maxHeader bounds the header block of Telegram's requests. With a longer one Telegram sends
// nothing, and records no error.
const maxHeader = 4096 - 30

// parseTarget reads an address. It returns the problem if there is one.
func parseTarget(text string) (t target, problem string) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return t, "it is not a URL with a host, such as https://bot.example.org/telegram"
	}
	t = target{scheme: u.Scheme, host: u.Hostname(), port: u.Port()}
	_, rest, _ := strings.Cut(text, "://")
	end := strings.IndexAny(rest+"/", "/?#")
	authority, path := rest[:end], rest[end:]
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		t.userinfo = authority[:at]
	}
	if t.path = escaped(path); !strings.HasPrefix(t.path, "/") {
		t.path = "/" + t.path
	}
	if ascii, err := idna.Punycode.ToASCII(strings.ToLower(t.host)); err == nil {
		t.host = ascii
	}
	switch {
	case t.scheme != "https" && t.scheme != "http":
		return t, fmt.Sprintf("it begins with %s://, and Telegram knows https:// alone", t.scheme)
	case u.Port() != "" && !isPort(u.Port()):
		return t, "its port is not a number from 1 to 65535"
	case strings.Contains(text, "#"):
		return t, "it has a # part, which Telegram would send as a part of the path"
	case len(t.head(strings.Repeat("x", 64), 1<<20)) > maxHeader:
		return t, fmt.Sprintf("it is so long that the headers would have more than %d bytes: Telegram sends nothing then, and records no error", maxHeader)
	}
	if t.port == "" {
		t.port = map[string]string{"https": "443", "http": "80"}[t.scheme]
	}
	return t, ""
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0
}

// escaped returns a path with its blanks and control characters escaped, as Telegram does.
func escaped(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c <= ' ' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// address returns the host if it is an IP address.
func (t target) address() (netip.Addr, bool) {
	addr, err := netip.ParseAddr(t.host)
	return addr, err == nil
}

// hostHeader returns the Host header: with the port, unless that is the scheme's own.
func (t target) hostHeader() string {
	host := t.host
	if addr, ok := t.address(); ok && addr.Is6() {
		host = "[" + host + "]"
	}
	if t.port == "" || t.scheme == "https" && t.port == "443" || t.scheme == "http" && t.port == "80" {
		return host
	}
	return host + ":" + t.port
}

// The addresses that Telegram refuses. Source: tdlib/td, IPAddress::is_reserved.
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
