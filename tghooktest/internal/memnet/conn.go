package memnet

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Conn is one end of a connection. It behaves like a *net.TCPConn on a network without
// delay, with one exception: Close with unread data does not reset the connection. Several
// goroutines may use it at once.
type Conn struct {
	in, out       *pipe
	local, remote *net.TCPAddr
	abrupt        atomic.Bool
}

// Read waits for data. After the last byte that the peer wrote, it returns io.EOF.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.wrap("read", err)
}

// Write waits only while the peer has 64 KiB left to read.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.wrap("write", err)
}

// Close ends both directions. The peer reads the rest and then io.EOF, and its writes fail.
func (c *Conn) Close() error {
	if !c.out.closeWriter(c.abrupt.Load()) {
		return c.wrap("close", net.ErrClosed)
	}
	c.in.closeReader(c.abrupt.Load())
	return nil
}

// CloseWrite ends the writing direction. The peer reads the rest and then io.EOF. Read
// still works.
func (c *Conn) CloseWrite() error {
	return c.wrap("close", c.out.end())
}

// SetLinger with 0 makes Close reset the connection, as it does for a *net.TCPConn: the
// peer reads syscall.ECONNRESET instead of io.EOF.
func (c *Conn) SetLinger(sec int) error {
	c.abrupt.Store(sec == 0)
	return nil
}

// LocalAddr returns a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets when Read fails with os.ErrDeadlineExceeded, even if it waits
// already.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.wrap("set", c.in.setDeadline(&c.in.reading, t))
}

// SetWriteDeadline sets when Write fails with os.ErrDeadlineExceeded, even if it waits
// already.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.wrap("set", c.out.setDeadline(&c.out.writing, t))
}

func (c *Conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // Read returns io.EOF unwrapped
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
