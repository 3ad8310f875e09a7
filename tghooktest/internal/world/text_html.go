package world

import (
	"regexp"
	"strconv"
	"strings"
)

// tags are those of parse_mode HTML, with their entities.
var tags = map[string]string{
	"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler", "span": "spoiler",
	"a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote", "tg-emoji": "custom_emoji",
}

var (
	// characterReference matches a reference that Telegram knows. The semicolon may be
	// missing.
	characterReference = regexp.MustCompile(`^&(?:#(\d+)|#x([0-9A-Fa-f]+)|(lt|gt|amp|quot));?`)
	attribute          = regexp.MustCompile(`^\s*([^\s=>]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z0-9.-]+)))?`)
)

// parseHTML reads parse_mode HTML.
func parseHTML(text string) (string, []Entity, error) {
	m := &marked{in: text}
	var names []string // names of the open tags
	for m.i < len(m.in) {
		at := m.i
		switch {
		case m.ahead("&"):
			char, size := unreferenced(m.rest())
			m.put(char)
			m.i += size
		case m.skip("</"):
			name, _, closed := strings.Cut(m.rest(), ">")
			m.i += len(name) + 1
			name = strings.ToLower(strings.TrimSpace(name))
			switch {
			case len(names) == 0:
				return "", nil, refusef("Unexpected end tag at byte offset %d", at)
			case !closed:
				return "", nil, refusef("Unclosed end tag at byte offset %d", at)
			case name != "" && name != names[len(names)-1]:
				return "", nil, refusef(`Unmatched end tag at byte offset %d, expected "</%s>", found "</%s>"`, at, names[len(names)-1], name)
			}
			names = names[:len(names)-1]
			m.endTag()
		case m.skip("<"):
			name, err := m.tag(at)
			if err != nil {
				return "", nil, err
			}
			names = append(names, name)
		default:
			m.take()
		}
	}
	if len(names) > 0 {
		return "", nil, refusef("Can't find end tag corresponding to start tag %q", names[len(names)-1])
	}
	for i := range m.entities {
		if m.entities[i].Type == "code" {
			m.entities[i].Language = ""
		}
	}
	return m.out.String(), m.entities, nil
}

// unreferenced decodes the reference at the beginning of text. It returns the character,
// and how many bytes of text it takes.
func unreferenced(text string) (string, int) {
	found := characterReference.FindStringSubmatch(text)
	if found == nil {
		return "&", 1
	}
	if named := map[string]string{"lt": "<", "gt": ">", "amp": "&", "quot": `"`}[found[3]]; named != "" {
		return named, len(found[0])
	}
	digits, base := found[1], 10
	if digits == "" {
		digits, base = found[2], 16
	}
	n, err := strconv.ParseInt(digits, base, 32)
	if err != nil || n == 0 || n >= 0x10ffff {
		return "&", 1
	}
	return string(rune(n)), len(found[0])
}

// unreference decodes all references in a text.
func unreference(text string) string {
	var b strings.Builder
	for text != "" {
		plain, _, _ := strings.Cut(text, "&")
		b.WriteString(plain)
		if text = text[len(plain):]; text != "" {
			char, size := unreferenced(text)
			b.WriteString(char)
			text = text[size:]
		}
	}
	return b.String()
}

// tag reads a start tag after its <.
func (m *marked) tag(at int) (string, error) {
	end := strings.IndexAny(m.rest(), " \t\r\n>")
	if end < 0 {
		return "", refusef("Unclosed start tag at byte offset %d", at)
	}
	name := strings.ToLower(m.rest()[:end])
	m.i += end
	kind, known := tags[name]
	if !known {
		return "", refusef("Unsupported start tag %q at byte offset %d", name, at)
	}
	arg, spoiler := "", false
	for {
		m.i += len(m.rest()) - len(strings.TrimLeft(m.rest(), " \t\r\n"))
		if m.skip(">") {
			break
		}
		found := attribute.FindStringSubmatch(m.rest())
		if found == nil {
			if m.rest() == "" {
				return "", refusef("Unclosed start tag %q at byte offset %d", name, at)
			}
			return "", refusef("Empty attribute name in the tag %q at byte offset %d", name, at)
		}
		m.i += len(found[0])
		value := unreference(found[2] + found[3] + strings.ToLower(found[4]))
		switch name + " " + strings.ToLower(found[1]) {
		case "a href", "tg-emoji emoji-id":
			arg = value
		case "code class":
			arg = strings.TrimPrefix(value, "language-")
		case "span class":
			spoiler = value == "tg-spoiler"
		case "blockquote expandable":
			kind = "expandable_blockquote"
		}
	}
	if name == "span" && !spoiler {
		return "", refusef(`Tag "span" must have class "tg-spoiler" at byte offset %d`, at)
	}
	m.begin(kind, arg, at)
	return name, nil
}

// endTag closes the innermost tag.
func (m *marked) endTag() {
	inner := &m.open[len(m.open)-1]
	if inner.kind == "text_link" && inner.arg == "" {
		inner.arg = m.out.String()[inner.start:]
	}
	// <pre><code class="language-go"> is one entity.
	if n := len(m.entities); inner.kind == "pre" && n > 0 {
		last := m.entities[n-1]
		if last.Type == "code" && last.Language != "" && last.Offset == inner.offset && last.Length == m.length-inner.offset {
			inner.arg = last.Language
			m.entities = m.entities[:n-1]
		}
	}
	language := inner.arg
	if last := m.end(); last.kind == "code" && m.length > last.offset {
		m.entities[len(m.entities)-1].Language = language // removed later, unless a pre is around it
	}
}
