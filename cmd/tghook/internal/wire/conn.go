package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Conn is a connection to a webhook.
type Conn struct {
	net.Conn

	read bytes.Buffer // what was read of the current answer
	in   *bufio.Reader
}

func newConn(conn net.Conn) *Conn {
	c := &Conn{Conn: conn}
	c.in = bufio.NewReaderSize(io.TeeReader(conn, limited{&c.read}), 4<<10)
	return c
}

// MaxAnswer is how many bytes of an answer are read.
const MaxAnswer = 8 << 20

// limited keeps the first bytes that are written to it.
type limited struct{ b *bytes.Buffer }

func (l limited) Write(p []byte) (int, error) {
	l.b.Write(p[:max(0, min(len(p), MaxAnswer-l.b.Len()))])
	return len(p), nil
}

// Answer is an answer of a webhook.
type Answer struct {
	Status int
	Reason string // the text behind the status, as in "404 Not Found"
	Proto  string
	Header http.Header
	Body   []byte // unpacked by nobody
	Close  bool   // the webhook ends the connection after it
	Framed bool   // it has a length or chunks, so that its end can be told
	Raw    []byte // all bytes of it
	Took   time.Duration
}

// Delivered reports whether Telegram takes the update for delivered.
func (a Answer) Delivered() bool { return a.Status >= 200 && a.Status <= 299 }

// String is the status with its reason, such as "503 Service Unavailable".
func (a Answer) String() string {
	if a.Reason == "" {
		return strconv.Itoa(a.Status)
	}
	return fmt.Sprintf("%d %s", a.Status, a.Reason)
}

// Exchange writes a request and reads the answer, both within patience.
func (c *Conn) Exchange(request []byte, patience time.Duration) (Answer, error) {
	start := time.Now()
	_ = c.SetDeadline(start.Add(patience))
	_, written := c.Write(request)
	method, _, _ := strings.Cut(string(request[:min(len(request), 8)]), " ")
	a, err := c.receive(method, patience) // a webhook may answer before it has read all
	if err != nil && written != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		err = written
	}
	a.Took = time.Since(start)
	return a, err
}

// Receive reads the next answer within patience. It does not skip an answer 1xx.
func (c *Conn) Receive(patience time.Duration) (Answer, error) {
	return c.receive(http.MethodPost, patience)
}

func (c *Conn) receive(method string, patience time.Duration) (Answer, error) {
	_ = c.SetDeadline(time.Now().Add(patience))
	ahead, _ := c.in.Peek(c.in.Buffered())
	c.read.Reset()
	c.read.Write(ahead)
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		return Answer{Raw: bytes.Clone(c.read.Bytes())}, err
	}
	defer func() { _ = res.Body.Close() }()
	_, reason, _ := strings.Cut(res.Status, " ")
	a := Answer{Status: res.StatusCode, Reason: reason, Proto: res.Proto, Header: res.Header, Close: res.Close}
	a.Framed = res.ContentLength >= 0 || len(res.TransferEncoding) > 0
	a.Body, err = io.ReadAll(io.LimitReader(res.Body, MaxAnswer))
	raw := c.read.Bytes()
	a.Raw = bytes.Clone(raw[:max(0, len(raw)-c.in.Buffered())])
	return a, err
}

// Ended reports whether the webhook closes the connection within patience. It drops what
// comes before that.
func (c *Conn) Ended(patience time.Duration) bool {
	_ = c.SetDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, c.in)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// Why says what went wrong with an exchange, in the words of getWebhookInfo where it has
// some.
func Why(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time (getWebhookInfo: Read timeout expired)"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "Connection refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "Connection reset by peer"
	case errors.Is(err, syscall.EPIPE):
		return "Broken pipe"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed without a whole answer"
	}
	return err.Error()
}

// CloseWrite ends the sending half of the connection.
func (c *Conn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return c.Close()
	}
	return half.CloseWrite()
}
