package tghook

import (
	"net/netip"
	"slices"
	"strings"
)

// TelegramSources are the addresses that Telegram says it sends from. They may
// change (https://core.telegram.org/bots/webhooks).
func TelegramSources() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("149.154.160.0/20"),
		netip.MustParsePrefix("91.108.4.0/22"),
	}
}

func (w *Webhook) allowed(req *Request) bool {
	if len(w.cfg.AllowedSources) == 0 {
		return true
	}
	source, ok := w.source(req)
	return ok && contains(w.cfg.AllowedSources, source)
}

// source is the address that the request comes from: the peer's or, behind
// trusted proxies, the first from the right that is not one of them.
func (w *Webhook) source(req *Request) (netip.Addr, bool) {
	source, ok := parseAddr(req.RemoteAddr)
	if !ok || !contains(w.cfg.TrustedProxies, source) {
		return source, ok
	}
	hops := strings.Split(strings.Join(req.ForwardedFor, ","), ",")
	for _, hop := range slices.Backward(hops) {
		if source, ok = parseAddr(hop); !ok || !contains(w.cfg.TrustedProxies, source) {
			break
		}
	}
	return source, ok
}

// parseAddr reads an address with or without a port. An IPv4 address in IPv6
// form is that IPv4 address.
func parseAddr(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	withPort, err := netip.ParseAddrPort(s) // first, for servers give it
	addr := withPort.Addr()
	if err != nil {
		addr, err = netip.ParseAddr(strings.Trim(s, "[]"))
	}
	return addr.Unmap().WithZone(""), err == nil
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
