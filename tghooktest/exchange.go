package tghooktest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// Exchange is an HTTP request with its answer. Of each body it has at most 1 MiB. It must not
// be changed.
//
// In URL, <token> stands for the bot's token. Headers and bodies are as they were on the wire,
// so they may have secrets: the webhook's secret_token, and the token if the bot has sent it.
type Exchange struct {
	Method string
	URL    string
	// Header has the names and values. Those of a call are in the order of their names.
	Header   [][2]string
	Body     []byte
	BodySize int // of the whole body
	// Status is 0 if there was no answer.
	Status       int
	AnswerHeader [][2]string
	// Answer is the body of the answer, without chunks. That of a webhook may be compressed:
	// see its header. If the attempt ended before the answer was whole, it is what had come.
	Answer     []byte
	AnswerSize int // of the whole body
}

// maxRecorded bounds the bytes of a body in an Exchange.
const maxRecorded = 1 << 20

// size is about how many bytes of memory an exchange takes.
func (e *Exchange) size() int {
	if e == nil {
		return 0
	}
	const fixed, each = 500, 50
	n := fixed + len(e.URL) + len(e.Body) + len(e.Answer)
	for _, header := range slices.Concat(e.Header, e.AnswerHeader) {
		n += each + len(header[0]) + len(header[1])
	}
	return n
}

// without puts <token> in place of the token in the URL.
func (e *Exchange) without(token string) *Exchange {
	if e != nil && token != "" {
		e.URL = strings.NewReplacer(token, "<token>", strings.Replace(token, ":", "%3A", 1), "<token>").Replace(e.URL)
	}
	return e
}

// newExchange begins the exchange of a call. What is read of the body is recorded.
func newExchange(r *http.Request, body *io.Reader) *Exchange {
	e := &Exchange{Method: r.Method, URL: r.RequestURI, Header: sorted(r.Header)}
	e.Header = append([][2]string{{"Host", r.Host}}, e.Header...)
	if *body != nil {
		*body = io.TeeReader(*body, recording{&e.Body, &e.BodySize})
	}
	return e
}

// sorted returns the headers in the order of their names.
func sorted(header http.Header) (all [][2]string) {
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			all = append(all, [2]string{name, value})
		}
	}
	return all
}

// recording keeps the beginning of what is written to it.
type recording struct {
	body *[]byte
	size *int
}

func (r recording) Write(b []byte) (int, error) {
	*r.size += len(b)
	*r.body = append(*r.body, b[:min(len(b), maxRecorded-len(*r.body))]...)
	return len(b), nil
}

// answered sets the answer of a call.
func (e *Exchange) answered(a answer) {
	w := response{header: http.Header{}}
	if a.err != nil {
		botapi.WriteError(&w, a.err)
	} else {
		botapi.WriteResult(&w, a.wire(), a.description)
	}
	delete(w.header, "Date")
	e.Status, e.AnswerHeader = w.status, sorted(w.header)
	e.Answer, e.AnswerSize = w.body.Bytes()[:min(w.body.Len(), maxRecorded)], w.body.Len()
}

// response is an answer that goes nowhere.
type response struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *response) Header() http.Header         { return r.header }
func (r *response) WriteHeader(status int)      { r.status = status }
func (r *response) Write(b []byte) (int, error) { return r.body.Write(b) }

// deliveredOf returns the exchange of an attempt to deliver; nil if it was not recorded.
func deliveredOf(a sender.Attempt) *Exchange {
	if a.Wire == nil {
		return nil
	}
	body := a.Update.Body
	return &Exchange{
		Method: http.MethodPost, URL: a.Wire.URL, Header: headersOf(a.Wire.Head), Body: body, BodySize: len(body),
		Status: a.Status, AnswerHeader: headersOf(a.Wire.AnswerHead), Answer: a.Wire.Answer, AnswerSize: a.Wire.AnswerSize,
	}
}

// headersOf returns the headers of a head, whose first line has none.
func headersOf(head string) (all [][2]string) {
	_, lines, _ := strings.Cut(head, "\r\n")
	for line := range strings.SplitSeq(lines, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			all = append(all, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	return all
}
