package doortest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Patience is how long a test waits for an event that must come, and normally comes at once.
const Patience = 30 * time.Second

// Await waits for an event.
func Await[T any](tb testing.TB, event <-chan T, name string) T {
	tb.Helper()
	select {
	case v := <-event:
		return v
	case <-time.After(Patience):
		tb.Fatalf("waited %v for %s", Patience, name)
		panic("unreachable")
	}
}

// A Conn is a client's connection to a server. It ends with the test.
type Conn struct {
	net.Conn

	tb testing.TB
	in *bufio.Reader
}

// NewConn returns a Conn on conn.
func NewConn(tb testing.TB, conn net.Conn) *Conn {
	tb.Helper()
	tb.Cleanup(func() { _ = conn.Close() })
	return &Conn{conn, tb, bufio.NewReader(conn)}
}

// Dial connects to a TCP address.
func Dial(tb testing.TB, addr string) *Conn {
	tb.Helper()
	return DialFrom(tb, "127.0.0.1", addr)
}

// DialFrom connects to a TCP address from the local address from.
func DialFrom(tb testing.TB, from, addr string) *Conn {
	tb.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.DialContext(tb.Context(), "tcp", addr)
	require.NoError(tb, err)
	require.NoError(tb, conn.SetDeadline(time.Now().Add(Patience)))
	return NewConn(tb, conn)
}

// Ask sends a request and returns the answer to it, as Answer does.
func (c *Conn) Ask(raw string) string {
	c.tb.Helper()
	c.Send(raw)
	return c.Answer()
}

// Send sends a request.
func (c *Conn) Send(raw string) {
	c.tb.Helper()
	_, err := io.WriteString(c, raw)
	require.NoError(c.tb, err)
}

// Answer reads a response and returns it as one line, such as
// "200 application/json {...}": the status; the values of Content-Type, Retry-After and
// Allow; the other headers as a map, if there are any; "close" if the connection is to
// be closed; and the body. The body must have a Content-Length.
func (c *Conn) Answer() string {
	c.tb.Helper()
	res := c.Read()
	assert.EqualValues(c.tb, len(res.Text), res.ContentLength, "Content-Length")
	words := []string{res.Status[:3]}
	for _, name := range []string{"Content-Type", "Retry-After", "Allow"} {
		words = append(words, res.Header.Values(name)...)
		res.Header.Del(name)
	}
	if len(res.Header) > 0 {
		words = append(words, fmt.Sprint(res.Header))
	}
	if res.Close {
		words = append(words, "close")
	}
	if res.Text != "" {
		words = append(words, res.Text)
	}
	return strings.Join(words, " ")
}

// A Response is a response that was read to its end. Its headers are without Date and
// Content-Length.
type Response struct {
	*http.Response

	Text string // the body
}

// Read reads a response to a POST.
func (c *Conn) Read() Response {
	c.tb.Helper()
	return c.ReadTo(http.MethodPost)
}

// ReadTo reads a response to a request of this method.
func (c *Conn) ReadTo(method string) Response {
	c.tb.Helper()
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	require.NoError(c.tb, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(c.tb, err)
	res.Header.Del("Date")
	res.Header.Del("Content-Length")
	return Response{res, string(body)}
}

// Ended checks that the server sends nothing more and has closed the connection.
func (c *Conn) Ended() {
	c.tb.Helper()
	rest, err := io.ReadAll(c.in)
	assert.Empty(c.tb, string(rest), "sent after the answer")
	assert.NotErrorIs(c.tb, err, os.ErrDeadlineExceeded)
}
