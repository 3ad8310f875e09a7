package world

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// maker makes blocks of an element.
type maker func(*richNode) ([]richBlock, error)

// makers returns the makers of all elements that are blocks.
func (r *richReader) makers() map[string]maker {
	return map[string]maker{
		"p": r.paragraph, "h1": r.heading, "h2": r.heading, "h3": r.heading, "h4": r.heading, "h5": r.heading, "h6": r.heading,
		"pre": r.pre, "footer": r.footer, "tg-thinking": r.thinking, "hr": r.divider, "tg-math-block": r.formula,
		"ul": r.list, "ol": r.list, "blockquote": r.quote, "aside": r.pullQuote, "details": r.details, "table": r.table,
		"img": r.picture, "video": r.picture, "audio": r.picture, "figure": r.figure, "tg-map": r.mapBlock,
		"tg-collage": r.gallery, "tg-slideshow": r.gallery,
	}
}

// innerTags are the elements that only other elements look for.
var innerTags = []string{"li", "tr", "td", "th", "caption", "summary", "cite", "figcaption", "input"}

// knows reports whether Rich HTML has the tag.
func (r *richReader) knows(tag string) bool {
	_, isInline := inlineTags[tag]
	return isInline || r.make[tag] != nil || slices.Contains(innerTags, tag)
}

// html makes the blocks of Rich HTML.
func (r *richReader) html(source string) ([]richBlock, error) {
	r.make = r.makers()
	nodes := parseNodes(source, r.knows)
	r.refs = map[string]bool{}
	for _, n := range find(nodes, "tg-reference") {
		r.refs[n.attrs["name"]] = true
	}
	return r.flow(nodes)
}

// flow makes blocks of nodes. Texts between blocks become paragraphs.
func (r *richReader) flow(nodes []*richNode) ([]richBlock, error) {
	var blocks []richBlock
	var line []*richNode
	flush := func() {
		if text := trimmed(r.inline(line)); len(text) > 0 {
			blocks = append(blocks, richBlock{Type: "paragraph", Text: text})
		}
		line = nil
	}
	for _, n := range nodes {
		made := r.make[n.tag]
		if n.tag == "a" && n.has("name") && len(n.kids) == 0 && len(line) == 0 {
			blocks = append(blocks, richBlock{Type: "anchor", Name: n.attrs["name"]})
			continue
		}
		if made == nil || n.emoji() {
			line = append(line, n)
			continue
		}
		flush()
		more, err := made(n)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, more...)
	}
	flush()
	return blocks, nil
}

// emoji reports whether the element is a picture of a custom emoji.
func (n *richNode) emoji() bool {
	return n.tag == "img" && strings.HasPrefix(n.attrs["src"], "tg://emoji?id=")
}

// textBlock makes a block with a text; none without a text.
func (r *richReader) textBlock(b richBlock, nodes []*richNode) ([]richBlock, error) {
	if b.Text = trimmed(r.inline(nodes)); len(b.Text) == 0 {
		return nil, nil
	}
	return []richBlock{b}, nil
}

func (r *richReader) paragraph(n *richNode) ([]richBlock, error) { return r.flow(n.kids) }

func (r *richReader) heading(n *richNode) ([]richBlock, error) {
	return r.textBlock(richBlock{Type: "heading", Size: int64(n.tag[1] - '0')}, n.kids)
}

func (r *richReader) footer(n *richNode) ([]richBlock, error) {
	return r.textBlock(richBlock{Type: "footer"}, n.kids)
}

func (r *richReader) thinking(n *richNode) ([]richBlock, error) {
	if !r.draft {
		return nil, refusal("RICH_MESSAGE_THINKING_INVALID")
	}
	return r.textBlock(richBlock{Type: "thinking"}, n.kids)
}

func (r *richReader) divider(*richNode) ([]richBlock, error) {
	return []richBlock{{Type: "divider"}}, nil
}

func (r *richReader) formula(n *richNode) ([]richBlock, error) {
	expression := strings.TrimSpace(raw(n.kids))
	if expression == "" {
		return nil, nil
	}
	return []richBlock{{Type: "mathematical_expression", Expression: expression}}, nil
}

// pre makes a block of code. Telegram turns tabs into spaces.
func (r *richReader) pre(n *richNode) ([]richBlock, error) {
	text := strings.ReplaceAll(strings.Trim(raw(n.kids), "\n"), "\t", " ")
	if text == "" {
		return nil, nil
	}
	b := richBlock{Type: "pre", Text: richText{{plain: text}}}
	if len(n.kids) == 1 && n.kids[0].tag == "code" {
		b.Language = strings.TrimPrefix(n.kids[0].attrs["class"], "language-")
	}
	return []richBlock{b}, nil
}

func (r *richReader) list(n *richNode) ([]richBlock, error) {
	b := richBlock{Type: "list"}
	next, step := int64(1), int64(1)
	if start, err := strconv.ParseInt(n.attrs["start"], 10, 32); err == nil {
		next = start
	}
	if n.has("reversed") {
		step = -1
	}
	for _, kid := range n.kids {
		if kid.tag != "li" {
			continue
		}
		item := richItem{Blocks: []richBlock{}}
		if n.tag == "ol" {
			item.Type = cmp.Or(kid.attrs["type"], n.attrs["type"], "1")
			if item.Value = next; kid.has("value") {
				item.Value, _ = strconv.ParseInt(kid.attrs["value"], 10, 32) // 0 for text that is not a number
			}
			next = item.Value + step
		}
		if box := find(kid.kids, "input"); len(box) > 0 {
			item.Checkbox, item.Checked = true, box[0].has("checked")
		}
		item.Label = label(item.Value, item.Type)
		blocks, err := r.flow(kid.kids)
		if err != nil {
			return nil, err
		}
		item.Blocks = append(item.Blocks, blocks...)
		b.Items = append(b.Items, item)
	}
	if len(b.Items) == 0 {
		return nil, nil
	}
	return []richBlock{b}, nil
}

// without splits the first element with the tag off from the nodes.
func without(nodes []*richNode, tag string) (rest, inner []*richNode) {
	at := slices.IndexFunc(nodes, func(n *richNode) bool { return n.tag == tag })
	if at < 0 {
		return nodes, nil
	}
	return slices.Delete(slices.Clone(nodes), at, at+1), nodes[at].kids
}

func (r *richReader) quote(n *richNode) ([]richBlock, error) {
	rest, credit := without(n.kids, "cite")
	blocks, err := r.flow(rest)
	if err != nil || len(blocks) == 0 {
		return nil, err
	}
	return []richBlock{{Type: "blockquote", Blocks: blocks, Credit: trimmed(r.inline(credit))}}, nil
}

func (r *richReader) pullQuote(n *richNode) ([]richBlock, error) {
	rest, credit := without(n.kids, "cite")
	return r.textBlock(richBlock{Type: "pullquote", Credit: trimmed(r.inline(credit))}, rest)
}

func (r *richReader) details(n *richNode) ([]richBlock, error) {
	rest, summary := without(n.kids, "summary")
	blocks, err := r.flow(rest)
	if err != nil {
		return nil, err
	}
	if len(blocks) == 0 {
		return nil, refusal("RICH_MESSAGE_CONTENT_REQUIRED")
	}
	return []richBlock{{Type: "details", Summary: trimmed(r.inline(summary)), Blocks: blocks, Open: n.has("open")}}, nil
}

func (r *richReader) table(n *richNode) ([]richBlock, error) {
	b := richBlock{Type: "table", Bordered: n.has("bordered"), Striped: n.has("striped")}
	if _, caption := without(n.kids, "caption"); caption != nil {
		b.Caption = &richCaption{text: trimmed(r.inline(caption)), bare: true}
	}
	for _, tr := range find(n.kids, "tr") {
		row := []richCell{}
		for _, td := range tr.kids {
			if td.tag != "td" && td.tag != "th" {
				continue
			}
			cell := richCell{Text: trimmed(r.inline(td.kids)), Header: td.tag == "th", Align: td.attrs["align"], VAlign: td.attrs["valign"]}
			cell.Columns, _ = strconv.ParseInt(td.attrs["colspan"], 10, 32) // 0, which is left out, without a number
			cell.Rows, _ = strconv.ParseInt(td.attrs["rowspan"], 10, 32)
			row = append(row, cell.aligned())
		}
		b.Cells = append(b.Cells, row)
	}
	if len(b.Cells) == 0 {
		return nil, nil
	}
	return []richBlock{b}, nil
}

// kindOf returns the kind of file that an element shows.
func (n *richNode) kindOf() string {
	ending := strings.ToLower(path.Ext(n.attrs["src"]))
	switch {
	case n.tag == "img":
		return "photo"
	case n.tag == "video" && ending == ".gif":
		return "animation"
	case n.tag == "video":
		return "video"
	case ending == ".ogg" || ending == ".oga":
		return "voice"
	}
	return "audio"
}

// picture makes a block of a photo, a video or an audio file.
func (r *richReader) picture(n *richNode) ([]richBlock, error) {
	src := n.attrs["src"]
	c, known := r.media[src[strings.IndexByte(src, '=')+1:]]
	if known = known && strings.HasPrefix(src, "tg://"); !known {
		kind := n.kindOf()
		f, err := r.w.input(kind, src, botapi.File{}, false)
		if err != nil || f == nil {
			return nil, err
		}
		c = f.content()
	}
	var b richBlock
	r.put(&b, c)
	b.Spoiler = n.has("tg-spoiler")
	return []richBlock{b}, nil
}

// captionOf makes the caption of a figcaption.
func (r *richReader) captionOf(nodes []*richNode) *richCaption {
	rest, credit := without(nodes, "cite")
	if text := trimmed(r.inline(rest)); len(text) > 0 {
		return &richCaption{text: text, credit: trimmed(r.inline(credit))}
	}
	return nil
}

// figure makes the block in it, with a caption.
func (r *richReader) figure(n *richNode) ([]richBlock, error) {
	rest, caption := without(n.kids, "figcaption")
	blocks, err := r.flow(rest)
	if err == nil && len(blocks) > 0 {
		blocks[0].Caption = r.captionOf(caption)
	}
	return blocks, err
}

func (r *richReader) gallery(n *richNode) ([]richBlock, error) {
	rest, caption := without(n.kids, "figcaption")
	blocks, err := r.flow(rest)
	switch {
	case err != nil:
		return nil, err
	case len(blocks) == 0:
		return nil, refusal("RICH_MESSAGE_CONTENT_REQUIRED")
	}
	return []richBlock{{Type: strings.TrimPrefix(n.tag, "tg-"), Blocks: blocks, Caption: r.captionOf(caption)}}, nil
}

func (r *richReader) mapBlock(n *richNode) ([]richBlock, error) {
	l, err := place(botapi.Params{Values: map[string]string{"latitude": n.attrs["lat"], "longitude": n.attrs["long"]}})
	if err != nil {
		return nil, err
	}
	zoom, _ := strconv.ParseInt(n.attrs["zoom"], 10, 32) // 0 without a number
	b := richBlock{Type: "map", Location: marshal(l), Zoom: zoom}
	b.size()
	return []richBlock{b}, nil
}
