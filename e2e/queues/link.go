package main

import (
	"context"
	"net"
	"sync"
)

// link is a process's network link to the engine's server. A cut is like a pulled cable:
// connections stay open, and neither a byte nor an error arrives. When the link is healed, the
// connections of that time end with an error.
type link struct {
	net.Listener

	target  string
	running sync.WaitGroup

	mu    sync.Mutex
	cuts  int           // that were not healed
	open  chan struct{} // closed while bytes may pass
	conns map[net.Conn]bool
}

// newLink returns a link to the address target.
func newLink(ctx context.Context, target string) (*link, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	k := &link{Listener: l, target: target, open: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(k.open)
	k.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			k.running.Go(func() { k.relay(ctx, conn) })
		}
	})
	return k, nil
}

// cut lets nothing pass until heal.
func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cuts++; k.cuts == 1 {
		k.open = make(chan struct{})
	}
}

// heal ends a cut.
func (k *link) heal() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cuts--; k.cuts > 0 {
		return
	}
	for conn := range k.conns {
		_ = conn.Close()
	}
	close(k.open)
}

// end ends all connections, and waits for their end. The link must not be cut.
func (k *link) end() {
	_ = k.Close()
	k.mu.Lock()
	for conn := range k.conns {
		_ = conn.Close()
	}
	k.mu.Unlock()
	k.running.Wait()
}

// keep notes that conn is open, until the caller calls forget.
func (k *link) keep(conn net.Conn) (forget func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns[conn] = true
	return func() {
		_ = conn.Close()
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.conns, conn)
	}
}

// pass waits until bytes may pass.
func (k *link) pass() {
	k.mu.Lock()
	open := k.open
	k.mu.Unlock()
	<-open
}

// relay connects conn with the server.
func (k *link) relay(ctx context.Context, conn net.Conn) {
	defer k.keep(conn)()
	k.pass()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", k.target)
	if err != nil {
		return
	}
	defer k.keep(server)()
	copied := func(to, from net.Conn) {
		defer to.Close()
		defer from.Close()
		for buffer := make([]byte, 32<<10); ; {
			n, err := from.Read(buffer)
			k.pass()
			if err == nil {
				_, err = to.Write(buffer[:n])
			}
			if err != nil {
				return
			}
		}
	}
	var both sync.WaitGroup
	both.Go(func() { copied(server, conn) })
	copied(conn, server)
	both.Wait()
}
