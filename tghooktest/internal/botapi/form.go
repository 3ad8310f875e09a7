package botapi

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing/iotest"
)

// form reads a query, or an urlencoded body.
func (c *call) form(text string) error {
	if err := c.spend(len(text)); err != nil {
		return err
	}
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		name, value, _ := strings.Cut(pair, "=")
		c.add(unescaped(name), unescaped(value))
	}
	return nil
}

// unescaped leaves alone what is no escape.
func unescaped(s string) string {
	if !strings.ContainsAny(s, "+%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b = append(b, ' ')
		case s[i] == '%' && i+2 < len(s):
			char, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				b = append(b, '%')
				continue
			}
			b = append(b, byte(char))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return string(b)
}

// multipart reads a multipart body, which has to be complete; but one of no bytes has no
// parts: libraries send it when there are no parameters.
func (c *call) multipart(contentType string, content io.Reader) error {
	boundary, err := boundary(contentType)
	if err != nil {
		return err
	}
	body := bufio.NewReader(content)
	if _, err := body.Peek(1); err == io.EOF {
		return nil
	}
	// A body may end with its last boundary. One that ends in headers would be whole for the
	// Reader too: the space is no end of them.
	whole := io.MultiReader(body, strings.NewReader(" \r\n"), iotest.ErrReader(io.ErrUnexpectedEOF))
	for parts := multipart.NewReader(whole, boundary); ; {
		part, err := parts.NextRawPart()
		if err == io.EOF { //nolint:errorlint // wrapped it is the end before the last boundary
			return nil
		}
		if err == nil {
			err = c.part(part)
		}
		var refusal *Error
		switch {
		case err == nil:
		case errors.As(err, &refusal):
			return refusal
		default:
			return unparsable("unexpected end of request content")
		}
	}
}

// boundary takes what stands between "boundary=" and the next semicolon.
func boundary(contentType string) (string, error) {
	at := strings.Index(strings.ToLower(contentType), "boundary")
	if at < 0 {
		return "", unparsable("boundary not found")
	}
	_, value, ok := strings.Cut(contentType[at:], "=")
	if !ok {
		return "", unparsable("boundary value not found")
	}
	value, _, _ = strings.Cut(value, ";")
	value = unquoted(value)
	if value == "" || len(value) > 70 {
		return "", unparsable("boundary too big or empty")
	}
	return value, nil
}

func unquoted(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// part reads a parameter, or a file: that is what has a filename, be it empty.
func (c *call) part(part *multipart.Part) error {
	for key := range part.Header {
		c.headers += len(key) + len(part.Header.Get(key)) + len(": \r\n")
	}
	if c.headers > maxHeaders {
		return &Error{Code: http.StatusRequestHeaderFieldsTooLarge, Description: "Request Header Fields Too Large: total headers size exceeded"}
	}
	disposition, ok := strings.CutPrefix(part.Header.Get("Content-Disposition"), "form-data;")
	if !ok {
		return unparsable("expected form-data content disposition")
	}
	var field string
	var file *File
	for disposition != "" {
		var pair string
		pair, disposition, _ = strings.Cut(disposition, ";")
		key, value, _ := strings.Cut(pair, "=")
		switch value = unquoted(strings.TrimSpace(value)); strings.TrimSpace(key) {
		case "name":
			field = value
		case "filename":
			file = &File{Name: value}
		}
	}
	switch {
	case field == "":
		return unparsable("field name in multipart/form-data not found")
	case file != nil:
		return c.file(field, *file, part)
	}
	value, err := limited(part, c.left)
	if err == nil {
		err = c.spend(len(value))
	}
	c.add(field, string(value))
	return err
}

func (c *call) file(field string, f File, part *multipart.Part) (err error) {
	if c.files++; c.files > maxFiles {
		return tooLarge("too many files attached")
	}
	f.ContentType = part.Header.Get("Content-Type")
	if f.ContentType == "" {
		f.ContentType = "application/octet-stream"
	}
	if f.Content, err = limited(part, c.room); err != nil {
		return err
	}
	if c.room -= len(f.Content); c.room < 0 {
		return tooLarge(fmt.Sprintf("file of size %d is too big to be uploaded", len(f.Content)))
	}
	if _, ok := c.Files[field]; !ok {
		c.Files[field] = f
	}
	return nil
}
