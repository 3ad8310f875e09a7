package world

import "strings"

// kindNames are Telegram's names of entities in errors.
var kindNames = map[string]string{
	"bold": "Bold", "italic": "Italic", "underline": "Underline", "strikethrough": "Strikethrough", "spoiler": "Spoiler",
	"code": "Code", "pre": "Pre", "text_link": "TextUrl", "custom_emoji": "CustomEmoji", "blockquote": "BlockQuote",
}

// signs of MarkdownV2 that both open and close an entity. Longer signs come first.
var signs = []struct{ sign, kind string }{
	{"__", "underline"}, {"_", "italic"}, {"*", "bold"}, {"~", "strikethrough"}, {"||", "spoiler"}, {"```", "pre"}, {"`", "code"},
}

// parseMarkdownV2 reads parse_mode MarkdownV2.
func parseMarkdownV2(text string) (string, []Entity, error) {
	m := &marked{in: text}
	for m.i < len(m.in) {
		if err := m.step(); err != nil {
			return "", nil, err
		}
	}
	if m.inner().kind == "blockquote" {
		m.end()
	}
	if len(m.open) > 0 {
		return "", nil, m.unended()
	}
	return m.out.String(), m.entities, nil
}

// step reads a character or a mark.
func (m *marked) step() error {
	inner := m.inner().kind
	verbatim := inner == "code" || inner == "pre"
	if c := m.rest(); c[0] == '\\' && len(c) > 1 && 0 < c[1] && c[1] < 127 {
		m.i++
		m.take()
		return nil
	}
	for _, s := range signs {
		switch {
		case !m.ahead(s.sign) || verbatim && s.kind != inner:
		case s.kind == inner:
			m.i += len(s.sign)
			m.end()
			return nil
		case s.kind == "spoiler" && m.quoteEnds():
			m.open[len(m.open)-1].kind = "expandable_blockquote"
			m.i += len(s.sign)
			m.end()
			return nil
		default:
			at := m.i
			m.i += len(s.sign)
			if s.kind == "pre" {
				m.begin(s.kind, m.code(), at)
			} else {
				m.begin(s.kind, "", at)
			}
			return nil
		}
	}
	if verbatim {
		m.take()
		return nil
	}
	return m.other()
}

// other reads a character that is none of signs.
func (m *marked) other() error {
	at, inner := m.i, m.inner().kind
	switch c := m.rest()[0]; {
	case c == ']' && (inner == "text_link" || inner == "custom_emoji"):
		m.i++
		return m.address()
	case m.skip("!["):
		m.begin("custom_emoji", "", at)
	case m.skip("["):
		m.begin("text_link", "", at)
	case c == '\n':
		return m.line()
	case c == '>' && (m.out.Len() == 0 || strings.HasSuffix(m.out.String(), "\n")):
		m.i++
		m.begin("blockquote", "", at)
	case strings.ContainsRune("_*[]()~`>#+-=|{}.!", rune(c)):
		return refusef("Character '%c' is reserved and must be escaped with the preceding '\\'", c)
	default:
		m.take()
	}
	return nil
}

// line reads a line break. A quotation ends there, unless the next line continues it.
func (m *marked) line() error {
	quoted := false
	for _, open := range m.open {
		quoted = quoted || open.kind == "blockquote"
	}
	m.take()
	switch {
	case !quoted:
	case m.skip(">"):
	case m.inner().kind != "blockquote":
		return m.unended()
	default:
		m.end()
	}
	return nil
}

// quoteEnds reports whether the next || ends a quotation and makes it expandable.
func (m *marked) quoteEnds() bool {
	after := strings.TrimPrefix(m.rest(), "||")
	return m.inner().kind == "blockquote" && (after == "" || after[0] == '\n' && !strings.HasPrefix(after, "\n>"))
}

// address reads the address of a link, after its text.
func (m *marked) address() error {
	last := &m.open[len(m.open)-1]
	last.arg = m.out.String()[last.start:]
	name := "a URL"
	if last.kind == "custom_emoji" {
		name = "a custom emoji URL"
		if !m.ahead("(") {
			return refusal("Custom emoji entity must contain a tg://emoji URL")
		}
	}
	if m.skip("(") {
		at := m.i
		var url strings.Builder
		for ; m.i < len(m.in) && m.in[m.i] != ')'; m.i++ {
			if m.in[m.i] == '\\' && m.i+1 < len(m.in) {
				m.i++
			}
			url.WriteByte(m.in[m.i])
		}
		if !m.skip(")") {
			return refusef("Can't find end of %s at byte offset %d", name, at)
		}
		last.arg = url.String()
	}
	if last.kind == "custom_emoji" {
		id, ok := strings.CutPrefix(last.arg, "tg://emoji?id=")
		if !ok {
			return refusal("Invalid custom emoji URL specified")
		}
		last.arg = id
	}
	m.end()
	return nil
}

func (m *marked) unended() error {
	name := kindNames[m.inner().kind]
	if name == "Pre" && m.inner().arg != "" {
		name = "PreCode"
	}
	return refusef("Can't find end of %s entity at byte offset %d", name, m.inner().at)
}
