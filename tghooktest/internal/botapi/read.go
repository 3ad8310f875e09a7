package botapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	maxParams  = 1 << 20   // bytes of all parameters, in encoded form
	maxHeaders = 256 << 10 // bytes of the headers of all parts
	maxFiles   = 50
	maxUpload  = 64 << 20 // bytes of all parts, which stay in memory; Telegram documents 50 MB for a file
)

// Read reads a call from the URL's raw query and then from the body, which is nil for a
// request without one. If the path names no method, Params.Method does.
//
// An Error of Read has no description: Telegram answers a request that it cannot parse with
// an empty body and closes the connection, and so does WriteError. Params.Values and
// Params.Files are never nil.
func Read(query string, header http.Header, body io.Reader) (Params, *Error) {
	b := Body{call: newCall()}
	err := b.form(query)
	if err == nil && body != nil && body != http.NoBody {
		err = b.request(header, body)
	}
	if err == nil {
		return b.params(), nil
	}
	var refusal *Error
	if !errors.As(err, &refusal) {
		refusal = unparsable("") // reading the body failed, so the client has gone
	}
	return none(), &Error{Code: refusal.Code}
}

// request reads the body of a request. An empty multipart body has no parts; libraries send
// it for a call without parameters.
func (b *Body) request(header http.Header, body io.Reader) error {
	if err := b.begin(header.Get("Content-Type"), header.Get("Content-Encoding")); err != nil {
		return err
	}
	content, err := decoded(body, b.encoding)
	if err == nil {
		err = b.read(content, 2*maxUpload, nil) // after the last part, anything may follow
	}
	if err != nil || b.size == 0 {
		return err
	}
	return b.finish()
}

// executed reports whether Telegram executes the method if it comes as a webhook reply.
func executed(method string) bool {
	method = strings.ToLower(method)
	switch method {
	case "", "setwebhook", "deletewebhook", "close", "logout":
		return false
	}
	return !strings.HasPrefix(method, "get")
}

func none() Params { return Params{Values: map[string]string{}, Files: map[string]File{}} }

// call is a call that is being read.
type call struct {
	Params
	all     [][2]string // names and values in their order
	left    int         // bytes left of maxParams
	room    int         // bytes left of maxUpload
	files   int
	headers int // bytes of the headers of all parts
}

func newCall() call { return call{Params: none(), left: maxParams, room: maxUpload} }

// params returns what was read.
func (c *call) params() Params {
	c.Method = c.Values["method"]
	delete(c.Values, "method")
	return c.Params
}

// add sets a value, unless the name has one already.
func (c *call) add(name, value string) {
	c.all = append(c.all, [2]string{name, value})
	if _, ok := c.Values[name]; !ok {
		c.Values[name] = value
	}
}

// spend counts bytes of parameters, and fails when they are too many.
func (c *call) spend(bytes int) error {
	if c.left -= bytes; c.left < 0 {
		return tooLarge("too many parameters")
	}
	return nil
}

// bodyKind is how a body is read.
type bodyKind int

const (
	otherBody bodyKind = iota // not read at all
	jsonBody
	formBody
	multipartBody
)

// kindOf looks for the types anywhere in contentType, as Telegram does.
func kindOf(contentType string) bodyKind {
	lower := strings.ToLower(contentType)
	switch {
	case strings.Contains(lower, "multipart/form-data"):
		return multipartBody
	case strings.Contains(lower, "application/x-www-form-urlencoded"):
		return formBody
	case strings.Contains(lower, "application/json"):
		return jsonBody
	}
	return otherBody
}

// Calls reports whether a body of this type may call a method.
func Calls(contentType string) bool { return kindOf(contentType) != otherBody }

func unparsable(text string) *Error {
	return &Error{Code: http.StatusBadRequest, Description: "Bad Request: " + text}
}

func tooLarge(text string) *Error {
	return &Error{Code: http.StatusRequestEntityTooLarge, Description: "Request Entity Too Large: " + text}
}

// tooBig is the error for a file that is larger than what a body may have left for it.
func tooBig(room int) *Error {
	return tooLarge(fmt.Sprintf("file of size %d is too big to be uploaded", room+1))
}
