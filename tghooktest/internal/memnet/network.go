// Package memnet is a network in memory. What waits in it is durably blocked in the
// sense of testing/synctest, so that servers and clients can live in a bubble.
package memnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Network connects those who dial to those who listen. Several goroutines may use it
// at once.
type Network struct {
	mu        sync.Mutex
	listeners map[endpoint]*Listener
	listening uint16 // the port that was last given to a listener
	dialing   uint16 // the port that was last given to a dialer
}

type endpoint struct {
	host string
	port uint16
}

// Ports that are given away are above these: the first is 49152 for listeners, and
// 32768 for dialers, as the systems have them.
const (
	beforeListening = 49151
	beforeDialing   = 32767
)

// New returns a Network on which nobody listens.
func New() *Network {
	return &Network{listeners: map[endpoint]*Listener{}, listening: beforeListening, dialing: beforeDialing}
}

// Listen listens at addr, host:port with any host, be it a name or an address; port 0
// is a free one. No host, an unspecified address and localhost are 127.0.0.1.
// Connections that wait for Accept are not limited.
func (n *Network) Listen(addr string) (net.Listener, error) {
	at, err := parse(addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for at.port == 0 {
		n.listening = max(n.listening+1, beforeListening+1)
		if free := (endpoint{at.host, n.listening}); n.listeners[free] == nil {
			at = free
		}
	}
	l := &Listener{network: n, at: at}
	l.changed.L = &l.mu
	if n.listeners[at] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: l.Addr(), Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	n.listeners[at] = l
	return l, nil
}

// Dial connects to who listens at addr, from 127.0.0.1. It never waits.
func (n *Network) Dial(ctx context.Context, addr string) (net.Conn, error) {
	at, err := parse(addr)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[at]
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: at.addr(), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	n.dialing = max(n.dialing+1, beforeDialing+1)
	there, back := newPipe(), newPipe()
	local, remote := endpoint{loopback, n.dialing}.addr(), at.addr()
	l.push(&Conn{in: there, out: back, local: remote, remote: local})
	return &Conn{in: back, out: there, local: local, remote: remote}, nil
}

// Has reports whether somebody listens under host, at whatever port.
func (n *Network) Has(host string) bool {
	host = canonical(host)
	n.mu.Lock()
	defer n.mu.Unlock()
	for at := range n.listeners {
		if at.host == host {
			return true
		}
	}
	return false
}

const loopback = "127.0.0.1"

func parse(addr string) (endpoint, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return endpoint{}, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return endpoint{}, fmt.Errorf("address %s: invalid port", addr)
	}
	return endpoint{canonical(host), uint16(number)}, nil
}

func canonical(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		if !ip.IsUnspecified() {
			return ip.Unmap().String()
		}
		host = ""
	}
	if host = strings.ToLower(host); host == "" || host == "localhost" {
		return loopback
	}
	return host
}

// addr is what a user of net expects to find: a *net.TCPAddr. A host with a name has
// the address 127.0.0.1 there.
func (e endpoint) addr() *net.TCPAddr {
	ip, err := netip.ParseAddr(e.host)
	if err != nil {
		ip = netip.MustParseAddr(loopback)
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, e.port))
}
