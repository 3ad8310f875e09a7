package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
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

	Opened time.Time // when the connection was made

	from *source
	in   *bufio.Reader
}

func newConn(conn net.Conn) *Conn {
	c := &Conn{Conn: conn, Opened: time.Now(), from: &source{conn: conn, left: unlimited}}
	c.in = bufio.NewReaderSize(c.from, 4<<10)
	return c
}

// MaxAnswer is how many bytes of an answer are read.
const MaxAnswer = 8 << 20

// source reads from a connection.
type source struct {
	conn   net.Conn
	copies bool         // whether read gets what is read
	read   bytes.Buffer // the first bytes of the current answer
	left   int          // how many bytes may be read
	began  bool         // whether a byte of the current answer has come
	err    error        // of the last read
}

const unlimited = math.MaxInt

func (s *source) Read(p []byte) (int, error) {
	if s.left <= 0 {
		s.err = errLongHead
		return 0, s.err
	}
	n, err := s.conn.Read(p[:min(len(p), s.left)])
	s.err = err
	if s.left != unlimited {
		s.left -= n
	}
	s.began = s.began || n > 0
	if s.copies {
		s.read.Write(p[:max(0, min(n, MaxAnswer-s.read.Len()))])
	}
	return n, err
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
	c.from.copies = true
	c.from.read.Reset()
	c.from.read.Write(ahead)
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		return Answer{Raw: bytes.Clone(c.from.read.Bytes())}, err
	}
	defer func() { _ = res.Body.Close() }()
	a := answerOf(res)
	a.Body, err = io.ReadAll(io.LimitReader(res.Body, MaxAnswer))
	raw := c.from.read.Bytes()
	a.Raw = bytes.Clone(raw[:max(0, len(raw)-c.in.Buffered())])
	return a, err
}

// answerOf returns the head of an answer.
func answerOf(res *http.Response) Answer {
	_, reason, _ := strings.Cut(res.Status, " ")
	framed := res.ContentLength >= 0 || len(res.TransferEncoding) > 0
	return Answer{Status: res.StatusCode, Reason: reason, Proto: res.Proto, Header: res.Header, Close: res.Close, Framed: framed}
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
