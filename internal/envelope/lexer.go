package envelope

import (
	"encoding/binary"
	"math/bits"
)

// MaxDepth is how deep arrays and objects may nest. The fixtures nest seven deep at most.
// encoding/json allows 10,000, and recurses for each level when a user decodes an update
// that Scan has accepted.
const MaxDepth = 512

// text is the JSON that is read. Its methods take the offset where a part of the text starts,
// and return the offset behind that part. No method goes back.
type text []byte

// at returns the byte at i, or 0 at the end. The grammar allows no 0 byte outside of strings,
// so a caller can treat both alike.
func (t text) at(i int) byte {
	if uint(i) < uint(len(t)) {
		return t[i]
	}
	return 0
}

// space passes over white space. Telegram sends hardly any, so only the test for it is
// inlined.
func (t text) space(i int) int {
	if t.at(i) > ' ' {
		return i
	}
	return t.spaces(i)
}

func (t text) spaces(i int) int {
	for i < len(t) && (t[i] == ' ' || t[i] == '\n' || t[i] == '\r' || t[i] == '\t') {
		i++
	}
	return i
}

// str passes over a string, from the byte behind its opening quote.
func (t text) str(i int) (end int, escaped bool, err error) {
	for {
		for i+8 <= len(t) {
			if m := stops(binary.LittleEndian.Uint64(t[i:])); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < len(t) && t[i] >= ' ' && t[i] != '"' && t[i] != '\\' {
			i++
		}
		switch t.at(i) {
		case '"':
			return i + 1, escaped, nil
		case '\\':
			if i, err = t.escapes(i); err != nil {
				return i, true, err
			}
			escaped = true
		default:
			return i, escaped, t.fail(i, "expected a character of a string")
		}
	}
}

// stops marks the quotes, backslashes and control characters among eight bytes, each in
// the high bit of its byte. A borrow can also mark a wrong byte above a right one, and never
// below. So use only the lowest mark.
func stops(x uint64) uint64 {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	quote, slash := x^('"'*ones), x^('\\'*ones)
	return ((quote-ones)&^quote | (slash-ones)&^slash | (x-' '*ones)&^x) & high
}

// escapes passes over a run of escapes. Telegram writes each character outside ASCII as
// \uXXXX, so an escape is seldom alone.
func (t text) escapes(i int) (int, error) {
	for {
		for i+6 <= len(t) {
			e := t[i : i+6]
			if e[0] != '\\' || e[1] != 'u' || (hex[e[2]]|hex[e[3]]|hex[e[4]]|hex[e[5]]) > 15 {
				break
			}
			i += 6
		}
		if t.at(i) != '\\' {
			return i, nil
		}
		switch t.at(i + 1) {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			for i += 2; hex[t.at(i)] <= 15; {
				i++
			}
			return i, t.fail(i, "expected a hex digit")
		default:
			return i + 1, t.fail(i+1, "expected an escape")
		}
	}
}

// hex has the value of each hex digit, and 255 for every other byte.
var hex = func() (h [256]byte) {
	for c := range h {
		switch {
		case '0' <= c && c <= '9':
			h[c] = byte(c - '0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			h[c] = byte(c | 0x20 - 'a' + 10)
		default:
			h[c] = 255
		}
	}
	return h
}()

// number passes over a number.
func (t text) number(i int) (int, error) {
	if t.at(i) == '-' {
		i++
	}
	var err error
	if t.at(i) == '0' {
		i++
	} else if i, err = t.digits(i); err != nil {
		return i, err
	}
	if t.at(i) == '.' {
		if i, err = t.digits(i + 1); err != nil {
			return i, err
		}
	}
	if t.at(i)|0x20 == 'e' {
		if i++; t.at(i) == '+' || t.at(i) == '-' {
			i++
		}
		return t.digits(i)
	}
	return i, nil
}

// digits passes over one digit or more.
func (t text) digits(i int) (int, error) {
	start := i
	for i < len(t) && t[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return i, t.fail(i, "expected a digit")
	}
	return i, nil
}

// literal passes over true, false or null.
func (t text) literal(i int, word string) (int, error) {
	for n := range len(word) {
		if t.at(i+n) != word[n] {
			return i + n, t.fail(i+n, "expected "+word)
		}
	}
	return i + len(word), nil
}
