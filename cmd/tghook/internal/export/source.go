package export

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"
)

//go:embed templates
var templateFiles embed.FS

// A language writes a script as source. The template "file" is the whole file, and for each
// verb there is a template that writes the step.
type language struct {
	name  string
	snake bool // variables are in snake_case
	quote func(string) string
	raw   func(string) string // quote for JSON, which has many quotes
	tidy  func([]byte) ([]byte, error)
}

var languages = map[Format]language{
	Go:     {"go", false, strconv.Quote, rawGo, tidyGo},
	Pytest: {"python", true, quotePython, quotePython, nil},
	Node:   {"node", false, quoteNode, quoteNode, nil},
}

// source writes the script.
func (l language) source(s *script) ([]byte, error) {
	t := template.New("")
	t.Funcs(template.FuncMap{
		"q":      l.quote,
		"base64": func(data []byte) string { return l.quote(base64.StdEncoding.EncodeToString(data)) },
		"raw":    l.raw,
		"string": func(data []byte) string { return string(data) },
		"run": func(st *step) (string, error) { // the step as a statement
			var b strings.Builder
			err := t.ExecuteTemplate(&b, st.Verb, st)
			return b.String(), err
		},
		"uses": func(verbs ...string) bool { return s.uses(verbs...) },
	})
	if _, err := t.ParseFS(templateFiles, "templates/"+l.name+".tmpl"); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "file", s); err != nil {
		return nil, err
	}
	if l.tidy == nil {
		return b.Bytes(), nil
	}
	return l.tidy(b.Bytes())
}

// uses reports whether a step has one of the verbs.
func (s *script) uses(verbs ...string) bool {
	for _, st := range s.Steps {
		if slices.Contains(verbs, st.Verb) {
			return true
		}
	}
	return false
}

// quotePython writes a string literal of Python.
func quotePython(text string) string {
	return quote(text, func(r rune) string {
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	})
}

// quoteNode writes a string literal of JavaScript.
func quoteNode(text string) string {
	return quote(text, func(r rune) string { return fmt.Sprintf(`\u{%x}`, r) })
}

// quote writes a string literal in double quotes. escape writes a character that does not
// print.
func quote(text string, escape func(rune) string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == utf8.RuneError || !unicode.IsPrint(r):
			b.WriteString(escape(r))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
