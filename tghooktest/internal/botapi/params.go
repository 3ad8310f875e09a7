// Package botapi reads calls of the Bot API, as Telegram's server does, and writes
// its answers.
package botapi

import "strings"

// Params are those of a call: Telegram takes every value for text, and of several
// with one name the first. What was JSON but no string is its JSON text.
type Params struct {
	Method string // from the parameter "method", where the path has none
	Values map[string]string
	Files  map[string]File // by the name of their part
}

// File is one that was uploaded.
type File struct {
	Name, ContentType string
	Content           []byte
}

// An Error is an answer that is not ok.
type Error struct {
	Code        int // which the HTTP status is too
	Description string
	RetryAfter  int   // seconds; 0: none
	MigrateTo   int64 // chat; 0: none
}

func (e *Error) Error() string { return e.Description }

// String is a parameter's value; empty where it is missing, which Telegram does not
// tell from empty.
func (p Params) String(name string) string { return p.Values[name] }

// Has reports whether there is a parameter of this name, be it empty. Files have none.
func (p Params) Has(name string) bool {
	_, ok := p.Values[name]
	return ok
}

// Int is a parameter's leading digits, after a minus where there is one; else 0. What
// is too large loses its upper bits, so that int32(p.Int("limit")) is what Telegram
// makes of it too.
func (p Params) Int(name string) int64 {
	s, negative := strings.CutPrefix(p.Values[name], "-")
	var n int64
	for ; s != "" && '0' <= s[0] && s[0] <= '9'; s = s[1:] {
		n = n*10 + int64(s[0]-'0')
	}
	if negative {
		return -n
	}
	return n
}

// Bool reports whether a parameter is true, yes or 1, in any case.
func (p Params) Bool(name string) bool {
	switch strings.ToLower(p.Values[name]) {
	case "true", "yes", "1":
		return true
	}
	return false
}

// File is the one that came for a parameter: attached to its value, or under its name.
func (p Params) File(name string) (File, bool) {
	if f, ok := p.Attached(p.Values[name]); ok {
		return f, true
	}
	f, ok := p.Files[name]
	return f, ok
}

// Attached is the file to which value refers by attach://, also within JSON.
func (p Params) Attached(value string) (File, bool) {
	part, ok := strings.CutPrefix(value, "attach://")
	if !ok {
		return File{}, false
	}
	f, ok := p.Files[part]
	return f, ok
}
