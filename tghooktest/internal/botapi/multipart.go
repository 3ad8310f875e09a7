package botapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// formData is a multipart body. It follows the rules of Telegram's own reader, which differ
// from those of mime/multipart. Source: tdlib/td, HttpReader.
type formData struct{ *bufio.Reader }

// errTooLong means that until has not found the delimiter within the limit.
var errTooLong = errors.New("too long")

// until returns the bytes before the next delim, and reads delim too.
func (b formData) until(delim string, limit int) ([]byte, error) {
	content := []byte{}
	for {
		_, err := b.Peek(len(delim))
		window, _ := b.Peek(b.Buffered())
		at := bytes.Index(window, []byte(delim))
		keep := at
		if at < 0 {
			keep = max(len(window)-len(delim)+1, 0)
		}
		content = append(content, window[:keep]...)
		_, _ = b.Discard(keep)
		switch {
		case len(content) > limit:
			return nil, errTooLong
		case at >= 0:
			_, _ = b.Discard(len(delim))
			return content, nil
		case err != nil:
			return nil, ended(err)
		}
	}
}

// last reports whether the boundary that was just read ends the body.
func (b formData) last() (bool, error) {
	mark, err := b.Peek(2)
	return string(mark) == "--", ended(err)
}

// ended returns err, or Telegram's error for the end of the body.
func ended(err error) error {
	if err == io.EOF { //nolint:errorlint // a Reader returns io.EOF unwrapped
		return unparsable("unexpected end of request content")
	}
	return err
}

// multipart reads a multipart body, which must be complete. An empty body has no parts;
// libraries send it for a call without parameters.
func (c *call) multipart(contentType string, content io.Reader) error {
	boundary, err := boundary(contentType)
	if err != nil {
		return err
	}
	body := formData{bufio.NewReader(content)}
	if _, err := body.Peek(1); err == io.EOF { //nolint:errorlint // see ended
		return nil
	}
	if _, err := body.until("--"+boundary, c.room); err != nil {
		return tooLong(err, "too many parameters in form data")
	}
	for last := false; !last; { // like Telegram, check for the end only after a part
		if err := c.part(body, "\r\n--"+boundary); err != nil {
			return err
		}
		if last, err = body.last(); err != nil {
			return err
		}
	}
	_, err = io.CopyN(io.Discard, body, maxUpload)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// tooLong turns errTooLong into an error with a description.
func tooLong(err error, text string) error {
	if errors.Is(err, errTooLong) {
		return tooLarge(text)
	}
	return err
}

// part is the head of a part.
type part struct {
	field       string
	contentType string
	file        bool // it has a filename, which may be empty
	filename    string
}

// part reads a part and the boundary after it.
func (c *call) part(body formData, boundary string) error {
	head, err := body.until("\r\n\r\n", maxHeaders-c.headers)
	switch {
	case errors.Is(err, errTooLong):
		return &Error{Code: http.StatusRequestHeaderFieldsTooLarge, Description: "Request Header Fields Too Large: total headers size exceeded"}
	case err != nil:
		return err
	case len(head) == 0:
		return unparsable("headers in multipart/form-data are empty")
	}
	c.headers += len(head)
	p := part{contentType: "application/octet-stream"}
	// The boundary's line ends with two bytes, of any value.
	if err := p.headers((string(head) + "\r\n\r\n")[2 : 2+len(head)]); err != nil {
		return err
	}
	switch {
	case p.field == "":
		return unparsable("field name in multipart/form-data not found")
	case p.file:
		return c.file(p, body, boundary)
	}
	return c.value(p, body, boundary)
}

// value reads the text of a part. Telegram bounds each text, and the total only for parts
// that are forms. This Server keeps the texts in memory, so they share the room of the
// files.
func (c *call) value(p part, body formData, boundary string) error {
	value, err := body.until(boundary, min(c.left, c.room))
	if err != nil {
		return tooLong(err, "too many parameters in form data")
	}
	c.room -= len(value)
	if strings.HasPrefix(p.contentType, "application/x-www-form-urlencoded") {
		return c.form(string(value))
	}
	c.add(p.field, string(value))
	return nil
}

func (c *call) file(p part, body formData, boundary string) error {
	if c.files++; c.files > maxFiles {
		return tooLarge("too many files attached")
	}
	content, err := body.until(boundary, c.room)
	if err != nil {
		return tooLong(err, fmt.Sprintf("file of size %d is too big to be uploaded", c.room+1))
	}
	c.room -= len(content)
	if _, ok := c.Files[p.field]; !ok {
		c.Files[p.field] = File{Name: p.filename, ContentType: p.contentType, Content: content}
	}
	return nil
}

// headers reads the lines of a part's head. If a header comes more than once, the last one counts.
func (p *part) headers(lines string) error {
	for lines != "" {
		name, rest, ok := strings.Cut(lines, ":")
		end, whole := lineEnd(rest)
		if !ok || !whole {
			return unparsable("can't parse form data headers")
		}
		value := trimmed(rest[:end])
		lines = rest[end+len("\r\n"):]
		switch strings.ToLower(trimmed(name)) {
		case "content-disposition":
			if err := p.disposition(value); err != nil {
				return err
			}
		case "content-type":
			p.contentType = value
		}
	}
	return nil
}

// lineEnd returns the end of a header's value. Lines that begin with a space or tab belong
// to it.
func lineEnd(s string) (end int, ok bool) {
	for {
		next := strings.IndexByte(s[end:], '\r')
		if next < 0 || !strings.HasPrefix(s[end+next:], "\r\n") {
			return 0, false
		}
		end += next
		if after := s[end+len("\r\n"):]; after == "" || after[0] != ' ' && after[0] != '\t' {
			return end, true
		}
		end += len("\r\n")
	}
}

// trimmed returns s without the characters around it that Telegram takes for white space.
func trimmed(s string) string { return strings.Trim(s, blanks) }

const blanks = " \t\r\n\x00\v"

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
