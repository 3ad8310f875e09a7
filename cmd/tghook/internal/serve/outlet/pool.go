package outlet

import (
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// idleTime is how long a connection is kept that is not in use. Telegram keeps it as long.
const idleTime = time.Minute

// longestUse is how long a connection is used. Then a new one finds out where the host is now.
// Telegram looks for the host about as often.
const longestUse = 30 * time.Minute

// pool keeps connections that are not in use. Its zero value is empty.
type pool struct {
	mu     sync.Mutex
	closed bool
	idle   []*idleConn // the one that was used last is the last one
}

// idleConn is a connection that is not in use. A goroutine reads from it, to notice when the bot
// closes it or sends something that no request asked for. Such bytes would be taken for the
// answer to the next request.
type idleConn struct {
	*wire.Conn

	watched chan error // gets the result of reading
}

// put keeps a connection until it is taken, the bot closes it, or a minute has passed. It closes a
// connection that is too old.
func (p *pool) put(conn *wire.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || time.Since(conn.Opened) >= longestUse || conn.SetDeadline(time.Now().Add(idleTime)) != nil {
		go func() { _ = conn.Close() }() // with TLS this may block
		return
	}
	c := &idleConn{conn, make(chan error, 1)}
	p.idle = append(p.idle, c)
	go p.watch(c)
}

func (p *pool) watch(c *idleConn) {
	c.watched <- c.Rest()
	if p.remove(c) {
		_ = c.Close()
	}
}

// remove reports whether the connection was in the pool.
func (p *pool) remove(c *idleConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.idle, c)
	if at < 0 {
		return false
	}
	p.idle = slices.Delete(p.idle, at, at+1)
	return true
}

// take returns a connection that can be used; nil if there is none.
func (p *pool) take() *wire.Conn {
	for {
		c := p.last()
		if c == nil {
			return nil
		}
		_ = c.SetReadDeadline(time.Unix(1, 0)) // ends watch
		if errors.Is(<-c.watched, os.ErrDeadlineExceeded) {
			return c.Conn
		}
		_ = c.Close()
	}
}

func (p *pool) last() *idleConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	return c
}

// close closes the connections. Those that come later are closed at once.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for c := p.last(); c != nil; c = p.last() {
		_ = c.Close()
	}
}
