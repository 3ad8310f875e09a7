package sender

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// timeout is how long a connection may be idle, how long opening it may take, and how long
// a whole answer may take after the request was written.
const timeout = 60 * time.Second

// connection is a connection to the webhook. One goroutine reads and another writes,
// because an answer may come before its request was written, and the end may come at any
// time.
type connection struct {
	sender  *Sender
	jobs    chan job // at most one waits
	ctx     context.Context
	cancel  context.CancelFunc
	phase   atomic.Int32
	refused atomic.Bool // by Fault.Refuse
	conn    net.Conn    // with TLS; set before it is used

	// The fields below belong to the goroutine of Sender.run.
	place    int // its index in Sender.connections
	deadline time.Duration
	ended    bool // it was removed from Sender.connections
	twin     bool // it is for the copy that AgainAtOnce sends
	busy     bool // it has an attempt
	attempt  Attempt
	lane     *lane // lane of the attempt; nil for a twin
	fault    Fault

	wanted chan struct{} // has a value if awaited may have become true

	mu      sync.Mutex
	socket  net.Conn // without TLS; nil before it is connected
	input   parser
	awaited bool // a request waits for its answer
	served  bool // an answer has come
	update  int64
	number  int  // number of the attempt of that update
	losing  bool // CutAfter: ignore that answer
}

// maxAhead is how many bytes are read that no request awaits. Telegram reads all of them.
const maxAhead = 1 << 20

// The phases of a connection.
const (
	connecting int32 = iota
	handshaking
	waiting
	writing
	written
)

// job is a request to send.
type job struct {
	update int64
	number int // of the attempt
	body   []byte
	delay  time.Duration // in real time, before the request is written
	fault  Fault
}

// connect opens a connection. It can get a job at once. If it cannot be opened, its update
// fails with it, as with Telegram.
func (s *Sender) connect(now time.Duration) *connection {
	c := &connection{sender: s, jobs: make(chan job, 1), wanted: make(chan struct{}, 1), place: len(s.connections), deadline: now + timeout}
	c.input.copies = s.cfg.Record
	c.ctx, c.cancel = context.WithCancel(context.Background())
	s.connections = append(s.connections, c)
	s.expiry = min(s.expiry, c.deadline)
	s.running.Go(c.serve)
	return c
}

// close closes the socket without ending TLS, as Telegram does.
func (c *connection) close() {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.socket != nil {
		_ = c.socket.Close()
	}
}

func (c *connection) serve() {
	err := c.open()
	if err == nil {
		c.sender.running.Go(c.write)
		err = c.read()
	}
	if c.refused.Load() {
		err = syscall.ECONNREFUSED
	}
	c.mu.Lock()
	between := c.served && !c.awaited
	c.mu.Unlock()
	c.sender.inbox.put(event{connection: c, failure: errorText(err), ended: true, reset: between && errors.Is(err, syscall.ECONNRESET)})
}

func (c *connection) open() error {
	socket, err := c.sender.cfg.Dial(c.ctx, c.sender.cfg.Addr)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.socket = socket
	c.mu.Unlock()
	if c.ctx.Err() != nil {
		c.close()
	}
	c.conn = socket
	if c.sender.secure != nil {
		c.phase.Store(handshaking)
		client := tls.Client(socket, c.sender.secure)
		if err := client.HandshakeContext(c.ctx); err != nil {
			c.close()
			return &handshakeError{err}
		}
		c.conn = client
	}
	c.phase.Store(waiting)
	return nil
}

// write sends requests until c ends. It leaves errors to read, because an answer may have
// come all the same.
func (c *connection) write() {
	var buf []byte
	for {
		var j job
		select {
		case j = <-c.jobs:
		case <-c.ctx.Done():
			return
		}
		if j.delay > 0 {
			select {
			case <-time.After(j.delay):
			case <-c.ctx.Done():
				return
			}
		}
		if j.fault.Refuse {
			c.refused.Store(true)
			c.close()
			return
		}
		c.phase.Store(writing)
		early := c.expect(j)
		buf = c.sender.request.append(buf[:0], j.body)
		if _, err := c.conn.Write(buf); err == nil {
			c.phase.Store(written)
		}
		if early != nil {
			c.refuse(early)
		}
		if j.fault.CutBefore {
			c.close()
		}
		if cap(buf) > 64<<10 {
			buf = nil // few updates are that large
		}
	}
}

// expect assigns the next answer to a request. The answer may have come already. If
// Telegram refuses it, it writes the request all the same.
func (c *connection) expect(j job) *refusal {
	if j.fault.CutBefore {
		return nil
	}
	c.mu.Lock()
	c.awaited, c.update, c.number, c.losing = true, j.update, j.number, j.fault.CutAfter
	select {
	case c.wanted <- struct{}{}:
	default:
	}
	return c.parse()
}

// read reads until c ends.
func (c *connection) read() error {
	buf := make([]byte, 4<<10)
	for {
		n, err := c.conn.Read(buf[:len(buf)-1])
		if err == nil && c.unlucky() {
			var more int
			more, err = c.glance(buf[n:])
			if n += more; errors.Is(err, syscall.ECONNRESET) {
				return err
			}
		}
		c.mu.Lock()
		c.input.add(buf[:n])
		if refused := c.parse(); refused != nil {
			c.refuse(refused)
		}
		if err == nil {
			err = c.pause()
		}
		if err != nil {
			return err
		}
	}
}

// pause waits for a request if too many bytes have come that none awaits.
func (c *connection) pause() error {
	for {
		c.mu.Lock()
		full := !c.awaited && len(c.input.rest()) > maxAhead
		c.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-c.wanted:
		case <-c.ctx.Done():
			return net.ErrClosed
		}
	}
}

// unlucky reports whether a reset at this instant would make Telegram lose the answer
// before it. That is so in three of eight runs with the real one, where it depends on how
// soon the reset comes. Only with Latency does an instant last for both.
func (c *connection) unlucky() bool {
	if !c.sender.cfg.Latency {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.awaited && !c.losing && c.sender.draw(byReset, c.update, c.number)%8 < 3
}

// glance reads what else comes at this instant.
func (c *connection) glance(b []byte) (int, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	n, err := c.conn.Read(b)
	_ = c.conn.SetReadDeadline(time.Time{})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// parse looks for an answer in the bytes that were read. It is called with mu held, and
// returns without it. The caller has to refuse an answer that cannot be read.
func (c *connection) parse() *refusal {
	if !c.awaited {
		c.mu.Unlock()
		return nil
	}
	a, whole, err := c.input.next()
	update, losing := c.update, c.losing
	c.awaited, c.served = !whole && err == nil, c.served || whole
	restarted := c.input.restarted
	c.input.restarted = false
	c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case whole && losing:
		a.retryAfter = 0
		c.sender.inbox.put(event{connection: c, answered: true, answer: a, ended: true, lost: true})
	case whole:
		c.answered(update, a)
	case restarted:
		c.sender.inbox.put(event{connection: c, restarted: true})
	}
	return nil
}
