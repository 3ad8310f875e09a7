package world

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mark is an open mark.
type mark struct {
	kind   string // type of the entity
	arg    string // language or URL
	offset int    // offset of the entity
	start  int    // where its text begins, in bytes of out
	at     int    // where the mark begins, in bytes of in
}

// marked is a text whose marks are being parsed.
type marked struct {
	in       string
	i        int
	out      strings.Builder
	length   int // length of out in UTF-16 code units
	open     []mark
	entities []Entity
}

// rest returns the text that was not read yet.
func (m *marked) rest() string { return m.in[m.i:] }

func (m *marked) ahead(s string) bool { return strings.HasPrefix(m.rest(), s) }

// skip reads s if it comes next.
func (m *marked) skip(s string) bool {
	if !m.ahead(s) {
		return false
	}
	m.i += len(s)
	return true
}

// put appends a text to the result.
func (m *marked) put(s string) {
	m.out.WriteString(s)
	m.length += units(s)
}

// take appends the next character to the result.
func (m *marked) take() {
	_, size := utf8.DecodeRuneInString(m.rest())
	m.put(m.rest()[:size])
	m.i += size
}

func (m *marked) begin(kind, arg string, at int) {
	m.open = append(m.open, mark{kind, arg, m.length, m.out.Len(), at})
}

// inner returns the innermost open mark.
func (m *marked) inner() mark {
	if len(m.open) == 0 {
		return mark{}
	}
	return m.open[len(m.open)-1]
}

// end closes the innermost mark. A mark without text makes no entity.
func (m *marked) end() mark {
	last := m.inner()
	m.open = m.open[:len(m.open)-1]
	if m.length > last.offset {
		if e, ok := entity(last.kind, last.arg); ok {
			e.Offset, e.Length = last.offset, m.length-last.offset
			m.entities = append(m.entities, e)
		}
	}
	return last
}

// entity returns the entity of a mark. It returns false for a link that Telegram ignores.
func entity(kind, arg string) (Entity, bool) {
	e := Entity{Type: kind}
	switch kind {
	case "pre":
		e.Language = arg
	case "custom_emoji":
		e.CustomEmojiID = arg
	case "text_link":
		if user, ok := strings.CutPrefix(arg, "tg://user?id="); ok {
			e.Type, e.URL = "text_mention", user // mentioned replaces the id by the user
			return e, true
		}
		var ok bool
		e.URL, ok = checkedLink(arg)
		return e, ok
	}
	return e, true
}

// code reads a language and a line break after ```.
func (m *marked) code() string {
	language := ""
	end := strings.IndexFunc(m.rest(), func(r rune) bool { return unicode.IsSpace(r) || r == '`' })
	if end > 0 && m.rest()[end] != '`' {
		language = m.rest()[:end]
		m.i += end
	}
	if !m.skip("\r\n") && !m.skip("\n\r") && !m.skip("\n") {
		m.skip("\r")
	}
	return language
}

// parseMarkdown reads parse_mode Markdown, the old one. Marks do not nest, and a backslash
// escapes only outside of marks.
func parseMarkdown(text string) (string, []Entity, error) {
	m := &marked{in: text}
	for m.i < len(m.in) {
		at := m.i
		switch {
		case m.ahead(`\_`), m.ahead(`\*`), m.ahead("\\`"), m.ahead(`\[`):
			m.i++
			m.take()
		case m.skip("```"):
			m.begin("pre", m.code(), at)
			if !m.until("```") {
				return "", nil, unended(at)
			}
			m.end()
		case m.ahead("_"), m.ahead("*"), m.ahead("`"):
			sign := m.rest()[:1]
			m.i++
			m.begin(map[string]string{"_": "italic", "*": "bold", "`": "code"}[sign], "", at)
			if !m.until(sign) {
				return "", nil, unended(at)
			}
			m.end()
		case m.skip("["):
			m.begin("text_link", "", at)
			if !m.until("]") {
				return "", nil, unended(at)
			}
			url := m.out.String()[m.inner().start:]
			if m.skip("(") {
				url, _, _ = strings.Cut(m.rest(), ")")
				m.i = min(m.i+len(url)+1, len(m.in))
			}
			m.open[0].arg = url
			m.end()
		default:
			m.take()
		}
	}
	return m.out.String(), m.entities, nil
}

// until reads the text before the sign, and the sign.
func (m *marked) until(sign string) bool {
	text, _, found := strings.Cut(m.rest(), sign)
	m.put(text)
	m.i += len(text) + len(sign)
	return found
}

func unended(at int) error {
	return refusef("Can't find end of the entity starting at byte offset %d", at)
}
