package doortest

import (
	"net"
	"sync"
	"testing"
)

// A Memory is a listener whose connections are in memory, for a synctest bubble.
type Memory struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// NewMemory returns a listener without connections.
func NewMemory() *Memory {
	return &Memory{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Accept waits for a Dial.
func (m *Memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.conns:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept. Connections stay open.
func (m *Memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

// Addr returns the same address for every such listener.
func (*Memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }

// Dial connects to the listener's server.
func (m *Memory) Dial(tb testing.TB) *Conn {
	tb.Helper()
	ours, theirs := net.Pipe()
	m.conns <- theirs
	return NewConn(tb, ours)
}
