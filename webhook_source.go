package tghook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// TelegramSources returns the addresses from which Telegram sends updates, as
// https://core.telegram.org/bots/webhooks states. Telegram may change them.
func TelegramSources() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("149.154.160.0/20"),
		netip.MustParsePrefix("91.108.4.0/22"),
	}
}

// sources are the addresses that requests may come from.
type sources struct {
	allowed []netip.Prefix // empty if any address is allowed
	proxies []netip.Prefix // their X-Forwarded-For is believed
}

// stranger says why a request of this peer is not allowed. It returns "" if it is allowed.
func (s *sources) stranger(peer string, forwardedFor []string) string {
	if len(s.allowed) == 0 {
		return ""
	}
	source, given := s.source(peer, forwardedFor)
	switch {
	case !source.IsValid() && given == peer:
		return fmt.Sprintf("the peer %.64q has no address, as on a unix socket, so that Config.AllowedSources refuses it: "+
			"let the proxy check the source", given)
	case !source.IsValid():
		return fmt.Sprintf("the peer %s is in Config.TrustedProxies, and its X-Forwarded-For has %.64q where an address is due: does that proxy set it?",
			s.name(peer, forwardedFor), given)
	case contains(s.allowed, source):
		return ""
	case contains(s.proxies, source):
		return fmt.Sprintf("source %v is not in Config.AllowedSources; it is in Config.TrustedProxies, and X-Forwarded-For names nobody beyond it", source)
	default:
		return fmt.Sprintf("source %v is not in Config.AllowedSources: if it is a proxy of yours, put it into Config.TrustedProxies", source)
	}
}

// source returns the address that a request comes from: the peer's address or, behind
// trusted proxies, the first address from the right that is not one of them. given is the
// text of that address. If the text is not an address, source is not valid.
func (s *sources) source(peer string, forwardedFor []string) (source netip.Addr, given string) {
	source, given = parseAddr(peer), peer
	if !source.IsValid() || !contains(s.proxies, source) {
		return source, given
	}
	hops := strings.Split(strings.Join(forwardedFor, ","), ",")
	for _, hop := range slices.Backward(hops) {
		given = strings.TrimSpace(hop)
		if source = parseAddr(given); !source.IsValid() || !contains(s.proxies, source) {
			break
		}
	}
	return source, given
}

// name returns the sender of a request for a log line: the source, or the peer if the
// source is not known.
func (s *sources) name(peer string, forwardedFor []string) string {
	if source, _ := s.source(peer, forwardedFor); source.IsValid() {
		return source.String()
	}
	return fmt.Sprintf("%.64s", peer)
}

// parseAddr reads an address with or without a port, an IPv6 address also in brackets.
// It returns the IPv4 address of an IPv4 address in IPv6 form, and an invalid one if s is not
// an address.
func parseAddr(s string) netip.Addr {
	s = strings.TrimSpace(s)
	withPort, err := netip.ParseAddrPort(s) // most servers give a port
	addr := withPort.Addr()
	if err != nil {
		inner, bracketed := strings.CutPrefix(s, "[")
		if bracketed {
			inner, bracketed = strings.CutSuffix(inner, "]")
		}
		addr, err = netip.ParseAddr(inner)
		if err != nil || strings.HasPrefix(s, "[") && (!bracketed || !addr.Is6()) {
			return netip.Addr{}
		}
	}
	return addr.Unmap().WithZone("")
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// secrets returns the secrets that are accepted. If there are none, a request needs none. It
// is a function because fmt does not look into a function.
type secrets func() [][]byte

func newSecrets(given ...string) secrets {
	var all [][]byte
	for _, secret := range given {
		if secret != "" {
			all = append(all, []byte(secret))
		}
	}
	return func() [][]byte { return all }
}

// unauthentic says what is wrong with a request's secret. It returns "" if it is right.
func (s secrets) unauthentic(lines []string) string {
	switch {
	case len(s()) == 0:
		return ""
	case len(lines) == 0 || len(lines) == 1 && lines[0] == "":
		return "secret token missing: was setWebhook given one, and does every proxy pass X-Telegram-Bot-Api-Secret-Token on?"
	case len(lines) > 1:
		return "secret token doubled: Telegram sends X-Telegram-Bot-Api-Secret-Token once"
	}
	match := 0
	for _, secret := range s() {
		match |= subtle.ConstantTimeCompare([]byte(lines[0]), secret)
	}
	if match == 0 {
		return "secret token wrong: is it the one that setWebhook was given?"
	}
	return ""
}

const maxSecret = 256

const secretRule = "must be 1 to 256 characters of A-Z, a-z, 0-9, _ and -, as Telegram demands of a secret_token"

func validSecret(s string) bool {
	for _, c := range []byte(s) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return len(s) <= maxSecret
}

// SecretFor derives [Config].Secret from the bot's token and the webhook's URL, so that all
// replicas have the same secret without another setting. Nobody can compute the token from
// the secret.
func SecretFor(token, url string) string { return derive(token, "secret", url) }

// PathFor derives a path that cannot be guessed: "/" and 64 hexadecimal digits. Use it if
// you want one besides the secret. Do not put the token itself in a path, because servers
// and proxies log paths.
func PathFor(token string) string { return "/" + derive(token, "path", "") }

func derive(token, purpose, of string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("tghook " + purpose + "\n" + of))
	return hex.EncodeToString(mac.Sum(nil))
}
