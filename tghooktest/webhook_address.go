package tghooktest

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// address is the address of a webhook. It is parsed by Telegram's rules, which differ from
// those of [url.Parse]: without a scheme it is https, and the part behind the host is sent
// unchanged. Source: tdlib/td, parse_url.
type address struct {
	scheme   string
	userinfo string // unchanged, with its escapes
	host     string // in lower case and ASCII; an IPv6 address without its brackets
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
	a.userinfo, a.host = authority[:max(at, 0)], lowerASCII(authority[at+1:])
	a.target = targetOf(rest)
	if inner, bracketed := strings.CutPrefix(a.host, "["); bracketed {
		inner, closed := strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		a.host = inner
		return a, closed && err == nil && ip.Is6() && ip.Zone() == ""
	}
	valid := a.host != "" && a.host != "." && validPart(a.host, false) && validPart(a.userinfo, true)
	if ascii, problem := toASCII(a.host); problem == "" {
		a.host = ascii
	}
	return a, valid
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

// validPart reports whether the characters of a host are allowed, or those of a userinfo,
// which may have a colon.
func validPart(text string, colon bool) bool {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case isHex(c), 'g' <= c && c <= 'z', 'G' <= c && c <= 'Z', c >= 0x80, strings.IndexByte(".-_!$,~*'();&+=", c) >= 0:
		case c == ':' && colon:
		case c == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// toASCII returns the ASCII form of a host name in which the letters of ASCII are in lower
// case, or Telegram's problem with it. Source: tdlib/td, idn_to_ascii.
func toASCII(host string) (ascii, problem string) {
	switch {
	case isASCII(host):
		return host, ""
	case !utf8.ValidString(host):
		return "", "Host name must be encoded in UTF-8"
	case len(host) >= 4*255:
		return "", "Host name is too long"
	}
	labels := strings.Split(host, ".")
	for i, label := range labels {
		if !isASCII(label) {
			labels[i] = "xn--" + punycode(label)
		}
	}
	return strings.Join(labels, "."), ""
}

// lowerASCII returns s with its letters of ASCII in lower case.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// url returns the scheme, host and port as a URL.
func (a address) url() *url.URL { return &url.URL{Scheme: a.scheme, Host: a.at(a.host)} }

// at returns host and the address's port, joined for net.Dial.
func (a address) at(host string) string { return net.JoinHostPort(host, strconv.Itoa(a.port)) }
