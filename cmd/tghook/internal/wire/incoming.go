package wire

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// maxHead is how many bytes the head of an answer may have. Telegram takes no more either.
const maxHead = 256 << 10

var errLongHead = errors.New("the head of the answer has more than 256 KiB")

// Incoming is an answer whose body is still to be read.
type Incoming struct {
	Answer // without Body, Raw and Took

	// Length is how many bytes the body has. It is -1 if only the end tells.
	Length int64
	// Content is the body. It must be read to its end if the connection is to be used again.
	Content io.Reader

	conn  *Conn
	sent  <-chan error // gets the result of writing the request
	whole bool         // whether the body was read to its end
}

// AskError is why there is no answer.
type AskError struct {
	Sent  bool // the whole request was written
	Began bool // something has come, but not a head
	Err   error
}

func (e *AskError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *AskError) Unwrap() error { return e.Err }

// Ask writes a request POST, and reads the head of the answer, of at most 256 KiB. It reads
// while it writes, so that the webhook may answer before it has read the request. An answer
// 1xx counts as the answer. The deadline is that of the body too. Nothing is copied to
// [Answer.Raw]. If there is no answer, the connection is closed.
func (c *Conn) Ask(request []byte, deadline time.Time) (*Incoming, *AskError) {
	_ = c.SetDeadline(deadline)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(request)
		if err != nil {
			_ = c.SetReadDeadline(earliest(deadline, time.Now().Add(lastWords)))
		}
		sent <- err
	}()
	c.from.copies, c.from.left, c.from.began, c.from.err = false, maxHead, false, nil
	res, err := http.ReadResponse(c.in, &http.Request{Method: http.MethodPost}) //nolint:bodyclose // closing it would read a part of it
	c.from.left = unlimited
	if err != nil {
		_ = c.Close()
		if c.from.err != nil { // half of a line is no reason
			err = c.from.err
		}
		written := <-sent
		if written != nil && !errors.Is(written, os.ErrDeadlineExceeded) && !errors.Is(written, net.ErrClosed) && !c.from.began {
			err = written
		}
		return nil, &AskError{Sent: written == nil, Began: c.from.began, Err: err}
	}
	in := &Incoming{Answer: answerOf(res), Length: res.ContentLength, conn: c, sent: sent}
	in.Content = &content{in, res.Body}
	return in, nil
}

// lastWords is how long an answer may still come after the request could not be written.
const lastWords = time.Second

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// content is the body of an Incoming.
type content struct {
	in   *Incoming
	from io.Reader
}

func (c *content) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.in.whole = c.in.whole || err == io.EOF
	return n, err
}

// sendGrace is how long a request may still be written after its answer has come.
const sendGrace = 100 * time.Millisecond

// Reusable reports whether the connection can take another request. It cannot if the webhook
// ends it, if the body was not read to its end, if the request was not read, or if more than
// the answer has come. Call it once.
func (i *Incoming) Reusable() bool {
	if i.Close || !i.Framed || !i.whole || i.Status < http.StatusOK || i.conn.in.Buffered() > 0 {
		return false
	}
	timer := time.NewTimer(sendGrace)
	defer timer.Stop()
	select {
	case err := <-i.sent:
		return err == nil
	case <-timer.C:
		return false
	}
}

var errUnasked = errors.New("the webhook has sent something that it was not asked for")

// Rest waits while the connection is not in use. It returns when the webhook sends something
// or closes the connection. Then the connection must not be used any more. At the deadline for
// reading, it returns an error that wraps [os.ErrDeadlineExceeded], and the connection can be
// used.
func (c *Conn) Rest() error {
	if _, err := c.in.Peek(1); err != nil {
		return err
	}
	return errUnasked
}

// Until makes the deadline an earlier one.
func (i *Incoming) Until(deadline time.Time) { _ = i.conn.SetReadDeadline(deadline) }
