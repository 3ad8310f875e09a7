package outlet

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// guard returns a dialer that connects only to public addresses and to those in allow. It checks
// the address that a name was resolved to, at the moment of the connection. So a name that is
// resolved to another address later is of no use to an attacker.
func guard(allow []netip.Prefix) *net.Dialer {
	return &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return check(at.Addr(), allow)
	}}
}

// check returns an error for an address that is not public, unless it is in allow.
func check(addr netip.Addr, allow []netip.Prefix) error {
	addr = addr.WithZone("").Unmap()
	contains := func(p netip.Prefix) bool { return p.Contains(addr) }
	if public(addr) || slices.ContainsFunc(allow, contains) {
		return nil
	}
	return &privateError{addr}
}

// privateError says that an address is not public.
type privateError struct{ addr netip.Addr }

func (e *privateError) Error() string {
	return fmt.Sprintf("its host resolves to %s, which is not public; if bots that are added may be there, list the address in admin.allow", e.addr)
}

// public reports whether an address belongs to a host on the internet.
func public(addr netip.Addr) bool {
	if addr.Is6() && !unicast.Contains(addr) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// unicast are the IPv6 addresses that are public, but for a few in special. Others are loopback,
// unspecified, local, multicast, or stand for IPv4 addresses (64:ff9b::/96).
var unicast = netip.MustParsePrefix("2000::/3")

// special are the addresses of IANA's registries of special-purpose addresses that are not hosts
// on the internet (https://www.iana.org/assignments/iana-ipv4-special-registry), multicast, and
// the server of Azure that tells a machine about itself.
var special = prefixes(
	"0.0.0.0/8",         // this network
	"10.0.0.0/8",        // private
	"100.64.0.0/10",     // behind a provider's NAT
	"127.0.0.0/8",       // loopback
	"168.63.129.16/32",  // Azure
	"169.254.0.0/16",    // link-local, with the servers by which clouds tell a machine about itself
	"172.16.0.0/12",     // private
	"192.0.0.0/24",      // of protocols
	"192.0.2.0/24",      // documentation
	"192.31.196.0/24",   // AS112
	"192.52.193.0/24",   // AMT
	"192.88.99.0/24",    // relays of 6to4
	"192.168.0.0/16",    // private
	"192.175.48.0/24",   // AS112
	"198.18.0.0/15",     // benchmarks
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"224.0.0.0/4",       // multicast
	"240.0.0.0/4",       // reserved, and broadcast
	"2001::/23",         // of protocols, with Teredo
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4, which stands for IPv4 addresses
	"2620:4f:8000::/48", // AS112
	"3fff::/20",         // documentation
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}
