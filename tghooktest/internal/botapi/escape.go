package botapi

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendJSON appends src, which must be JSON, in Telegram's form. It removes space between
// tokens, and escapes control characters and everything that is not ASCII as \u with
// lower-case digits, in surrogate pairs above U+FFFF. Bytes that are not UTF-8 stay as they
// are, as Telegram keeps them where a bot sent them.
func AppendJSON(dst, src []byte) []byte {
	quoted := false
	for i := 0; i < len(src); i++ {
		switch char := src[i]; {
		case char == '"':
			quoted = !quoted
			dst = append(dst, char)
		case !quoted:
			if char > ' ' {
				dst = append(dst, char)
			}
		case char == '\\' && i+1 < len(src):
			i++
			dst, i = appendEscape(dst, src, i)
		case char < utf8.RuneSelf:
			dst = appendUnit(dst, uint16(char))
		default:
			r, size := utf8.DecodeRune(src[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, char)
				continue
			}
			i += size - 1
			for _, unit := range utf16.AppendRune(nil, r) {
				dst = appendUnit(dst, unit)
			}
		}
	}
	return dst
}

// appendEscape appends the escape whose letter is src[i], and returns the index of its last
// byte.
func appendEscape(dst, src []byte, i int) ([]byte, int) {
	switch src[i] {
	case '/':
		return append(dst, '/'), i
	case 'u':
		if unit, ok := hex4(src[i+1:]); ok {
			return appendUnit(dst, unit), i + 4
		}
	}
	return append(dst, '\\', src[i]), i
}

// hex4 reads the four digits of a \u escape.
func hex4[T string | []byte](s T) (uint16, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[:4]), 16, 16)
	return uint16(n), err == nil
}

const hexDigits = "0123456789abcdef"

// appendUnit appends a UTF-16 code unit in a string. Each half of a surrogate pair is
// written on its own.
func appendUnit(dst []byte, unit uint16) []byte {
	switch unit {
	case '"', '\\':
		return append(dst, '\\', byte(unit))
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if ' ' <= unit && unit < utf8.RuneSelf {
		return append(dst, byte(unit))
	}
	return append(dst, '\\', 'u', hexDigits[unit>>12], hexDigits[unit>>8&15], hexDigits[unit>>4&15], hexDigits[unit&15])
}
