package tghooktest

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// address is the address of a webhook. It is parsed by Telegram's rules, which differ from
// those of [url.Parse]: without a scheme it is https, and the part behind the host is sent
// unchanged. Source: tdlib/td, parse_url.
type address struct {
	scheme   string
	userinfo string // unchanged, with its escapes
	host     string // in lower case; an IPv6 address without its brackets
	port     int
	target   string // the request's target: path, query and fragment
}

func parseAddress(text string) (a address, ok bool) {
	a.scheme = "https"
	if scheme, rest, found := strings.Cut(text, "://"); found && !strings.ContainsAny(scheme, ":/?#@[]") {
		a.scheme, text = strings.ToLower(scheme), rest
	}
	defaultPort, ok := defaultPorts[a.scheme]
	if !ok {
		return a, false
	}
	end := strings.IndexAny(text, "/?#")
	if end < 0 {
		end = len(text)
	}
	authority, rest := text[:end], text[end:]
	a.port = defaultPort
	if at := strings.LastIndexAny(authority, ":]@"); at > 0 && authority[at] == ':' {
		port, err := strconv.ParseUint(authority[at+1:], 10, 16)
		if err != nil || port == 0 {
			return a, false
		}
		a.port, authority = int(port), authority[:at]
	}
	at := strings.LastIndexByte(authority, '@')
	a.userinfo, a.host = authority[:max(at, 0)], strings.ToLower(authority[at+1:])
	a.target = targetOf(rest)
	if inner, bracketed := strings.CutPrefix(a.host, "["); bracketed {
		inner, closed := strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		a.host = inner
		return a, closed && err == nil && ip.Is6() && ip.Zone() == ""
	}
	return a, a.host != "" && a.host != "." && validHost(a.host)
}

var defaultPorts = map[string]int{"http": 80, "https": 443}

// targetOf returns the path, query and fragment, with blanks and control characters
// escaped.
func targetOf(rest string) string {
	rest = strings.TrimRight(rest, " \t\r\n\x00\v")
	var b strings.Builder
	if !strings.HasPrefix(rest, "/") {
		b.WriteByte('/')
	}
	for i := range len(rest) {
		if c := rest[i]; c <= ' ' {
			const digits = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func validHost(host string) bool {
	for i := 0; i < len(host); i++ {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c >= 0x80, strings.IndexByte(".-_!$,~*'();&+=", c) >= 0:
		case c == '%' && i+2 < len(host) && isHex(host[i+1]) && isHex(host[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return 'a' <= c && c <= 'f' || '0' <= c && c <= '9' }

// url returns the scheme, host and port as a URL.
func (a address) url() *url.URL { return &url.URL{Scheme: a.scheme, Host: a.at(a.host)} }

// at returns host and the address's port, joined for net.Dial.
func (a address) at(host string) string { return net.JoinHostPort(host, strconv.Itoa(a.port)) }
