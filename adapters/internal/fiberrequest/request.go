// Package fiberrequest holds the parts of Fiber's adapters that need no type of Fiber.
package fiberrequest

import (
	"bytes"
	"net"
	"strings"
	"unsafe"

	"github.com/tghook/tghook"
)

// A Request is a request as [tghook.Webhook.Serve] takes it. Its strings are in memory
// that the server's next request overwrites: Serve keeps none of them.
//
// A Request may be used again for another request, after Start.
type Request struct {
	tghook.Request

	Whole bytes.Reader // Body, unless that is a Stream
	peer  net.IP       // the address that RemoteAddr states
}

// Start empties the request and sets RemoteAddr to the address of peer, the other end of
// the connection. Fiber's own c.IP may believe a header.
//
// Start keeps the text of the address for the next request, which mostly comes from the
// same peer. The peer of a unix socket has no IP address, where fasthttp's RemoteIP
// returns 0.0.0.0.
func (r *Request) Start(peer net.Addr) {
	addr := r.RemoteAddr
	tcp, ok := peer.(*net.TCPAddr)
	switch {
	case !ok:
		r.peer, addr = nil, peer.String()
	case r.peer == nil || !tcp.IP.Equal(r.peer):
		r.peer, addr = bytes.Clone(tcp.IP), tcp.IP.String()
	}
	r.Request = tghook.Request{
		Secret:       r.Secret[:0],
		ForwardedFor: r.ForwardedFor[:0],
		RemoteAddr:   addr,
		Body:         &r.Whole,
	}
}

// Line adds a line of the request's head. The lines of one name must come in order.
func (r *Request) Line(name, value []byte) {
	switch value := String(value); {
	case is(name, "X-Telegram-Bot-Api-Secret-Token"):
		r.Secret = append(r.Secret, value)
	case is(name, "X-Forwarded-For"):
		r.ForwardedFor = append(r.ForwardedFor, value)
	case is(name, "Content-Encoding"):
		r.ContentEncoding += value
	}
}

// is compares the name of a header, in any case: with DisableHeaderNormalizing it is as
// the client wrote it.
func is(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(String(name), want)
}

// String returns the bytes as a string, without a copy.
func String(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // Serve keeps none of the strings
}
