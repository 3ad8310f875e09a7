package memnet

import (
	"net"
	"sync"
)

// Listener listens at an address of a Network.
type Listener struct {
	network *Network
	at      endpoint

	mu      sync.Mutex
	changed sync.Cond
	waiting []*Conn
	closed  bool
}

// Accept waits for a connection and returns the oldest one. After Close it returns
// net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) == 0 && !l.closed {
		l.changed.Wait()
	}
	if l.closed {
		return nil, l.fail("accept")
	}
	c := l.waiting[0]
	l.waiting = l.waiting[1:]
	return c, nil
}

// Close ends Accept, and resets the connections that were not accepted.
func (l *Listener) Close() error {
	l.network.mu.Lock()
	defer l.network.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return l.fail("close")
	}
	l.closed = true
	l.changed.Broadcast()
	delete(l.network.listeners, l.at)
	for _, c := range l.waiting {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	l.waiting = nil
	return nil
}

// Addr returns a *net.TCPAddr. For a host that is a name, its IP address is 127.0.0.1.
func (l *Listener) Addr() net.Addr { return l.at.addr() }

// push adds a connection for Accept. It is called with the Network's mutex held, so l is
// not closed.
func (l *Listener) push(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, c)
	l.changed.Signal()
}

func (l *Listener) fail(op string) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
}
