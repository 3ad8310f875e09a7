// Package memnet is a network in memory. A goroutine that waits in it is durably blocked in
// the sense of testing/synctest, so servers and clients can run in a bubble.
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

// Network connects dialers to listeners. Several goroutines may use it at once.
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

// Free ports are above these. As in real systems, listeners get ports from 49152, and
// dialers from 32768.
const (
	beforeListening = 49151
	beforeDialing   = 32767
)

// New returns a Network without listeners.
func New() *Network {
	return &Network{listeners: map[endpoint]*Listener{}, listening: beforeListening, dialing: beforeDialing}
}

// Listen opens a listener at addr, which is host:port. The host is any name or address. An
// empty host, an unspecified address and localhost mean 127.0.0.1. Port 0 means a free
// port. The number of connections that wait for Accept is not limited.
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

// Dial connects to the listener at addr, from 127.0.0.1. It never waits.
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

// Has reports whether there is a listener for host, at any port.
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

// addr returns a *net.TCPAddr, which users of package net expect. For a host that is a
// name, its IP address is 127.0.0.1.
func (e endpoint) addr() *net.TCPAddr {
	ip, err := netip.ParseAddr(e.host)
	if err != nil {
		ip = netip.MustParseAddr(loopback)
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, e.port))
}
