package botapi

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may be nested in a parameter.
const maxDepth = 100

// json reads the members of an object, up to the first mistake.
func (c *call) json(text string) error {
	if err := c.spend(len(text)); err != nil {
		return err
	}
	s := scanner{text}
	for ok := s.take('{'); ok; ok = s.take(',') {
		s.space()
		name, isText := s.text()
		if !isText || !s.take(':') {
			break
		}
		value, isValue := s.value()
		if !isValue {
			break
		}
		c.add(name, value)
	}
	return nil
}

// scanner reads JSON as leniently as Telegram. A string may contain any byte. An unknown
// escape stands for the character itself. A number is any run of the characters of numbers.
type scanner struct{ rest string }

func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t\r\n\v\x00") }

// take skips space, and then char if it comes next.
func (s *scanner) take(char byte) bool {
	s.space()
	if s.rest == "" || s.rest[0] != char {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// value returns a string decoded, and any other value as it is written.
func (s *scanner) value() (string, bool) {
	s.space()
	if strings.HasPrefix(s.rest, `"`) {
		return s.text()
	}
	before := s.rest
	ok := s.skip(maxDepth)
	return before[:len(before)-len(s.rest)], ok
}

func (s *scanner) skip(depth int) bool {
	s.space()
	if s.rest == "" || depth < 0 {
		return false
	}
	switch s.rest[0] {
	case '"':
		_, ok := s.quoted()
		return ok
	case '[':
		return s.members(']', func() bool { return s.skip(depth - 1) })
	case '{':
		return s.members('}', func() bool {
			s.space()
			_, ok := s.quoted()
			return ok && s.take(':') && s.skip(depth-1)
		})
	}
	for _, word := range []string{"true", "false", "null"} {
		if rest, ok := strings.CutPrefix(s.rest, word); ok {
			s.rest = rest
			return true
		}
	}
	rest := strings.TrimLeft(s.rest, "+-.0123456789eE")
	ok := len(rest) < len(s.rest) && s.rest[0]|0x20 != 'e'
	s.rest = rest
	return ok
}

// members skips an array or an object.
func (s *scanner) members(end byte, member func() bool) bool {
	s.rest = s.rest[1:]
	if s.take(end) {
		return true
	}
	for member() {
		if s.take(end) {
			return true
		}
		if !s.take(',') {
			break
		}
	}
	return false
}

// quoted returns the text between quotes.
func (s *scanner) quoted() (string, bool) {
	if !strings.HasPrefix(s.rest, `"`) {
		return "", false
	}
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			inside := s.rest[1:i]
			s.rest = s.rest[i+1:]
			return inside, true
		}
	}
	return "", false
}

// text decodes a string.
func (s *scanner) text() (string, bool) {
	left, ok := s.quoted()
	if !ok || !strings.Contains(left, `\`) {
		return left, ok
	}
	b := make([]byte, 0, len(left))
	for {
		plain, escape, ok := strings.Cut(left, `\`)
		b = append(b, plain...)
		if !ok {
			return string(b), true
		}
		if escape[0] != 'u' {
			b = append(b, unescape(escape[0]))
			left = escape[1:]
			continue
		}
		var size int
		if b, size = appendUnits(b, escape[1:]); size == 0 {
			return "", false
		}
		left = escape[1+size:]
	}
}

func unescape(letter byte) byte {
	switch letter {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return letter
}

// appendUnits decodes the digits of one \u escape, or of two that form a surrogate pair. It
// appends half a pair too; b is then not UTF-8, and methods refuse such a text. It returns
// how many bytes of s it decoded; 0 if s does not begin with digits.
func appendUnits(b []byte, s string) ([]byte, int) {
	unit, ok := hex4(s)
	if !ok {
		return b, 0
	}
	if second, isEscape := strings.CutPrefix(s[4:], `\u`); isEscape {
		if low, ok := hex4(second); ok {
			if pair := utf16.DecodeRune(rune(unit), rune(low)); pair != utf8.RuneError {
				return utf8.AppendRune(b, pair), len(`0000\u0000`)
			}
		}
	}
	if utf16.IsSurrogate(rune(unit)) {
		return append(b, 0xe0|byte(unit>>12), 0x80|byte(unit>>6&0x3f), 0x80|byte(unit&0x3f)), 4
	}
	return utf8.AppendRune(b, rune(unit)), 4
}
