package world

import (
	"html"
	"regexp"
	"slices"
	"strings"
)

// richNode is an element or a text of Rich HTML.
type richNode struct {
	tag   string // empty for a text
	text  string
	attrs map[string]string
	kids  []*richNode
}

var (
	richTag       = regexp.MustCompile(`^<(/?)([A-Za-z][A-Za-z0-9-]*)((?:\s+[^<>]*?)?)\s*(/?)>`)
	richAttribute = regexp.MustCompile(`([^\s=/>"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?`)
)

// inlineTags have the spans that they make.
var inlineTags = map[string]string{
	"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "code": "code", "mark": "marked",
	"sub": "subscript", "sup": "superscript", "tg-spoiler": "spoiler", "a": "url", "tg-reference": "reference",
	"tg-emoji": "custom_emoji", "tg-time": "date_time", "tg-math": "mathematical_expression", "br": "",
}

// voidTags have no end tag.
var voidTags = []string{"br", "hr", "img", "input", "tg-map"}

// rivals are the tags whose start ends an open one.
var rivals = map[string][]string{"li": {"li"}, "tr": {"td", "th", "tr"}, "td": {"td", "th"}, "th": {"td", "th"}, "p": {"p"}}

// parseNodes reads Rich HTML. Telegram drops tags that it does not know, and keeps what is
// inside them.
func parseNodes(text string, known func(tag string) bool) []*richNode {
	root := &richNode{}
	open := []*richNode{root}
	for text != "" {
		at := strings.IndexByte(text, '<')
		if at < 0 {
			at = len(text)
		}
		if at > 0 {
			top := open[len(open)-1]
			top.kids = append(top.kids, &richNode{text: html.UnescapeString(text[:at])})
			text = text[at:]
			continue
		}
		found := richTag.FindStringSubmatch(text)
		if found == nil {
			top := open[len(open)-1]
			top.kids = append(top.kids, &richNode{text: "<"})
			text = text[1:]
			continue
		}
		text = text[len(found[0]):]
		name := strings.ToLower(found[2])
		switch {
		case found[1] == "/":
			open = closeTag(open, name)
		case known(name) && len(open) < maxRichDepth:
			open = openTag(open, name, found[3], found[4] == "/")
		}
	}
	return root.kids
}

// openTag adds an element to the innermost open one.
func openTag(open []*richNode, name, attrs string, closed bool) []*richNode {
	for slices.Contains(rivals[name], open[len(open)-1].tag) {
		open = open[:len(open)-1]
	}
	n := &richNode{tag: name, attrs: map[string]string{}}
	for _, a := range richAttribute.FindAllStringSubmatch(attrs, -1) {
		n.attrs[strings.ToLower(a[1])] = html.UnescapeString(a[2] + a[3] + a[4])
	}
	top := open[len(open)-1]
	top.kids = append(top.kids, n)
	if closed || slices.Contains(voidTags, name) {
		return open
	}
	return append(open, n)
}

// closeTag ends the innermost open element with the name, and those in it.
func closeTag(open []*richNode, name string) []*richNode {
	for i := len(open) - 1; i > 0; i-- {
		if open[i].tag == name {
			return open[:i]
		}
	}
	return open
}

// has reports whether the element has the attribute, with or without a value.
func (n *richNode) has(attr string) bool {
	_, ok := n.attrs[attr]
	return ok
}

// find returns the elements with the tag in the nodes, at any depth.
func find(nodes []*richNode, tag string) []*richNode {
	var found []*richNode
	for _, n := range nodes {
		if n.tag == tag {
			found = append(found, n)
		}
		found = append(found, find(n.kids, tag)...)
	}
	return found
}

// raw returns the text in the nodes without collapsing spaces.
func raw(nodes []*richNode) string {
	var b strings.Builder
	for _, n := range nodes {
		b.WriteString(n.text + raw(n.kids))
	}
	return b.String()
}
