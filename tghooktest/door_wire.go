package tghooktest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// A wire is a connection to a door, for raw bytes.
type wire struct {
	*trial

	conn net.Conn
	in   *bufio.Reader
}

func (k *hook) dial() *wire {
	k.Helper()
	conn, err := new(net.Dialer).DialContext(k.Context(), k.network(), k.Addr)
	if err != nil {
		k.Fatalf("dial the door: %v", err)
	}
	k.Cleanup(func() { _ = conn.Close() })
	w := &wire{k.trial, conn, bufio.NewReader(conn)}
	w.expire(k.patience)
	return w
}

// expire sets the deadline of reads and writes.
func (w *wire) expire(d time.Duration) {
	w.Helper()
	if err := w.conn.SetDeadline(time.Now().Add(d)); err != nil {
		w.Fatalf("set the connection's deadline: %v", err)
	}
}

// send writes parts, and sets the deadline anew.
func (w *wire) send(parts ...string) {
	w.Helper()
	w.expire(w.patience)
	for _, part := range parts {
		if _, err := io.WriteString(w.conn, part); err != nil {
			w.Fatalf("write %s: %v", short(part), err)
		}
	}
}

// receive reads one response.
func (w *wire) receive() (received, error) {
	return receive(http.ReadResponse(w.in, &http.Request{Method: http.MethodPost})) //nolint:bodyclose // receive closes it
}

// answer reads one response, in one line.
func (w *wire) answer() string {
	res, err := w.receive()
	if err != nil {
		return noAnswer + err.Error()
	}
	return res.String()
}

// finish ends the sending half, and checks that nothing more comes.
func (w *wire) finish() {
	w.Helper()
	w.sendEOF()
	w.ended()
}

// ended checks that the door closes the connection and sends nothing more.
func (w *wire) ended() {
	w.Helper()
	if rest, err := io.ReadAll(w.in); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		w.Errorf("after the last answer: got %s (error: %v), want the end of the connection", short(string(rest)), err)
	}
}

// sendEOF closes the sending half of the connection.
func (w *wire) sendEOF() {
	w.Helper()
	half, ok := w.conn.(interface{ CloseWrite() error })
	if !ok {
		w.Fatalf("cannot close the sending half of a %T", w.conn)
	}
	if err := half.CloseWrite(); err != nil {
		w.Fatalf("close the sending half: %v", err)
	}
}

// head returns Telegram's request line and header, in their letter case and order.
func (k *hook) head(secret string, framing string) string {
	return "POST " + k.path() + " HTTP/1.1\r\nHost: bot.example.org:8443\r\n" + secretHeader + ": " + secret +
		"\r\nContent-Type: application/json\r\n" + framing + "\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
}

// raw returns Telegram's request for an update.
func (k *hook) raw(body string) string {
	return k.head(doorSecret, fmt.Sprintf("Content-Length: %d", len(body))) + body
}

// rawChunked returns the same request with the body in chunks of n bytes.
func (k *hook) rawChunked(body string, n int) string {
	var b strings.Builder
	b.WriteString(k.head(doorSecret, "Transfer-Encoding: chunked"))
	for len(body) > 0 {
		chunk := body[:min(n, len(body))]
		body = body[len(chunk):]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(chunk), chunk)
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}
