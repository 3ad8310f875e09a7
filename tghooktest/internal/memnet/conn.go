package memnet

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Conn is one end of a connection. It does as a *net.TCPConn does on a network without
// delay, save that Close with data unread is no reset. Several goroutines may use it at
// once.
type Conn struct {
	in, out       *pipe
	local, remote *net.TCPAddr
	abrupt        atomic.Bool
}

// Read waits for data. After all that the peer wrote it returns io.EOF.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.in.read(b)
	return n, c.wrap("read", err)
}

// Write waits only while 64 KiB that the peer has not read are on their way.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.out.write(b)
	return n, c.wrap("write", err)
}

// Close has the peer read io.EOF when it has read the rest, and fail to write.
func (c *Conn) Close() error {
	if !c.out.closeWriter(c.abrupt.Load()) {
		return c.wrap("close", net.ErrClosed)
	}
	c.in.closeReader(c.abrupt.Load())
	return nil
}

// CloseWrite has the peer read io.EOF when it has read the rest. Reading goes on.
func (c *Conn) CloseWrite() error {
	return c.wrap("close", c.out.end())
}

// SetLinger with 0 has Close reset the connection, as that of *net.TCPConn does: the
// peer reads syscall.ECONNRESET in place of io.EOF.
func (c *Conn) SetLinger(sec int) error {
	c.abrupt.Store(sec == 0)
	return nil
}

// LocalAddr is a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets when Read ends with os.ErrDeadlineExceeded, also one that waits.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.wrap("set", c.in.setDeadline(&c.in.reading, t))
}

// SetWriteDeadline sets when Write ends with os.ErrDeadlineExceeded, also one that waits.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.wrap("set", c.out.setDeadline(&c.out.writing, t))
}

func (c *Conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // Read gives io.EOF itself
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
