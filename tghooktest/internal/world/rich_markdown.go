package world

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
)

var (
	fencePattern    = regexp.MustCompile("^ {0,3}(```+|~~~+)\\s*([^`]*)$")
	headingPattern  = regexp.MustCompile(`^ {0,3}(#{1,6})\s*([^#\s].*)$`)
	rulePattern     = regexp.MustCompile(`^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$`)
	quotePattern    = regexp.MustCompile(`^ {0,3}> ?`)
	itemPattern     = regexp.MustCompile(`^( {0,3})([-*+]|(\d{1,9})[.)])( +|$)`)
	boxPattern      = regexp.MustCompile(`^\[([ xX])\]\s+`)
	separator       = regexp.MustCompile(`^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$`)
	footnotePattern = regexp.MustCompile(`^\[\^([^\]\s]+)\]:\s*(.*)$`)
	picturePattern  = regexp.MustCompile(`^\s*!\[[^\]]*\]\((https?://[^\s)]+|tg://(?:photo|video|audio|document)\?id=[^\s)]+)(?:\s+"([^"]*)")?\)\s*$`)
	blockTagPattern = regexp.MustCompile(`^\s*</?(?i:details|summary|aside|footer|table|tr|td|th|caption|ul|ol|li|blockquote|pre|p|h[1-6]|hr|figure|figcaption|` +
		`img|video|audio|tg-collage|tg-slideshow|tg-map|tg-math-block|tg-thinking)\b`)
)

// markdown reads Rich Markdown line by line.
type markdown struct {
	lines []string
	out   strings.Builder
}

// htmlOfMarkdown returns the Rich HTML of Rich Markdown.
func htmlOfMarkdown(text string) string {
	return htmlOfLines(strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), 0)
}

// htmlOfLines returns the HTML of lines. Below maxRichDepth they are one paragraph.
func htmlOfLines(lines []string, depth int) string {
	m := &markdown{lines: lines}
	for len(m.lines) > 0 {
		switch line := m.lines[0]; {
		case strings.TrimSpace(line) == "":
			m.lines = m.lines[1:]
		case depth >= maxRichDepth:
			m.paragraph()
		case m.fence(), m.formula(), m.heading(), m.rule(), m.quote(depth), m.list(depth), m.table(), m.footnote(), m.picture(), m.tags():
		default:
			m.paragraph()
		}
	}
	return m.out.String()
}

func (m *markdown) writef(format string, args ...any) { _, _ = fmt.Fprintf(&m.out, format, args...) }

// fence reads a block of code. Without an end it reaches to the end of the text.
func (m *markdown) fence() bool {
	found := fencePattern.FindStringSubmatch(m.lines[0])
	if found == nil {
		return false
	}
	end := 1
	for end < len(m.lines) && !strings.HasPrefix(strings.TrimSpace(m.lines[end]), found[1]) {
		end++
	}
	code := html.EscapeString(strings.Join(m.lines[1:end], "\n"))
	switch language := strings.TrimSpace(found[2]); language {
	case "math":
		m.writef("<tg-math-block>%s</tg-math-block>", code)
	case "":
		m.writef("<pre>%s</pre>", code)
	default:
		m.writef(`<pre><code class="language-%s">%s</code></pre>`, html.EscapeString(language), code)
	}
	m.lines = m.lines[min(end+1, len(m.lines)):]
	return true
}

// formula reads a formula between lines of $$, or in one line.
func (m *markdown) formula() bool {
	first, ok := strings.CutPrefix(strings.TrimSpace(m.lines[0]), "$$")
	if !ok {
		return false
	}
	if inner, closed := strings.CutSuffix(first, "$$"); closed && inner != "" {
		m.writef("<tg-math-block>%s</tg-math-block>", html.EscapeString(inner))
		m.lines = m.lines[1:]
		return true
	}
	if first != "" {
		return false
	}
	for end := 1; end < len(m.lines); end++ {
		if strings.TrimSpace(m.lines[end]) == "$$" {
			m.writef("<tg-math-block>%s</tg-math-block>", html.EscapeString(strings.Join(m.lines[1:end], "\n")))
			m.lines = m.lines[end+1:]
			return true
		}
	}
	return false
}

// heading reads a heading. Telegram needs no space after the marks, so #tag at the
// beginning of a line is a heading too.
func (m *markdown) heading() bool {
	found := headingPattern.FindStringSubmatch(m.lines[0])
	if found == nil {
		return false
	}
	m.writef("<h%d>%s</h%d>", len(found[1]), htmlOfText(strings.TrimRight(found[2], "# ")), len(found[1]))
	m.lines = m.lines[1:]
	return true
}

func (m *markdown) rule() bool {
	if !rulePattern.MatchString(m.lines[0]) {
		return false
	}
	m.writef("<hr/>")
	m.lines = m.lines[1:]
	return true
}

func (m *markdown) quote(depth int) bool {
	var inner []string
	for len(m.lines) > 0 && quotePattern.MatchString(m.lines[0]) {
		inner = append(inner, quotePattern.ReplaceAllString(m.lines[0], ""))
		m.lines = m.lines[1:]
	}
	if inner == nil {
		return false
	}
	m.writef("<blockquote>%s</blockquote>", htmlOfLines(inner, depth+1))
	return true
}

// list reads the items of a list. The lines of an item are indented below its text.
func (m *markdown) list(depth int) bool {
	found := itemPattern.FindStringSubmatch(m.lines[0])
	if found == nil {
		return false
	}
	ordered := found[3] != ""
	tag := map[bool]string{true: "ol", false: "ul"}[ordered]
	if start, err := strconv.Atoi(found[3]); err == nil && start != 1 {
		m.writef(`<ol start="%d">`, start)
	} else {
		m.writef("<%s>", tag)
	}
	for len(m.lines) > 0 {
		found := itemPattern.FindStringSubmatch(m.lines[0])
		if found == nil || (found[3] != "") != ordered || rulePattern.MatchString(m.lines[0]) {
			break
		}
		m.item(len(found[0]), depth)
	}
	m.writef("</%s>", tag)
	return true
}

// item reads an item of a list whose text begins at the indent.
func (m *markdown) item(indent, depth int) {
	inner := []string{m.lines[0][indent:]}
	m.lines = m.lines[1:]
	for len(m.lines) > 0 {
		line := m.lines[0]
		spaces := len(line) - len(strings.TrimLeft(line, " "))
		blank := strings.TrimSpace(line) == ""
		switch {
		case blank && (len(m.lines) == 1 || !strings.HasPrefix(m.lines[1], "  ")):
			m.lines = m.lines[1:]
			m.close(inner, depth)
			return
		case blank, spaces >= 2:
			inner = append(inner, line[min(spaces, indent):])
			m.lines = m.lines[1:]
		case m.begins():
			m.close(inner, depth)
			return
		default: // a lazy line of the item's paragraph
			inner = append(inner, line)
			m.lines = m.lines[1:]
		}
	}
	m.close(inner, depth)
}

// close writes an item.
func (m *markdown) close(inner []string, depth int) {
	box := ""
	if found := boxPattern.FindStringSubmatch(inner[0]); found != nil {
		box = `<input type="checkbox">`
		if found[1] != " " {
			box = `<input type="checkbox" checked>`
		}
		inner[0] = inner[0][len(found[0]):]
	}
	m.writef("<li>%s%s</li>", box, htmlOfLines(inner, depth+1))
}

// begins reports whether the next line begins another block than a paragraph.
func (m *markdown) begins() bool {
	line := m.lines[0]
	return fencePattern.MatchString(line) || headingPattern.MatchString(line) || rulePattern.MatchString(line) || quotePattern.MatchString(line) ||
		itemPattern.MatchString(line) || blockTagPattern.MatchString(line) || picturePattern.MatchString(line) || m.isTable()
}

// isTable reports whether the next two lines are the head of a table.
func (m *markdown) isTable() bool {
	return len(m.lines) > 1 && strings.Contains(m.lines[0], "|") && strings.Contains(m.lines[1], "-") && separator.MatchString(m.lines[1])
}

func (m *markdown) table() bool {
	if !m.isTable() {
		return false
	}
	aligns := cellsOf(m.lines[1])
	row := func(line, tag string) {
		m.writef("<tr>")
		for i, cell := range cellsOf(line) {
			align := ""
			if i < len(aligns) {
				align = alignment(aligns[i])
			}
			m.writef("<%s%s>%s</%s>", tag, align, htmlOfText(cell), tag)
		}
		m.writef("</tr>")
	}
	m.writef("<table>")
	row(m.lines[0], "th")
	for m.lines = m.lines[2:]; len(m.lines) > 0 && strings.Contains(m.lines[0], "|"); m.lines = m.lines[1:] {
		row(m.lines[0], "td")
	}
	m.writef("</table>")
	return true
}

// cellsOf splits a row of a table.
func cellsOf(line string) []string {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", `\|`))
	}
	return cells
}

// alignment returns the attribute of a cell below a part of the separator.
func alignment(part string) string {
	left, right := strings.HasPrefix(part, ":"), strings.HasSuffix(part, ":")
	switch {
	case left && right:
		return ` align="center"`
	case right:
		return ` align="right"`
	case left:
		return ` align="left"`
	}
	return ""
}

func (m *markdown) footnote() bool {
	found := footnotePattern.FindStringSubmatch(m.lines[0])
	if found == nil {
		return false
	}
	m.writef(`<p><tg-reference name="%s">%s</tg-reference></p>`, html.EscapeString(found[1]), htmlOfText(found[2]))
	m.lines = m.lines[1:]
	return true
}

// picture reads a photo, a video or an audio file, whose kind follows from its URL.
func (m *markdown) picture() bool {
	found := picturePattern.FindStringSubmatch(m.lines[0])
	if found == nil {
		return false
	}
	m.writef("<figure>%s", mediaTag(found[1]))
	if found[2] != "" {
		m.writef("<figcaption>%s</figcaption>", html.EscapeString(found[2]))
	}
	m.writef("</figure>")
	m.lines = m.lines[1:]
	return true
}

// mediaTag returns the element for the file at a URL.
func mediaTag(url string) string {
	tag := "img"
	address, _, _ := strings.Cut(strings.ToLower(url), "?")
	switch {
	case strings.HasSuffix(address, ".mp4"), strings.HasSuffix(address, ".gif"), address == "tg://video":
		tag = "video"
	case strings.HasSuffix(address, ".mp3"), strings.HasSuffix(address, ".ogg"), address == "tg://audio":
		tag = "audio"
	}
	return fmt.Sprintf(`<%s src="%s"></%s>`, tag, html.EscapeString(url), tag)
}

// tags reads a line that begins with an HTML tag of a block. Marks in it are read too.
func (m *markdown) tags() bool {
	if !blockTagPattern.MatchString(m.lines[0]) {
		return false
	}
	m.writef("%s\n", htmlOfText(m.lines[0]))
	m.lines = m.lines[1:]
	return true
}

// paragraph reads lines up to a blank one, or one that begins another block.
func (m *markdown) paragraph() {
	text := []string{m.lines[0]}
	for m.lines = m.lines[1:]; len(m.lines) > 0 && strings.TrimSpace(m.lines[0]) != "" && !m.begins(); m.lines = m.lines[1:] {
		text = append(text, m.lines[0])
	}
	m.writef("<p>%s</p>", htmlOfText(strings.Join(text, "\n")))
}
