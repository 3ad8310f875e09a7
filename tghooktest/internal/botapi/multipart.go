package botapi

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
)

// formData is a multipart body, which is read as it comes. It follows the rules of
// Telegram's own reader, which differ from those of mime/multipart. Source: tdlib/td,
// HttpReader.
type formData struct {
	boundary string // with the end of the line and the two dashes before it
	unread   []byte
	scanned  int // bytes of unread in which the delimiter does not begin
	part     part
	stage    func(*call, *formData) (bool, error) // nil after the last boundary
}

// part is the head of a part.
type part struct {
	field       string
	contentType string
	file        bool // it has a filename, which may be empty
	filename    string
}

// errTooLong means that until has not found the delimiter within the limit.
var errTooLong = errors.New("too long")

func newFormData(contentType string) (*formData, error) {
	text, err := boundary(contentType)
	if err != nil {
		return nil, err
	}
	return &formData{boundary: "\r\n--" + text, stage: (*call).prologue}, nil
}

// until returns the bytes before the next delim, and reads delim too. found is false if it
// has not come yet.
func (f *formData) until(delim string, limit int) (before []byte, found bool, err error) {
	at := bytes.Index(f.unread[f.scanned:], []byte(delim))
	if found = at >= 0; found {
		at += f.scanned
	} else {
		at = max(len(f.unread)-len(delim)+1, f.scanned)
	}
	if at > limit {
		return nil, false, errTooLong
	}
	if !found {
		f.scanned = at
		return nil, false, nil
	}
	before = f.unread[:at:at]
	f.unread, f.scanned = f.unread[at+len(delim):], 0
	return before, true, nil
}

// parts reads the bytes of f that have come.
func (c *call) parts(f *formData, b []byte) error {
	f.unread = append(f.unread, b...)
	for more := true; more && f.stage != nil; {
		var err error
		if more, err = f.stage(c, f); err != nil {
			return err
		}
	}
	if f.stage == nil {
		f.unread = nil // Telegram skips everything after the last boundary
	}
	return nil
}

// end returns Telegram's error for a body that ends too early.
func (f *formData) end() error {
	if f.stage != nil {
		return unparsable("unexpected end of request content")
	}
	return nil
}

// prologue is the first stage. A stage returns false when it needs more bytes.
func (c *call) prologue(f *formData) (bool, error) {
	_, found, err := f.until(f.boundary[len("\r\n"):], c.room)
	if found {
		f.stage = (*call).head
	}
	return found, tooLong(err, "too many parameters in form data")
}

// tooLong turns errTooLong into an error with a description.
func tooLong(err error, text string) error {
	if errors.Is(err, errTooLong) {
		return tooLarge(text)
	}
	return err
}

func (c *call) head(f *formData) (bool, error) {
	head, found, err := f.until("\r\n\r\n", maxHeaders-c.headers)
	switch {
	case err != nil:
		return false, &Error{Code: http.StatusRequestHeaderFieldsTooLarge, Description: "Request Header Fields Too Large: total headers size exceeded"}
	case !found:
		return false, nil
	case len(head) == 0:
		return false, unparsable("headers in multipart/form-data are empty")
	}
	c.headers += len(head)
	f.part = part{contentType: "application/octet-stream"}
	// The boundary's line ends with two bytes, of any value.
	if err := f.part.headers((string(head) + "\r\n\r\n")[2 : 2+len(head)]); err != nil {
		return false, err
	}
	if f.part.field == "" {
		return false, unparsable("field name in multipart/form-data not found")
	}
	if f.stage = (*call).value; !f.part.file {
		return true, nil
	}
	if c.files++; c.files > maxFiles {
		return false, tooLarge("too many files attached")
	}
	f.stage = (*call).file
	return true, nil
}

// value reads the text of a part. Telegram bounds each text, and the total only for parts
// that are forms. This Server keeps the texts in memory, so they share the room of the
// files.
func (c *call) value(f *formData) (bool, error) {
	value, found, err := f.until(f.boundary, min(c.left, c.room))
	if !found {
		return false, tooLong(err, "too many parameters in form data")
	}
	c.room -= len(value)
	f.stage = (*call).afterPart
	if strings.HasPrefix(f.part.contentType, "application/x-www-form-urlencoded") {
		return true, c.form(string(value))
	}
	c.add(f.part.field, string(value))
	return true, nil
}

func (c *call) file(f *formData) (bool, error) {
	content, found, err := f.until(f.boundary, c.room)
	switch {
	case err != nil:
		return false, tooBig(c.room)
	case !found:
		return false, nil
	}
	c.room -= len(content)
	if _, ok := c.Files[f.part.field]; !ok {
		c.Files[f.part.field] = File{Name: f.part.filename, ContentType: f.part.contentType, Content: content}
	}
	f.stage = (*call).afterPart
	return true, nil
}

// afterPart looks for the last boundary. Like Telegram, it does so only after a part.
func (*call) afterPart(f *formData) (bool, error) {
	if len(f.unread) < len("--") {
		return false, nil
	}
	if f.stage = (*call).head; bytes.HasPrefix(f.unread, []byte("--")) {
		f.stage = nil
	}
	return true, nil
}

// headers reads the lines of a part's head. If a header comes more than once, the last one
// counts.
func (p *part) headers(lines string) error {
	ok, err := Headers(lines, func(name, value string) error {
		switch name {
		case "content-disposition":
			return p.disposition(value)
		case "content-type":
			p.contentType = value
		}
		return nil
	})
	if !ok {
		return unparsable("can't parse form data headers")
	}
	return err
}

// disposition reads a Content-Disposition. Telegram does not know filename*.
func (p *part) disposition(value string) error {
	rest, ok := strings.CutPrefix(value, "form-data;")
	if !ok {
		return unparsable("expected form-data content disposition")
	}
	for {
		key, text, found := strings.Cut(rest, "=")
		if !found {
			return nil
		}
		value, after, err := attribute(strings.TrimLeft(text, blanks))
		if err != nil {
			return err
		}
		rest = after
		switch value = percentDecoded(value, false); trimmed(key) {
		case "name":
			p.field = value
		case "filename":
			p.file, p.filename = true, value
		}
	}
}

// attribute reads the value at the beginning of text, and the semicolon after it.
func attribute(text string) (value, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		value, rest, _ = strings.Cut(text, ";")
		return trimmed(value), rest, nil
	}
	unescaped := make([]byte, 0, len(text))
	at := 1
	for ; ; at++ {
		if at == len(text) {
			return "", "", unparsable("unclosed quoted string in Content-Disposition header")
		}
		if text[at] == '"' {
			break
		}
		if text[at] == '\\' {
			if at++; at == len(text) {
				return "", "", unparsable("wrong escape sequence in Content-Disposition header")
			}
		}
		unescaped = append(unescaped, text[at])
	}
	rest = strings.TrimLeft(text[at+1:], blanks)
	if rest != "" && rest[0] != ';' {
		return "", "", unparsable("expected ';' in Content-Disposition header")
	}
	return string(unescaped), strings.TrimPrefix(rest, ";"), nil
}
