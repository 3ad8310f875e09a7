package sender

import (
	"bytes"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

const (
	maxHead = 256 << 10
	maxMute = 16 << 10 // bytes that are kept of a body that Telegram ignores
)

// answer is the answer of a webhook.
type answer struct {
	status      int
	reason      string
	retryAfter  time.Duration
	lasting     bool // the connection can be used again
	contentType string
	encoding    string
	body        []byte // only its beginning, if Telegram ignores its type
	unframed    bool   // no length and no chunks, so Telegram reads no body
}

func (a *answer) delivered() bool { return a.status >= 200 && a.status <= 299 }

// refusal is why an answer cannot be read: the status for the webhook, and the
// last_error_message.
type refusal struct {
	code int
	text string
}

// parser reads answers from the bytes of a connection, as they come.
type parser struct {
	data  []byte
	from  int // where the bytes begin in data that were not parsed yet
	stage func(*parser) (bool, *refusal)
	left  int64 // bytes that are left of the body, or of the chunk
	keep  bool  // the body may call a method
	answer
}

func (p *parser) add(b []byte) {
	if p.from == len(p.data) {
		p.data, p.from = p.data[:0], 0
	}
	p.data = append(p.data, b...)
}

// next returns the next answer, if it has come whole. Bytes after it stay for the next
// call.
func (p *parser) next() (a answer, whole bool, err *refusal) {
	if p.stage == nil {
		p.stage = (*parser).head
	}
	for on := true; on && p.stage != nil; {
		if on, err = p.stage(p); err != nil {
			return answer{}, false, err
		}
	}
	if p.stage != nil {
		return answer{}, false, nil
	}
	a, p.answer = p.answer, answer{}
	return a, true, nil
}

func (p *parser) rest() []byte { return p.data[p.from:] }

// head is the first stage. A stage returns false when it needs more bytes.
func (p *parser) head() (bool, *refusal) {
	head, _, found := bytes.Cut(p.rest(), []byte("\r\n\r\n"))
	if !found {
		if len(head) > maxHead {
			return false, &refusal{http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large: total headers size exceeded"}
		}
		return false, nil
	}
	p.from += len(head) + len("\r\n\r\n")
	status, lines, _ := bytes.Cut(head, []byte("\r\n"))
	if err := p.statusLine(status); err != nil {
		return false, err
	}
	length, transfer, err := p.headers(lines)
	switch {
	case err != nil:
		return false, err
	case len(transfer) == 0 && length <= 0: // Telegram reads no body that only the end of the connection ends
		p.unframed = length < 0
		p.stage = nil
		return true, nil
	case len(transfer) != 0 && transfer != "chunked":
		return false, &refusal{http.StatusNotImplemented, "Unimplemented: unsupported transfer-encoding"}
	case p.encoding != "" && p.encoding != "gzip" && p.encoding != "deflate":
		return false, &refusal{http.StatusUnsupportedMediaType, "Unsupported Media Type: unsupported content-encoding"}
	case length >= math.MaxInt32:
		return false, &refusal{http.StatusRequestEntityTooLarge, "Request Entity Too Large: content length is " + strconv.FormatInt(length, 10)}
	}
	p.keep = p.encoding != "" || botapi.Calls(p.contentType)
	p.left, p.stage = max(length, 0), (*parser).content
	if transfer != "" {
		p.stage = (*parser).chunk
	}
	return true, nil
}

// statusLine reads the first line. The reason may be missing.
func (p *parser) statusLine(line []byte) *refusal {
	version, rest, _ := bytes.Cut(line, []byte(" "))
	switch {
	case string(version) == "HTTP/1.1":
		p.lasting = true
	case string(version) == "HTTP/1.0":
	case bytes.HasPrefix(version, []byte("HTTP")):
		return &refusal{http.StatusHTTPVersionNotSupported, "HTTP Version Not Supported"}
	default:
		return &refusal{http.StatusNotImplemented, "Not Implemented"}
	}
	code, reason, _ := bytes.Cut(rest, []byte(" "))
	if p.status = int(digits(code)); !p.delivered() {
		p.reason = string(reason)
	}
	return nil
}

// headers reads the lines after the first. length is -1 if no line has it. If a header
// comes more than once, the last one counts; of Retry-After, the first one.
func (p *parser) headers(lines []byte) (length int64, transfer string, _ *refusal) {
	length = -1
	retrying := false
	for len(lines) > 0 {
		name, rest, found := bytes.Cut(lines, []byte(":"))
		if !found {
			return 0, "", &refusal{http.StatusBadRequest, "Bad Request"}
		}
		end := valueEnd(rest)
		value := bytes.TrimSpace(rest[:end])
		lines = rest[min(end+len("\r\n"), len(rest)):]
		switch name = bytes.TrimSpace(name); {
		case named(name, "content-length"):
			length = digits(value)
		case named(name, "connection"):
			p.lasting = !named(value, "close")
		case named(name, "content-type"):
			p.contentType = string(value)
		case named(name, "content-encoding"):
			if p.encoding = strings.ToLower(string(value)); p.encoding == "none" {
				p.encoding = ""
			}
		case named(name, "transfer-encoding"):
			transfer = strings.ToLower(string(value))
		case named(name, "retry-after") && !retrying:
			retrying = true
			p.retryAfter = retryAfter(string(value))
		}
	}
	return length, transfer, nil
}

// valueEnd returns the end of a header's value. Lines that begin with a space or tab belong
// to it.
func valueEnd(b []byte) int {
	for end := 0; ; end++ {
		next := bytes.Index(b[end:], []byte("\r\n"))
		if next < 0 {
			return len(b)
		}
		end += next
		if after := b[end+len("\r\n"):]; len(after) == 0 || after[0] != ' ' && after[0] != '\t' {
			return end
		}
	}
}

func named(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// digits returns the number at the beginning of b; 0 if there is none.
func digits(b []byte) (n int64) {
	for _, c := range b {
		if c < '0' || c > '9' || n > math.MaxInt32 {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// retryAfter reads a plain number of seconds. It returns 0 for any other value.
func retryAfter(value string) time.Duration {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != value {
		return 0
	}
	return time.Duration(n) * time.Second
}

// take moves the available bytes of the body, or of the chunk, to body, and reports whether
// it is complete.
func (p *parser) take() bool {
	b := p.rest()
	b = b[:min(p.left, int64(len(b)))]
	p.from += len(b)
	p.left -= int64(len(b))
	switch {
	case p.keep:
	case !p.delivered():
		b = nil
	default:
		b = b[:min(len(b), maxMute-len(p.body))]
	}
	p.body = append(p.body, b...)
	return p.left == 0
}

func (p *parser) content() (bool, *refusal) {
	if !p.take() {
		return false, nil
	}
	p.stage = nil
	return true, nil
}
