package envelope

import "strconv"

// SyntaxError reports a body that is not one well-formed JSON object with an
// integer update_id.
type SyntaxError struct {
	Offset int    // of the wrong byte; the length of the body if the body ends too soon
	Msg    string // says what was expected, and what was found
}

func (e *SyntaxError) Error() string {
	return "offset " + strconv.Itoa(e.Offset) + ": " + e.Msg
}

const (
	afterMember  = "expected ',' or '}' after a member"
	afterElement = "expected ',' or ']' after an element"
)

// fail returns a *SyntaxError: what was expected at i, and what is there.
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

// tooDeep returns a *SyntaxError: too many containers enclose the one at i.
func tooDeep(i int) error {
	return &SyntaxError{Offset: i, Msg: "nested too deep"}
}
