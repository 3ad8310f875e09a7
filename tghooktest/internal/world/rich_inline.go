package world

import (
	"regexp"
	"strconv"
	"strings"
)

// spaces matches what HTML shows as one space.
var spaces = regexp.MustCompile(`[ \t\r\n]+`)

// inline makes the rich text of nodes.
func (r *richReader) inline(nodes []*richNode) richText {
	var all richText
	for _, n := range nodes {
		switch {
		case n.tag == "":
			all = all.add(richSpan{plain: spaces.ReplaceAllString(n.text, " ")})
		case n.tag == "br":
			all = all.add(richSpan{plain: "\n"})
		case n.tag == "a":
			all = all.add(r.linked(n)...)
		case n.tag == "tg-emoji":
			all = all.add(emojiSpan(n.attrs["emoji-id"], raw(n.kids)))
		case n.emoji():
			all = all.add(emojiSpan(strings.TrimPrefix(n.attrs["src"], "tg://emoji?id="), n.attrs["alt"]))
		case n.tag == "tg-math":
			all = all.add(richSpan{kind: "mathematical_expression", attrs: map[string]any{"expression": raw(n.kids)}})
		case n.tag == "input":
		default:
			all = all.add(r.span(n)...)
		}
	}
	return all
}

func emojiSpan(id, alternative string) richSpan {
	return richSpan{kind: "custom_emoji", attrs: map[string]any{"custom_emoji_id": id, "alternative_text": alternative}}
}

// span makes the span of an element that formats a text. A block inside a text is only its
// text.
func (r *richReader) span(n *richNode) richText {
	text, attrs := r.inline(n.kids), map[string]any{}
	kind := inlineTags[n.tag]
	switch {
	case len(text) == 0 || kind == "":
		return text
	case n.tag == "tg-reference":
		attrs["name"] = n.attrs["name"]
	case n.tag == "tg-time":
		unix, _ := strconv.ParseInt(n.attrs["unix"], 10, 64) // 0 without a number
		attrs["unix_time"], attrs["date_time_format"] = unix, n.attrs["format"]
	}
	return richText{{kind: kind, text: text, attrs: attrs}}
}

// linked makes the span of a link or an anchor.
func (r *richReader) linked(n *richNode) richText {
	text, link := r.inline(n.kids), n.attrs["href"]
	of := func(kind, field string, value any) richText {
		if len(text) == 0 && kind != "anchor" {
			return nil
		}
		return richText{{kind: kind, text: text, attrs: map[string]any{field: value}}}
	}
	scheme, rest, _ := strings.Cut(link, ":")
	switch {
	case n.has("name") && link == "":
		anchor := of("anchor", "name", n.attrs["name"])
		anchor[0].text = nil
		return anchor.add(text...)
	case strings.HasPrefix(link, "#") && r.refs[link[1:]]:
		return of("reference_link", "reference_name", link[1:])
	case strings.HasPrefix(link, "#"):
		return of("anchor_link", "anchor_name", link[1:])
	case scheme == "mailto":
		return of("email_address", "email_address", rest)
	case scheme == "tel":
		return of("phone_number", "phone_number", rest)
	case strings.HasPrefix(link, "tg://user?id="):
		u := r.w.users[leading(strings.TrimPrefix(link, "tg://user?id="))]
		if u == nil {
			return text
		}
		return of("text_mention", "user", u)
	}
	if whole, ok := checkedLink(link); ok {
		return of("url", "url", whole)
	}
	return text
}

// trimmed removes the spaces at the ends of a text and around its line breaks.
func trimmed(t richText) richText {
	for len(t) > 0 && t[0].kind == "" {
		if t[0].plain = strings.TrimLeft(t[0].plain, " \n"); t[0].plain != "" {
			break
		}
		t = t[1:]
	}
	for len(t) > 0 && t[len(t)-1].kind == "" {
		last := &t[len(t)-1]
		if last.plain = strings.TrimRight(last.plain, " \n"); last.plain != "" {
			break
		}
		t = t[:len(t)-1]
	}
	for i := range t {
		if t[i].kind == "" {
			t[i].plain = strings.ReplaceAll(strings.ReplaceAll(t[i].plain, " \n", "\n"), "\n ", "\n")
		}
	}
	return t
}
