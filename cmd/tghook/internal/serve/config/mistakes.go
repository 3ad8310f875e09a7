package config

import (
	"fmt"
	"strings"
)

// Mistake is one mistake in a configuration.
type Mistake struct {
	Line  int    // where it stands, from 1; 0 if it has no place
	Field string // such as bots.shop.to.url
	What  string // what is wrong, and what to do
}

// Mistakes are all mistakes of a configuration, in the order of their lines. It is an error. If
// there are more than a thousand, it has the first ones that were found.
type Mistakes struct { //nolint:errname // it is a list
	File string // empty for JSON of the admin API
	All  []Mistake
}

// Error has a line for each mistake: file:line: field: what.
func (m *Mistakes) Error() string {
	lines := make([]string, len(m.All))
	for i, mistake := range m.All {
		lines[i] = mistake.text(m.File)
	}
	return strings.Join(lines, "\n")
}

func (m *Mistake) text(file string) string {
	place := file
	switch {
	case file == "" && m.Line > 0:
		place = fmt.Sprintf("line %d", m.Line)
	case m.Line > 0:
		place = fmt.Sprintf("%s:%d", file, m.Line)
	}
	text := m.What
	if m.Field != "" {
		text = m.Field + ": " + text
	}
	if place != "" {
		text = place + ": " + text
	}
	return text
}
