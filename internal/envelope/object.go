package envelope

import (
	"encoding/binary"
	"math/bits"
)

// open passes over the brace that begins the object, and returns the offset of its first
// member.
func (t text) open() (int, error) {
	i := t.space(0)
	if t.at(i) != '{' {
		return i, t.fail(i, "expected an object")
	}
	return i + 1, nil
}

// end checks that only white space follows.
func (t text) end(i int) error {
	if i = t.space(i); i < len(t) {
		return t.fail(i, "expected nothing more")
	}
	return nil
}

// member reads an object up to its next value: the comma, unless the member is the first,
// the key and the colon. It returns the offset of the value, or a nil key and the offset
// behind the closing brace.
func (t text) member(i int, first bool) (key []byte, escaped bool, value int, err error) {
	i = t.space(i)
	switch c := t.at(i); {
	case c == '}':
		return nil, false, i + 1, nil
	case first:
	case c == ',':
		i = t.space(i + 1)
	default:
		return nil, false, i, t.fail(i, afterMember)
	}
	return t.key(i)
}

// key reads a key and its colon, up to the value. The key is the bytes between its quotes:
// an escaped one must still be decoded.
func (t text) key(i int) (key []byte, escaped bool, value int, err error) {
	if t.at(i) != '"' {
		return nil, false, i, t.fail(i, "expected a key")
	}
	// Most keys are short, with a colon and a value right behind them.
	if i+18 <= len(t) {
		n := i + 1
		m := stops(binary.LittleEndian.Uint64(t[n:]))
		if m == 0 {
			n += 8
			m = stops(binary.LittleEndian.Uint64(t[n:]))
		}
		if m != 0 {
			n += bits.TrailingZeros64(m) >> 3
			if t[n] == '"' && t[n+1] == ':' {
				return t[i+1 : n : n], false, t.space(n + 2), nil
			}
		}
	}
	end, escaped, err := t.str(i + 1)
	if err != nil {
		return nil, false, end, err
	}
	key = t[i+1 : end-1]
	i = t.space(end)
	if t.at(i) != ':' {
		return nil, false, i, t.fail(i, "expected ':' after a key")
	}
	return key, escaped, t.space(i + 1), nil
}
