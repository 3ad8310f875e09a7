package botapi

import (
	"errors"
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
	p, err := read(query, header, body)
	if err == nil {
		return p, nil
	}
	var refusal *Error
	if !errors.As(err, &refusal) {
		refusal = unparsable("") // reading the body failed, so the client has gone
	}
	return none(), &Error{Code: refusal.Code}
}

// ReadReply reads the call in the answer of a webhook, of any status. Only the call in a
// 2xx answer is to be executed. Params.Method is empty if there is no call, or if Telegram
// does not execute the method.
//
// body is nil for an answer without a body, such as one with neither Content-Length nor
// chunks. The description of an *Error is what getWebhookInfo shows; any other error comes
// from body. Params.Values is never nil.
func ReadReply(header http.Header, body io.Reader) (Params, error) {
	p, err := read("", header, body)
	if err != nil || !executed(p.Method) {
		return none(), err
	}
	return p, nil
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

func read(query string, header http.Header, body io.Reader) (Params, error) {
	c := call{Params: none(), left: maxParams, room: maxUpload}
	err := c.form(query)
	if err == nil && body != nil && body != http.NoBody {
		err = c.read(header, body)
	}
	c.Method = c.Values["method"]
	delete(c.Values, "method")
	return c.Params, err
}

// call is a call that is being read.
type call struct {
	Params
	left    int // bytes left of maxParams
	room    int // bytes left of maxUpload
	files   int
	headers int // bytes of the headers of all parts
}

// add sets a value, unless the name has one already.
func (c *call) add(name, value string) {
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

func (c *call) read(header http.Header, body io.Reader) error {
	source := &source{Reader: body}
	content, err := decoded(source, header.Get("Content-Encoding"))
	if err == nil {
		err = c.parse(header.Get("Content-Type"), content)
	}
	if source.err != nil {
		return source.err
	}
	return err
}

func (c *call) parse(contentType string, content io.Reader) error {
	kind := kindOf(contentType)
	switch kind {
	case multipartBody:
		return c.multipart(contentType, content)
	case otherBody:
		return nil
	}
	text, err := limited(content, c.left)
	switch {
	case err != nil:
		return err
	case kind == formBody:
		return c.form(string(text))
	}
	return c.json(string(text))
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

// limited reads r. If r has more than limit bytes, it returns limit+1 bytes.
func limited(r io.Reader, limit int) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, int64(limit)+1))
}

// source records the error of its Reader.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func unparsable(text string) *Error {
	return &Error{Code: http.StatusBadRequest, Description: "Bad Request: " + text}
}

func tooLarge(text string) *Error {
	return &Error{Code: http.StatusRequestEntityTooLarge, Description: "Request Entity Too Large: " + text}
}
