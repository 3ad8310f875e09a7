// Package botapi reads calls of the Bot API and writes its answers, in the way of
// Telegram's server.
package botapi

import "strings"

// Params are the parameters of a call. Telegram reads every value as text. A JSON value
// that is not a string is its JSON text. If a name comes more than once, the first value
// counts.
type Params struct {
	Method string // the parameter "method", for a path without a method
	Values map[string]string
	Files  map[string]File // key: name of the part
}

// File is an uploaded file.
type File struct {
	Name, ContentType string
	Content           []byte
}

// Error is an answer that is not ok.
type Error struct {
	Code        int // error_code, which is the HTTP status too
	Description string
	RetryAfter  int    // in seconds; 0 if none
	MigrateTo   int64  // id of a chat; 0 if none
	Page        string // HTML in place of the JSON; empty if none
}

func (e *Error) Error() string { return e.Description }

// String returns a parameter's value. It is empty for a missing parameter, which Telegram
// treats in the same way.
func (p Params) String(name string) string { return p.Values[name] }

// Has reports whether there is a parameter of this name, even an empty one. It is false for
// a file.
func (p Params) Has(name string) bool {
	_, ok := p.Values[name]
	return ok
}

// Int returns the number at the beginning of a parameter, which may be negative; 0 if there
// is none. A number that is too large loses its upper bits, so int32(p.Int("limit")) is
// what Telegram reads too.
func (p Params) Int(name string) int64 { return Integer(p.Values[name]) }

// Integer returns the number at the beginning of s, which may be negative; 0 if there is
// none. A number that is too large loses its upper bits.
func Integer(s string) int64 {
	s, negative := strings.CutPrefix(s, "-")
	var n int64
	for ; s != "" && '0' <= s[0] && s[0] <= '9'; s = s[1:] {
		n = n*10 + int64(s[0]-'0')
	}
	if negative {
		return -n
	}
	return n
}

// Bool reports whether a parameter is true, yes or 1, in any letter case.
func (p Params) Bool(name string) bool {
	switch strings.ToLower(p.Values[name]) {
	case "true", "yes", "1":
		return true
	}
	return false
}

// File returns the file of a parameter: the one that its value attaches, or the one that
// has the parameter's name.
func (p Params) File(name string) (File, bool) {
	if f, ok := p.Attached(p.Values[name]); ok {
		return f, true
	}
	f, ok := p.Files[name]
	return f, ok
}

// Attached returns the file that a value refers to by attach://. The value may come from
// JSON.
func (p Params) Attached(value string) (File, bool) {
	part, ok := strings.CutPrefix(value, "attach://")
	if !ok {
		return File{}, false
	}
	f, ok := p.Files[part]
	return f, ok
}
