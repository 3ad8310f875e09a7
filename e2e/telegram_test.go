//go:build linux

package e2e

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/doortest"
)

// The addresses that requests come from. Both belong to this machine. The proxies connect
// to the bots from a third one.
const (
	telegram = "127.0.0.2"
	stranger = "127.0.0.3"
)

// dial connects to the proxy from one of these addresses, and asks for host.
func (f *front) dial(t *testing.T, from, host string, change func(*tls.Config)) (*tls.Conn, error) {
	t.Helper()
	cfg := &tls.Config{RootCAs: certificate().pool, ServerName: host, MinVersion: tls.VersionTLS12}
	if change != nil {
		change(cfg)
	}
	dialer := &tls.Dialer{NetDialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}, Config: cfg}
	conn, err := dialer.DialContext(t.Context(), "tcp", f.addr)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*tls.Conn), conn.SetDeadline(time.Now().Add(doortest.Patience))
}

// A line is a connection that carries one request at a time, as those of Telegram do.
type line struct {
	conn *tls.Conn
	in   *bufio.Reader
}

// lineTo connects to the proxy as Telegram does to send to a.
func (f *front) lineTo(t *testing.T, a address) *line { return f.lineFrom(t, telegram, a) }

func (f *front) lineFrom(t *testing.T, from string, a address) *line {
	t.Helper()
	name, _, _ := strings.Cut(a.host, ":")
	conn, err := f.dial(t, from, name, nil)
	require.NoError(t, err)
	return &line{conn, bufio.NewReader(conn)}
}

// post sends a request with the headers that Telegram sends, in the same case and order,
// followed by more headers, and returns the answer.
func (l *line) post(a address, body string, more ...string) answer {
	l.send(a, body, more...)
	return l.read()
}

// send does not wait until the whole request is sent: the answer may come before that.
func (l *line) send(a address, body string, more ...string) {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nX-Telegram-Bot-Api-Secret-Token: %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n%s\r\n",
		a.path, a.host, a.secret, len(body), strings.Join(append(more, ""), "\r\n"))
	go func() { _, _ = io.WriteString(l.conn, head+body) }()
}

func (l *line) read() answer {
	res, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body), res.ContentLength, res.Close, err}
}

// An answer is a response, or the error in its place.
type answer struct {
	status int
	header http.Header
	body   string
	length int64 // Content-Length; negative if there is none
	close  bool
	err    error
}

// String returns everything that Telegram reads in an answer, such as "503 after 2" or
// `200 application/json {"method":"sendMessage"}`.
func (a answer) String() string {
	if a.err != nil {
		return fmt.Sprintf("no answer: %v", a.err)
	}
	words := []string{strconv.Itoa(a.status)}
	for _, encoding := range a.header["Content-Encoding"] {
		words = append(words, "in "+encoding)
	}
	for _, after := range a.header["Retry-After"] {
		words = append(words, "after "+after)
	}
	words = append(words, a.header["Content-Type"]...)
	if a.body != "" {
		words = append(words, a.body)
	}
	if a.length != int64(len(a.body)) {
		words = append(words, "of an unknown length")
	}
	if a.close {
		words = append(words, "and close")
	}
	return strings.Join(words, " ")
}

// message returns an update as Telegram writes it, of at least n bytes.
func message(chat, id int64, n int) string {
	start := fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"from\":{\"id\":%[2]d},\"chat\":{\"id\":%[2]d,\"type\":\"private\"},\"text\":\"", id, chat)
	const end = `"}}`
	return start + strings.Repeat("x", max(0, n-len(start)-len(end))) + end
}
