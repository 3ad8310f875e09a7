package world

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pairs are the marks of Rich Markdown that come in pairs, the longer ones first, with
// their tags.
var pairs = []struct{ mark, tag string }{
	{"**", "b"}, {"__", "b"}, {"~~", "s"}, {"==", "mark"}, {"||", "tg-spoiler"}, {"*", "i"}, {"_", "i"},
}

var (
	anyTagPattern    = regexp.MustCompile(`^</?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?/?>`)
	linkedPattern    = regexp.MustCompile(`^\[((?:[^\[\]\\]|\\.|\[[^\[\]]*\])*)\]\(([^\s()]*(?:\([^\s()]*\)[^\s()]*)*)(?:\s+"[^"]*")?\)`)
	imagePattern     = regexp.MustCompile(`^!\[([^\]]*)\]\(([^\s)]+)(?:\s+"[^"]*")?\)`)
	notePattern      = regexp.MustCompile(`^\[\^([^\]\s]+)\]`)
	mathPattern      = regexp.MustCompile(`^\$([^\s$](?:[^$\n]*[^\s$])?)\$`)
	referencePattern = regexp.MustCompile(`^&(?:#\d+|#[xX][0-9A-Fa-f]+|[A-Za-z]\w*);`)
	timePattern      = regexp.MustCompile(`^tg://time\?unix=(-?\d+)(?:&format=(\w+))?$`)
)

// maxMark is the length of the longest link, tag or formula in Markdown, in bytes.
const maxMark = 1024

// marks reads the marks inside a text of Rich Markdown.
type marks struct {
	text  string
	i     int
	depth int
	out   strings.Builder
	none  map[string]bool // marks that have no end in the rest of the text
}

// htmlOfText returns the Rich HTML of a text in Rich Markdown. HTML tags in it stay.
func htmlOfText(text string) string { return htmlOfMarks(text, 0) }

func htmlOfMarks(text string, depth int) string {
	m := &marks{text: text, depth: depth, none: map[string]bool{}}
	for m.i < len(text) {
		if !m.escape() && !m.code() && !m.link() && !m.tag() && !m.reference() && !m.math() && !m.pair() && !m.lineBreak() {
			_, size := utf8.DecodeRuneInString(m.rest())
			m.out.WriteString(html.EscapeString(m.rest()[:size]))
			m.i += size
		}
	}
	return m.out.String()
}

func (m *marks) rest() string { return m.text[m.i:] }

// near returns as much of the rest as a link, a tag or a formula may have.
func (m *marks) near() string { return m.rest()[:min(len(m.rest()), maxMark)] }

func (m *marks) writef(size int, format string, args ...any) bool {
	_, _ = fmt.Fprintf(&m.out, format, args...)
	m.i += size
	return true
}

// escape reads a backslash with the character that it escapes, or with the line break that
// it makes.
func (m *marks) escape() bool {
	rest := m.rest()
	switch {
	case rest[0] != '\\' || len(rest) < 2:
		return false
	case rest[1] == '\n':
		return m.writef(2, "<br/>")
	case rest[1] < utf8.RuneSelf && (unicode.IsPunct(rune(rest[1])) || unicode.IsSymbol(rune(rest[1]))):
		return m.writef(2, "%s", html.EscapeString(rest[1:2]))
	}
	return false
}

// code reads code between runs of backticks of the same length.
func (m *marks) code() bool {
	rest := m.rest()
	fence := rest[:len(rest)-len(strings.TrimLeft(rest, "`"))]
	if fence == "" || m.none[fence] {
		return false
	}
	end := strings.Index(rest[len(fence):], fence)
	if end <= 0 {
		m.none[fence] = true
		return m.writef(len(fence), "%s", fence)
	}
	code := rest[len(fence) : len(fence)+end]
	return m.writef(end+2*len(fence), "<code>%s</code>", html.EscapeString(code))
}

// link reads a link, a footnote, or a picture inside a text.
func (m *marks) link() bool {
	rest := m.near()
	if rest[0] == '!' {
		found := imagePattern.FindStringSubmatch(rest)
		if found == nil {
			return false
		}
		return m.writef(len(found[0]), "%s", pictureOf(found[1], found[2]))
	}
	if rest[0] != '[' {
		return false
	}
	if found := notePattern.FindStringSubmatch(rest); found != nil {
		id := html.EscapeString(found[1])
		return m.writef(len(found[0]), `<a href="#%s">%s</a>`, id, id)
	}
	if found := linkedPattern.FindStringSubmatch(rest); found != nil && m.depth < maxRichDepth {
		return m.writef(len(found[0]), `<a href="%s">%s</a>`, html.EscapeString(found[2]), htmlOfMarks(found[1], m.depth+1))
	}
	return false
}

// pictureOf returns the element of a custom emoji, of a time, or of a file.
func pictureOf(text, url string) string {
	if id, ok := strings.CutPrefix(url, "tg://emoji?id="); ok {
		return fmt.Sprintf(`<tg-emoji emoji-id="%s">%s</tg-emoji>`, html.EscapeString(id), html.EscapeString(text))
	}
	if found := timePattern.FindStringSubmatch(url); found != nil {
		return fmt.Sprintf(`<tg-time unix="%s" format="%s">%s</tg-time>`, found[1], found[2], html.EscapeString(text))
	}
	return mediaTag(url)
}

func (m *marks) tag() bool {
	if m.rest()[0] != '<' {
		return false
	}
	found := anyTagPattern.FindString(m.near())
	if found == "" {
		return false
	}
	return m.writef(len(found), "%s", found)
}

// reference reads a character reference, such as &amp;.
func (m *marks) reference() bool {
	found := referencePattern.FindString(m.near())
	return found != "" && m.writef(len(found), "%s", found)
}

// math reads a formula. A dollar sign before a digit does not end one, so prices stay.
func (m *marks) math() bool {
	if m.rest()[0] != '$' {
		return false
	}
	found := mathPattern.FindStringSubmatch(m.near())
	if found == nil {
		return false
	}
	if after, _ := utf8.DecodeRuneInString(m.rest()[len(found[0]):]); unicode.IsDigit(after) {
		return false
	}
	return m.writef(len(found[0]), "<tg-math>%s</tg-math>", html.EscapeString(found[1]))
}

// pair reads a text between two marks.
func (m *marks) pair() bool {
	for _, p := range pairs {
		if !strings.HasPrefix(m.rest(), p.mark) || m.none[p.mark] || m.depth >= maxRichDepth || !m.opens(p.mark) {
			continue
		}
		start := m.i + len(p.mark)
		end := m.end(p.mark, start)
		if end < 0 {
			m.none[p.mark] = true
			continue
		}
		return m.writef(end+len(p.mark)-m.i, "<%s>%s</%s>", p.tag, htmlOfMarks(m.text[start:end], m.depth+1), p.tag)
	}
	return false
}

// opens reports whether a mark here can begin a text: a character that is no space follows,
// and an underscore does not come inside a word.
func (m *marks) opens(mark string) bool {
	next, _ := utf8.DecodeRuneInString(m.text[m.i+len(mark):])
	before, _ := utf8.DecodeLastRuneInString(m.text[:m.i])
	return next != utf8.RuneError && !unicode.IsSpace(next) && (mark[0] != '_' || !isWord(before))
}

// end returns where the mark comes that ends a text; -1 if there is none.
func (m *marks) end(mark string, start int) int {
	for j := start + 1; j <= len(m.text)-len(mark); j++ {
		switch {
		case m.text[j-1] == '\\':
			j++
		case !strings.HasPrefix(m.text[j:], mark) || unicode.IsSpace(rune(m.text[j-1])):
		case len(mark) == 1 && strings.HasPrefix(m.text[j:], mark+mark): // a mark of two
			j++
		case mark[0] == '_':
			if after, _ := utf8.DecodeRuneInString(m.text[j+len(mark):]); !isWord(after) {
				return j
			}
		default:
			return j
		}
	}
	return -1
}

// lineBreak reads two spaces at the end of a line.
func (m *marks) lineBreak() bool {
	if !strings.HasPrefix(m.rest(), "  ") {
		return false
	}
	line, _, more := strings.Cut(m.rest(), "\n")
	if !more || strings.Trim(line, " ") != "" {
		return false
	}
	return m.writef(len(line)+1, "<br/>")
}
