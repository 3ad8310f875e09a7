package botapi

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

const (
	maxParams  = 1 << 20   // bytes of all parameters, as they are written
	maxHeaders = 256 << 10 // bytes of the headers of all parts
	maxFiles   = 50
	maxUpload  = 64 << 20 // bytes of all parts: they stay in memory, and Telegram documents 50 MB for a file
)

// Read reads a call: the URL's raw query, and then the body, which is nil where the
// request has none. Where the path names no method it is Params.Method. An Error has
// no description: Telegram answers what it cannot parse with an empty body, and
// closes the connection, which is what WriteError does then. Params.Values is never
// nil, nor is Params.Files.
func Read(query string, header http.Header, body io.Reader) (Params, *Error) {
	p, err := read(query, header, body)
	if err == nil {
		return p, nil
	}
	var refusal *Error
	if !errors.As(err, &refusal) {
		refusal = unparsable("") // body failed: nobody is there to read it
	}
	return none(), &Error{Code: refusal.Code}
}

// ReadReply reads what the answer of a webhook calls, whatever its status: that of a
// 2xx is to be executed. Params.Method is empty where it calls nothing, and where
// Telegram does not execute the method. body is nil where the answer has none, as one
// without Content-Length and chunks has. The description of an *Error is what
// getWebhookInfo shows; any other error is body's own. Params.Values is never nil.
func ReadReply(header http.Header, body io.Reader) (Params, error) {
	p, err := read("", header, body)
	if err != nil || !executed(p.Method) {
		return none(), err
	}
	return p, nil
}

// executed reports whether Telegram executes method when it is answered with.
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

// call is one that is being read.
type call struct {
	Params
	left    int // of maxParams
	room    int // of maxUpload
	files   int
	headers int // bytes of the parts'
}

// add keeps the first of several values.
func (c *call) add(name, value string) {
	if _, ok := c.Values[name]; !ok {
		c.Values[name] = value
	}
}

// spend fails when there is no more room for parameters.
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
	otherBody bodyKind = iota // not at all
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

// limited reads all of r, but of what has more than limit bytes only one more.
func limited(r io.Reader, limit int) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, int64(limit)+1))
}

// source remembers why reading failed.
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
