package botapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
)

const (
	maxStart   = 16 << 10 // bytes that are kept of a body that calls nothing
	maxExcerpt = 300      // bytes
	maxInflate = 2 << 20  // bytes
)

// ErrStalled means that Telegram never comes to the end of an answer, which it has got
// whole. It unpacks a multipart body by 1 MiB when bytes come from the network, and not
// again when it has read them. For an answer that comes at once, it happens twice. Source:
// tdlib/td, ByteFlowBaseCommon and HttpReader.
var ErrStalled = errors.New("a packed multipart body of more than 2 MiB")

// Body is the body of a webhook's answer, which is read as it comes. An error that is an
// *Error is the refusal of Telegram, and its description is what getWebhookInfo shows.
type Body struct {
	call
	kind        bodyKind
	contentType string
	encoding    string
	packed      []byte    // with a Content-Encoding: the bytes so far
	data        *formData // nil if it is not multipart
	text        []byte    // all of JSON and of a form; the beginning of any other content
	size        int       // bytes of the content
}

// NewBody begins a body with these headers.
func NewBody(contentType, encoding string) (*Body, error) {
	b := &Body{call: newCall()}
	return b, b.begin(contentType, encoding)
}

func (b *Body) begin(contentType, encoding string) (err error) {
	b.kind, b.contentType, b.encoding = kindOf(contentType), contentType, strings.ToLower(encoding)
	switch b.encoding {
	case "none":
		b.encoding = ""
	case "", "gzip", "deflate":
	default:
		return &Error{Code: http.StatusUnsupportedMediaType, Description: "Unsupported Media Type: unsupported content-encoding"}
	}
	if b.kind == multipartBody {
		b.data, err = newFormData(contentType)
	}
	return err
}

// Add reads bytes that have come. It keeps none of them. After an error, the body is at its
// end.
func (b *Body) Add(content []byte) error {
	if b.encoding == "" {
		return b.add(content)
	}
	if len(b.packed)+len(content) > maxUpload {
		return tooBig(maxUpload)
	}
	b.packed = append(b.packed, content...)
	return nil
}

// add reads bytes of the content.
func (b *Body) add(content []byte) error {
	b.size += len(content)
	keep := maxStart
	switch b.kind {
	case jsonBody, formBody:
		if b.size > b.left {
			return tooLarge("too many parameters")
		}
		keep = b.left
	case multipartBody:
		if err := b.parts(b.data, content); err != nil {
			return err
		}
		keep = maxExcerpt
	}
	b.text = append(b.text, content[:min(len(content), keep-len(b.text))]...)
	return nil
}

// InFile reports whether Telegram writes some of the bytes so far to a file, as it does
// with uploads and with content that cannot be a call. Of a packed multipart body, it
// reports so only after End.
func (b *Body) InFile() bool {
	return b.files > 0 || b.kind == otherBody && b.size+len(b.packed) > 0
}

// End returns the call in the body, which is to be executed if the answer is 2xx.
// Params.Method is empty if there is none, or if Telegram does not execute the method;
// overlooked says why Telegram silently ignores it, or a part of it. Params.Values is never
// nil.
func (b *Body) End() (p Params, overlooked string, err error) {
	if b.encoding != "" {
		err = b.unpack()
	}
	if err == nil {
		err = b.finish()
	}
	if err != nil {
		return none(), "", err
	}
	p = b.params()
	overlooked = b.overlooked(p)
	if !executed(p.Method) {
		p = none()
	}
	return p, overlooked, nil
}

// unpack reads the content of a packed body.
func (b *Body) unpack() error {
	content, err := decoded(bytes.NewReader(b.packed), b.encoding)
	b.packed = nil
	switch {
	case err != nil:
		return err
	case b.kind == multipartBody:
		return b.read(content, maxInflate, ErrStalled)
	}
	return b.read(content, maxUpload, nil)
}

// read reads the content. It ends with the error beyond after more than limit bytes.
func (b *Body) read(content io.Reader, limit int, beyond error) error {
	buffer := make([]byte, 32<<10)
	for b.size <= limit {
		n, err := content.Read(buffer)
		if failure := b.add(buffer[:n]); failure != nil {
			return failure
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return beyond
}

// finish reads the call when all content has come.
func (b *Body) finish() error {
	switch b.kind {
	case multipartBody:
		return b.data.end()
	case formBody:
		return b.form(string(b.text))
	case jsonBody:
		return b.json(string(b.text))
	}
	return nil
}

// Excerpt returns the beginning of the content.
func (b *Body) Excerpt() string { return string(b.text[:min(len(b.text), maxExcerpt)]) }

// Pairs returns all names and values of the call in their order, each as often as it came.
func (b *Body) Pairs() [][2]string { return b.all }
