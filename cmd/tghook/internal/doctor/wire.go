package doctor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// line is one connection to the webhook, as Telegram's sender has it: HTTP/1.1, one request
// at a time.
type line struct {
	conn  net.Conn
	in    *bufio.Reader
	limit *io.LimitedReader    // what in may still read
	tls   *tls.ConnectionState // nil for http
}

const (
	maxHead = 256 << 10 // bytes of an answer's header; Telegram has the same limit
	maxBody = 1 << 30   // bytes of an answer's body that are read
)

func newLine(conn net.Conn, state *tls.ConnectionState) *line {
	limit := &io.LimitedReader{R: conn, N: maxHead}
	return &line{conn, bufio.NewReader(limit), limit, state}
}

// connect opens a connection. The certificate is not verified here, so that the probes can go
// on with one that Telegram would not accept.
func (x *exam) connect(ctx context.Context, ip netip.Addr) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, x.times.connect)
	defer cancel()
	conn, err := x.dial(ctx, netip.AddrPortFrom(ip, x.target.number()))
	if err != nil {
		return nil, err
	}
	if x.target.scheme == "http" {
		return newLine(conn, nil), nil
	}
	secured := tls.Client(conn, &tls.Config{
		ServerName:         x.target.host,    // Go leaves it out for an IP address, as Telegram does
		InsecureSkipVerify: true,             //nolint:gosec // see judgeCertificate
		MinVersion:         tls.VersionTLS10, // so that an old version is found
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, &handshakeError{err}
	}
	state := secured.ConnectionState()
	return newLine(secured, &state), nil
}

// handshakeError says that a connection was there, and TLS was not.
type handshakeError struct{ error }

func (e *handshakeError) Unwrap() error { return e.error }

// number returns the port as a number.
func (t target) number() uint16 {
	port, _ := strconv.ParseUint(t.port, 10, 16) // parseTarget has let it pass
	return uint16(port)
}

// ask is one request.
type ask struct {
	asked   string // the request in words
	method  string // POST if empty
	path    string // the target's if empty
	secret  string
	kind    string // the Content-Type; application/json if empty
	body    []byte
	half    time.Duration // how long to wait for an answer after half of the body; 0: not at all
	timeout time.Duration
}

// head returns the header block in Telegram's letter case and order.
func (t target) head(secret string, length int) string {
	return t.requestHead(ask{secret: secret}, length)
}

func (t target) requestHead(a ask, length int) string {
	var b strings.Builder
	method, path, kind := a.method, a.path, a.kind
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = t.path
	}
	if kind == "" {
		kind = "application/json"
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, t.hostHeader())
	if t.userinfo != "" {
		fmt.Fprintf(&b, "Authorization: Basic %s\r\n", base64.StdEncoding.EncodeToString([]byte(t.userinfo)))
	}
	if a.secret != "" {
		fmt.Fprintf(&b, "X-Telegram-Bot-Api-Secret-Token: %s\r\n", a.secret)
	}
	if method == http.MethodPost {
		fmt.Fprintf(&b, "Content-Type: %s\r\nContent-Length: %d\r\n", kind, length)
	}
	b.WriteString("Connection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n")
	return b.String()
}

// answer is the answer to a request.
type answer struct {
	asked  string // the request in words; empty if it was not made
	status int    // 0 if there was no answer
	proto  string
	reason string
	header http.Header
	body   []byte // the beginning
	cut    error  // why the body did not come to its end
	ends   bool   // the connection ends with the answer
	toEOF  bool   // the body ends where the connection ends
	took   time.Duration
	at     time.Time
	early  bool // it came when half of the body was sent
	err    error
}

const maxKept = 64 << 10 // bytes of a body

// exchange sends a request and reads its answer.
func (l *line) exchange(t target, a ask) (got answer) {
	got.asked = a.asked
	begin := time.Now()
	_ = l.conn.SetDeadline(begin.Add(a.timeout))
	sent := a.body
	if a.half > 0 {
		sent = a.body[:len(a.body)/2]
	}
	_, writeErr := io.WriteString(l.conn, t.requestHead(a, len(a.body))+string(sent))
	if writeErr == nil && a.half > 0 {
		if got.early = l.answersWithin(a.half); !got.early {
			_ = l.conn.SetDeadline(begin.Add(a.timeout))
			_, writeErr = l.conn.Write(a.body[len(sent):])
		}
	}
	l.read(&got)
	got.took = time.Since(begin)
	if got.err != nil && writeErr != nil && !errors.Is(got.err, os.ErrDeadlineExceeded) {
		got.err = fmt.Errorf("while the request was sent: %w", writeErr)
	}
	return got
}

// answersWithin reports whether bytes come within d.
func (l *line) answersWithin(d time.Duration) bool {
	_ = l.conn.SetReadDeadline(time.Now().Add(d))
	_, err := l.in.Peek(1)
	return err == nil
}

// read reads an answer into got.
func (l *line) read(got *answer) {
	l.limit.N = maxHead
	res, err := http.ReadResponse(l.in, &http.Request{Method: http.MethodPost})
	got.at = time.Now()
	if err != nil {
		got.err = err
		return
	}
	defer res.Body.Close()
	l.limit.N = maxBody
	got.status, got.proto, got.header = res.StatusCode, res.Proto, res.Header
	_, got.reason, _ = strings.Cut(res.Status, " ")
	got.toEOF = res.ContentLength < 0 && len(res.TransferEncoding) == 0 && res.StatusCode >= 200
	got.ends = res.Close || got.toEOF
	if got.status < 200 {
		return
	}
	got.body, got.cut = io.ReadAll(io.LimitReader(res.Body, maxKept))
	if got.cut == nil {
		_, got.cut = io.Copy(io.Discard, res.Body)
	}
	if got.toEOF && got.cut != nil && !errors.Is(got.cut, os.ErrDeadlineExceeded) {
		got.cut = nil // any end will do
	}
}

// ok reports whether Telegram takes the answer for a success.
func (a *answer) ok() bool { return a.has() && a.err == nil && a.status/100 == 2 }

// timedOut reports whether the answer did not come in time.
func (a *answer) timedOut() bool {
	return errors.Is(a.err, os.ErrDeadlineExceeded) || errors.Is(a.cut, os.ErrDeadlineExceeded)
}

// in returns whether the status is one of those.
func (a *answer) in(statuses ...int) bool {
	for _, s := range statuses {
		if a.has() && a.err == nil && a.status == s {
			return true
		}
	}
	return false
}

// recorded returns what getWebhookInfo would say of the answer. It is empty for a success,
// and for a closed connection, which Telegram does not record.
func (a *answer) recorded() string {
	switch {
	case a.timedOut():
		return "Read timeout expired"
	case a.err != nil:
		return recordedError(a.err)
	case a.status != 0 && a.status/100 != 2:
		return strings.TrimSpace(fmt.Sprintf("Wrong response from the webhook: %d %s", a.status, a.reason))
	}
	return ""
}

// recordedError returns the text that Telegram records for an error of the network.
func recordedError(err error) string {
	for errno, text := range map[syscall.Errno]string{
		syscall.ECONNREFUSED: "Connection refused", syscall.ECONNRESET: "Connection reset by peer", syscall.EPIPE: "Broken pipe",
		syscall.ETIMEDOUT: "Connection timed out", syscall.EHOSTUNREACH: "No route to host", syscall.ENETUNREACH: "Network is unreachable",
	} {
		if errors.Is(err, errno) {
			return text
		}
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "Connection timed out"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ""
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "Not Implemented"
	}
	return err.Error()
}

// shownHeaders are those that tell where an answer comes from.
var shownHeaders = []string{"Location", "Server", "Content-Type", "Content-Encoding", "Retry-After", "Www-Authenticate", "Allow", "Date"}

// String describes the request and the answer.
func (a *answer) String() string {
	switch {
	case a.timedOut() && a.err == nil:
		return fmt.Sprintf("%s -> %s %d %s, and the body did not end within %.1f s", a.asked, a.proto, a.status, a.reason, a.took.Seconds())
	case a.timedOut():
		return fmt.Sprintf("%s -> no answer within %.1f s", a.asked, a.took.Seconds())
	case errors.Is(a.err, io.EOF), errors.Is(a.err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("%s -> the server closed the connection without an answer after %.1f s", a.asked, a.took.Seconds())
	case a.err != nil:
		return fmt.Sprintf("%s -> %v", a.asked, a.err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s -> %s %d %s", a.asked, a.proto, a.status, a.reason)
	for _, name := range shownHeaders {
		if value := a.header.Get(name); value != "" {
			fmt.Fprintf(&b, "; %s: %.150s", name, value)
		}
	}
	if a.ends && !a.toEOF && a.proto == "HTTP/1.1" {
		b.WriteString("; Connection: close") // http.ReadResponse has taken it out of the header
	}
	if text := excerpt(a.body); text != "" {
		fmt.Fprintf(&b, "; body: %s", text)
	}
	return b.String()
}

// excerpt returns the beginning of a body, if it is text.
func excerpt(body []byte) string {
	const most = 120
	text := strings.Join(strings.Fields(string(body[:min(len(body), 4*most)])), " ")
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\uFFFD' }) {
		return ""
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}

// isPage reports whether the body is an HTML document.
func (a *answer) isPage() bool {
	start := bytes.ToLower(bytes.TrimSpace(a.body[:min(len(a.body), 1000)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html")) || bytes.Contains(start, []byte("<head>"))
}

// closes reports how long an idle connection is kept open, if the server closes it before d
// is over.
func (l *line) closes(ctx context.Context, d time.Duration) (kept time.Duration, closed bool) {
	begin := time.Now()
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetDeadline(time.Now()) })
	defer stop()
	_ = l.conn.SetReadDeadline(begin.Add(d))
	_, err := l.in.Peek(1)
	return time.Since(begin), err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

func (l *line) close() { _ = l.conn.Close() }
