package export

import (
	"strings"

	"github.com/tghook/tghook/cmd/tghook/internal/child"
)

// A variable of the bot's environment.
type variable struct {
	Name   string // with = behind it
	Token  bool   // its value is the token
	URL    bool   // its value is the address
	Suffix string // behind the address, or the value itself
}

// Environment is what the tests tell the bot by its environment, as tghook dev does.
func (*script) Environment() []variable {
	const url, token = "\x00url", "\x00token"
	lines := child.Environment(nil, url, token, "")
	all := make([]variable, 0, len(lines))
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		suffix, isURL := strings.CutPrefix(value, url)
		v := variable{Name: name + "=", Token: value == token, URL: isURL}
		if !v.Token {
			v.Suffix = suffix
		}
		all = append(all, v)
	}
	return all
}
