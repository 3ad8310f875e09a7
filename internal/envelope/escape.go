package envelope

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends s, which is well-formed, with its escapes decoded. A surrogate without
// its other half becomes U+FFFD, as in encoding/json.
func unescape(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		if c != 'u' {
			dst = append(dst, meaning(c))
			s = s[i+2:]
			continue
		}
		r := unit(s[i+2:])
		s = s[i+6:]
		if utf16.IsSurrogate(r) {
			high := r
			r = utf8.RuneError
			if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
				if r = utf16.DecodeRune(high, unit(s[2:])); r != utf8.RuneError {
					s = s[6:]
				}
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
}

// unit returns the UTF-16 code unit of four hex digits.
func unit(s []byte) rune {
	return rune(hex[s[0]])<<12 | rune(hex[s[1]])<<8 | rune(hex[s[2]])<<4 | rune(hex[s[3]])
}

// meaning returns the character that a backslash and c stand for.
func meaning(c byte) byte {
	switch c {
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
	return c // a quote, slash or backslash
}

// decoded returns a key as encoding/json decodes it: each byte that is not UTF-8 becomes
// U+FFFD. It allocates only if the key changes.
func decoded(key []byte, escaped bool) []byte {
	if escaped {
		key = unescape(nil, key)
	}
	if !utf8.Valid(key) {
		key = []byte(string([]rune(string(key))))
	}
	return key
}
