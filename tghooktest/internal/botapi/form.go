package botapi

import (
	"strconv"
	"strings"
)

// form reads a query string, or a body of that form.
func (c *call) form(text string) error {
	if err := c.spend(len(text)); err != nil {
		return err
	}
	for _, p := range pairs(text) {
		c.add(p[0], p[1])
	}
	return nil
}

// pairs returns the names and values of a form.
func pairs(text string) (all [][2]string) {
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		name, value, _ := strings.Cut(pair, "=")
		all = append(all, [2]string{percentDecoded(name, true), percentDecoded(value, true)})
	}
	return all
}

// percentDecoded undoes percent-encoding. It keeps a percent sign that starts no escape. In
// a form, a plus is a space.
func percentDecoded(s string, form bool) string {
	if !strings.ContainsAny(s, "+%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+' && form:
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

// boundary returns the text between "boundary=" and the next semicolon.
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
