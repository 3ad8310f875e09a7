package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// capacity is the number of unread bytes that one direction holds.
const capacity = 64 << 10

// pipe is one direction of a connection.
type pipe struct {
	mu      sync.Mutex
	changed sync.Cond // signals a change of any field below

	data []byte // holds the bytes that were written and not read
	from int    // where these bytes begin in data

	reading, writing side
	ended            bool // no more writes; the rest can be read
	reset            bool // the other end has reset the connection
	busy             bool // a Write is under way, whose bytes must stay together
}

// side is the reading or the writing end.
type side struct {
	closed  bool
	timer   *time.Timer // runs until the deadline
	expired bool
}

func newPipe() *pipe {
	p := &pipe{}
	p.changed.L = &p.mu
	return p
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.reading.closed:
			return 0, net.ErrClosed
		case p.reading.expired:
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case p.from < len(p.data):
			n := copy(b, p.data[p.from:])
			if p.from += n; p.from == len(p.data) {
				p.data, p.from = p.data[:0], 0
			}
			p.changed.Broadcast()
			return n, nil
		case p.reset:
			return 0, os.NewSyscallError("read", syscall.ECONNRESET)
		case p.ended:
			return 0, io.EOF
		}
		p.changed.Wait()
	}
}

func (p *pipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.busy {
		if err := p.unwritable(); err != nil {
			return 0, err
		}
		p.changed.Wait()
	}
	p.busy = true
	defer func() { p.busy = false; p.changed.Broadcast() }()
	for {
		if err := p.unwritable(); err != nil {
			return n, err
		}
		n += p.fill(b[n:])
		if n == len(b) {
			return n, nil
		}
		p.changed.Broadcast()
		p.changed.Wait()
	}
}

func (p *pipe) unwritable() error {
	switch {
	case p.writing.closed:
		return net.ErrClosed
	case p.writing.expired:
		return os.ErrDeadlineExceeded
	case p.reset:
		return os.NewSyscallError("write", syscall.ECONNRESET)
	case p.ended, p.reading.closed:
		return os.NewSyscallError("write", syscall.EPIPE)
	}
	return nil
}

// fill takes as many bytes of b as there is room for.
func (p *pipe) fill(b []byte) int {
	b = b[:min(len(b), capacity-(len(p.data)-p.from))]
	if p.from > 0 && len(p.data)+len(b) > cap(p.data) {
		p.data, p.from = p.data[:copy(p.data, p.data[p.from:])], 0
	}
	p.data = append(p.data, b...)
	return len(b)
}

// end ends the direction, for CloseWrite.
func (p *pipe) end() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writing.closed {
		return net.ErrClosed
	}
	p.ended = true
	p.changed.Broadcast()
	return nil
}

// closeWriter closes the writing end. It returns false if that was closed already.
func (p *pipe) closeWriter(abrupt bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writing.closed {
		return false
	}
	p.close(&p.writing, abrupt)
	p.ended = true
	return true
}

func (p *pipe) closeReader(abrupt bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close(&p.reading, abrupt)
	p.data, p.from = nil, 0
}

func (p *pipe) close(s *side, abrupt bool) {
	s.closed = true
	s.stop()
	p.reset = p.reset || abrupt
	p.changed.Broadcast()
}

func (p *pipe) setDeadline(s *side, t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.stop()
	s.expired = false
	if t.IsZero() {
		return nil
	}
	left := time.Until(t)
	if left <= 0 {
		s.expired = true
		p.changed.Broadcast()
		return nil
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if s.timer == timer { // no later deadline has replaced this one
			s.expired = true
			p.changed.Broadcast()
		}
	})
	s.timer = timer
	return nil
}

func (s *side) stop() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
