package sender

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// late returns the last_error_message for a connection whose deadline has passed.
func (c *connection) late() string {
	switch phase := c.phase.Load(); {
	case phase == connecting && (c.busy || c.sender.secure != nil), phase == writing:
		return "Write timeout expired"
	case c.busy:
		return "Read timeout expired"
	}
	return "" // an idle connection is no failure
}

// brokenPipe is the last_error_message for a request to a webhook that has reset the
// connection before.
const brokenPipe = "Broken pipe"

// handshakeError is an error of the TLS handshake.
type handshakeError struct{ error }

func (e *handshakeError) Unwrap() error { return e.error }

// errorText returns the last_error_message for the end of a connection, in the words of
// Telegram's C library and OpenSSL. It is empty if the connection was closed, or if the
// host was not resolved.
func errorText(err error) string {
	var (
		errno      syscall.Errno
		unresolved *net.DNSError
		handshake  *handshakeError
		plain      tls.RecordHeaderError
	)
	alert := alertText(err)
	switch {
	case alert != "":
		return alert
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &unresolved):
		return ""
	case errors.As(err, &errno):
		text := errno.Error()
		return strings.ToUpper(text[:1]) + text[1:]
	case errors.Is(err, errUnverified):
		return "SSL error {error:0A000086:SSL routines::certificate verify failed}"
	case errors.As(err, &plain):
		return "SSL error {error:0A00010B:SSL routines::wrong version number}"
	case errors.As(err, &handshake):
		return "SSL error {" + err.Error() + "}"
	}
	return err.Error()
}
