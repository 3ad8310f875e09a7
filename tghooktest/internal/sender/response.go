package sender

import (
	"bytes"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

const (
	maxHead = 256 << 10
	portion = 16 << 10 // bytes of a body; Telegram reads fewer only at the end
)

// answer is the answer of a webhook.
type answer struct {
	status      int
	reason      string
	retryAfter  time.Duration
	lasting     bool // the connection can be used again
	contentType string
	unframed    bool   // no length and no chunks, so Telegram reads no body
	request     string // a request that came in its place, in Telegram's words; otherwise empty
	reply       Reply
	copied      copied
}

func (a *answer) delivered() bool { return a.status >= 200 && a.status <= 299 }

// refusal is why an answer cannot be read: the status for the webhook, and the
// last_error_message.
type refusal struct {
	code int
	text string
}

// refused returns the refusal in an error of a botapi.Body; nil if it is none.
func refused(err error) *refusal {
	var bad *botapi.Error
	if errors.As(err, &bad) {
		return &refusal{bad.Code, bad.Description}
	}
	return nil
}

// parser reads answers from the bytes of a connection, as they come.
type parser struct {
	copies    bool // for Wire
	data      []byte
	from      int // where the bytes begin in data that were not parsed yet
	stage     func(*parser) (bool, *refusal)
	encoding  string
	left      int64        // bytes that are left of the body, or of the chunk
	body      *botapi.Body // nil if there is none
	slow      bool         // some answer went to a file
	restarted bool         // the first answer that goes to a file has begun to do so
	method    string       // of a request in the place of an answer
	target    string       // of that request
	headers   [][2]string  // of that request
	answer
}

// add adds bytes that have come. The memory of those that were parsed is used again, so an
// answer of any length needs little.
func (p *parser) add(b []byte) {
	if p.from > len(p.data)/2 {
		p.data, p.from = p.data[:copy(p.data, p.rest())], 0
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
	a = p.answer
	*p = parser{copies: p.copies, data: p.data, from: p.from, slow: p.slow, restarted: p.restarted}
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
	if p.copies {
		p.copied.head = string(head)
	}
	lines, err := p.firstLine(string(head) + "\r\n")
	if err != nil {
		return false, err
	}
	length, transfer, ok := p.read(lines)
	switch {
	case !ok:
		return false, malformed
	case transfer == "" && length <= 0: // Telegram reads no body that only the end of the connection ends
		p.unframed = length < 0
		p.stage = (*parser).end
		return true, nil
	case transfer != "" && transfer != "chunked":
		return false, &refusal{http.StatusNotImplemented, "Unimplemented: unsupported transfer-encoding"}
	}
	body, failure := botapi.NewBody(p.contentType, p.encoding)
	switch {
	case failure != nil:
		return false, refused(failure)
	case length >= math.MaxUint32:
		return false, &refusal{http.StatusRequestEntityTooLarge, "Request Entity Too Large: content length is " + strconv.FormatInt(length, 10)}
	}
	p.body, p.left, p.stage = body, max(length, 0), (*parser).content
	if transfer != "" {
		p.stage = (*parser).chunk
	}
	return true, nil
}

var (
	malformed    = &refusal{http.StatusBadRequest, "Bad Request"}
	otherVersion = &refusal{http.StatusHTTPVersionNotSupported, "HTTP Version Not Supported"}
)

// firstLine reads the first line of a head, and returns the lines after it. Telegram looks
// for the spaces in the whole head: without a space after the status, the first header is
// gone. Source: tdlib/td, HttpReader::parse_head.
func (p *parser) firstLine(head string) (lines string, _ *refusal) {
	first, rest, _ := strings.Cut(head, " ")
	switch {
	case first == "GET", first == "POST":
		return p.requestLine(first, rest)
	case first == head, !strings.HasPrefix(first, "HTTP"):
		return "", &refusal{http.StatusNotImplemented, "Not Implemented"}
	case !p.version(first):
		return "", otherVersion
	}
	code, rest, spaced := strings.Cut(rest, " ")
	reason, lines, ended := strings.Cut(rest, "\r")
	if !spaced || !ended || !strings.HasPrefix(lines, "\n") {
		return "", malformed
	}
	if p.status = int(int32(botapi.Integer(code))); !p.delivered() { //nolint:gosec // Telegram drops the upper bits too
		p.reason = reason
	}
	return lines[len("\n"):], nil
}

// requestLine reads the first line of a request. A webhook may send one in place of an
// answer.
func (p *parser) requestLine(method, rest string) (lines string, _ *refusal) {
	line, lines, ended := strings.Cut(rest, "\r")
	space := strings.LastIndexByte(line, ' ')
	switch {
	case !ended || space < 0:
		return "", &refusal{http.StatusBadRequest, "Bad Request: wrong request line"}
	case !p.version(line[space+1:]):
		return "", otherVersion
	case !strings.HasPrefix(lines, "\n"):
		return "", malformed
	}
	p.method, p.target = method, line[:space]
	return lines[len("\n"):], nil
}

func (p *parser) version(text string) bool {
	p.lasting = text == "HTTP/1.1"
	return p.lasting || text == "HTTP/1.0"
}

// read reads the headers. length is -1 if no line has it. If a header comes more than once,
// the last one counts; of Retry-After, the first one.
func (p *parser) read(lines string) (length int64, transfer string, ok bool) {
	length = -1
	retrying := false
	ok, _ = botapi.Headers(lines, func(name, value string) error {
		switch name {
		case "content-length":
			length = contentLength(value)
		case "connection":
			value = strings.ToLower(value)
			p.lasting = value != "close"
		case "content-type":
			p.contentType = value
		case "content-encoding":
			value = strings.ToLower(value)
			p.encoding = value
		case "transfer-encoding":
			value = strings.ToLower(value)
			transfer = value
		case "retry-after":
			if !retrying {
				retrying = true
				p.retryAfter = retryAfter(value)
			}
		}
		if p.method != "" {
			p.headers = append(p.headers, [2]string{name, value})
		}
		return nil
	})
	return length, transfer, ok
}

// contentLength reads a number as Telegram does, which uses 64 bits of it, and takes every
// large one for 4 GiB.
func contentLength(value string) int64 {
	if strings.HasPrefix(value, "-") {
		return 0
	}
	return int64(min(uint64(botapi.Integer(value)), math.MaxUint32)) //nolint:gosec // it is the number of these bits
}

// retryAfter reads a plain number of seconds. It returns 0 for any other value.
func retryAfter(value string) time.Duration {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != value {
		return 0
	}
	return time.Duration(n) * time.Second
}

// take gives the next bytes of the body, or of the chunk, to the body. It returns false if
// they have not come, with after bytes behind them.
func (p *parser) take(after int) (bool, *refusal) {
	b := p.rest()
	if int64(len(b)) < min(p.left, portion)+int64(after) {
		return false, nil
	}
	b = b[:min(p.left, int64(len(b)))]
	if p.copies {
		p.copied.add(b)
	}
	p.from += len(b)
	p.left -= int64(len(b))
	err := p.body.Add(b)
	p.restart()
	return true, refused(err)
}

// restart notices when the first answer of the connection goes to a file. Telegram then
// moves the connection to another thread, and the connection gets a new minute. Source:
// tdlib/td, HttpConnectionBase::on_finish_migrate.
func (p *parser) restart() {
	if !p.slow && p.body.InFile() {
		p.slow, p.restarted = true, true
	}
}

func (p *parser) content() (bool, *refusal) {
	on, err := p.take(0)
	if p.left == 0 {
		p.stage = (*parser).end
	}
	return on, err
}

// end is the last stage.
func (p *parser) end() (bool, *refusal) {
	var pairs [][2]string
	if p.body != nil {
		var err error
		p.reply.Params, p.reply.Overlooked, err = p.body.End()
		p.restart()
		if errors.Is(err, botapi.ErrStalled) {
			p.stage = (*parser).stalled
			return false, nil
		}
		if err != nil {
			return false, refused(err)
		}
		p.reply.Excerpt, pairs = p.body.Excerpt(), p.body.Pairs()
	}
	if p.method != "" {
		p.request = botapi.RequestText(p.method, p.target, pairs, p.headers, p.lasting)
	}
	p.stage = nil
	return true, nil
}

// stalled is the stage after an answer that Telegram never finishes. Only the end of the
// connection ends it.
func (p *parser) stalled() (bool, *refusal) {
	p.data, p.from = p.data[:0], 0
	return false, nil
}
