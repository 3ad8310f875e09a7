package envelope

import "strconv"

// SyntaxError reports a body that is not one well-formed JSON object with an
// integer update_id.
type SyntaxError struct {
	Offset int    // of the byte that may not stand there; the length of the body if that ends too soon
	Msg    string // what was expected, and what was found
}

func (e *SyntaxError) Error() string {
	return "offset " + strconv.Itoa(e.Offset) + ": " + e.Msg
}

const (
	afterMember  = "expected ',' or '}' after a member"
	afterElement = "expected ',' or ']' after an element"
)

// fail says what was expected at i, and what stands there.
func (t text) fail(i int, expected string) error {
	got := "the end"
	if i < len(t) {
		if c := t[i]; c < 0x80 {
			got = strconv.QuoteRune(rune(c))
		} else {
			got = "byte 0x" + strconv.FormatUint(uint64(c), 16)
		}
	}
	return &SyntaxError{Offset: i, Msg: expected + ", got " + got}
}

// tooDeep reports the container at i that one too many enclose.
func tooDeep(i int) error {
	return &SyntaxError{Offset: i, Msg: "nested too deep"}
}
