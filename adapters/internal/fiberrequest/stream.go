package fiberrequest

import (
	"io"
	"net"
	"time"
)

// A Stream is a body that StreamRequestBody has left on the connection. fasthttp would
// take a part that is not read for the next request.
type Stream struct {
	io.Reader

	ended bool
}

// Read reads from the body.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.ended = s.ended || err == io.EOF
	return n, err
}

// Discard reads the rest of the body and reports whether it has come to its end. It reads
// as much and as long as net/http does so that a client sees the answer: 256 KiB, and
// half a second.
func (s *Stream) Discard(conn net.Conn) bool {
	defer func() { _ = recover() }() // the stream may be one of a middleware
	if !s.ended {
		_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		_, _ = io.CopyN(io.Discard, s, 256<<10)
		_ = conn.SetReadDeadline(time.Time{}) // fasthttp sets its own for each request
	}
	return s.ended
}
