package world

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
)

// richBlocks are the types of blocks that a bot can send, with the field that must not be
// empty; empty if there is none.
var richBlocks = map[string]string{
	"paragraph": "text", "heading": "text", "pre": "text", "footer": "text", "thinking": "text", "divider": "",
	"mathematical_expression": "expression", "anchor": "name", "list": "items", "blockquote": "blocks", "expandable_blockquote": "text",
	"pullquote": "text", "collage": "blocks", "slideshow": "blocks", "table": "cells", "details": "blocks", "map": "location",
	"buttons": "buttons", "animation": "animation", "audio": "audio", "document": "document", "photo": "photo", "video": "video",
	"voice_note": "voice_note",
}

// blocks reads an array of InputRichBlock.
func (r *richReader) blocks(raw json.RawMessage) ([]richBlock, error) {
	if r.depth++; r.depth > maxRichDepth {
		return nil, refusal("RICH_MESSAGE_TOO_LARGE")
	}
	defer func() { r.depth-- }()
	list, ok := parseArray(raw)
	if !ok && len(raw) > 0 {
		return nil, refusal("Expected an Array of InputRichBlock")
	}
	blocks := make([]richBlock, 0, len(list))
	for _, raw := range list {
		b, err := r.block(raw)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// block reads an InputRichBlock.
func (r *richReader) block(raw json.RawMessage) (richBlock, error) {
	o, ok := parseObject(raw)
	if !ok {
		return richBlock{}, refusal("Object expected as InputRichMessageBlock")
	}
	kind, err := o.need("type")
	if err != nil {
		return richBlock{}, refusef("Can't parse InputRichBlock: %v", err)
	}
	needs, known := richBlocks[kind]
	switch {
	case !known:
		return richBlock{}, refusef("Can't parse InputRichBlock: type %q is unsupported", kind)
	case kind == "thinking" && !r.draft:
		return richBlock{}, refusal("RICH_MESSAGE_THINKING_INVALID")
	case needs != "" && (!o.has(needs) || string(o[needs]) == `""` || string(o[needs]) == "[]"):
		return richBlock{}, refusal("RICH_MESSAGE_CONTENT_REQUIRED")
	}
	b := richBlock{
		Type: kind, Size: o.integer("size"), Language: o.text("language"), Expression: o.text("expression"), Name: o.text("name"),
		Open: o.flag("is_open"), Bordered: o.flag("is_bordered"), Striped: o.flag("is_striped"), Compact: o.flag("is_compact"),
		Location: o["location"], Zoom: o.integer("zoom"), Width: o.integer("width"), Height: o.integer("height"), Align: o.text("align"),
	}
	b.Buttons, _ = parseArray(o["buttons"])
	if kind == "map" {
		b.size()
	}
	return b, r.fill(&b, o)
}

// size sets the zoom and the size of a map that has none.
func (b *richBlock) size() {
	b.Zoom, b.Width, b.Height = cmp.Or(b.Zoom, 15), cmp.Or(b.Width, 800), cmp.Or(b.Height, 400)
}

// fill reads what a block contains.
func (r *richReader) fill(b *richBlock, o object) error {
	var err error
	for _, part := range []struct {
		name string
		to   *richText
	}{{"text", &b.Text}, {"summary", &b.Summary}, {"credit", &b.Credit}} {
		if *part.to, err = r.text(o[part.name]); err != nil {
			return err
		}
	}
	if b.Blocks, err = r.blocks(o["blocks"]); err != nil {
		return err
	}
	if b.Items, err = r.items(o["items"]); err != nil {
		return err
	}
	if b.Cells, err = r.cells(o["cells"]); err != nil {
		return err
	}
	if b.Caption, err = r.caption(o["caption"], b.Type == "table"); err != nil {
		return err
	}
	switch b.Type {
	case "photo", "video", "animation", "audio", "document", "voice_note":
		c, err := r.w.richMedia(r.p, o[b.Type])
		if err != nil {
			return err
		}
		r.put(b, c)
	}
	return nil
}

func (r *richReader) caption(raw json.RawMessage, bare bool) (*richCaption, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	c := &richCaption{bare: bare}
	var err error
	if bare {
		c.text, err = r.text(raw)
		return c, err
	}
	o, ok := parseObject(raw)
	if !ok {
		return nil, refusal("RichBlockCaption must be an Object")
	}
	if c.text, err = r.text(o["text"]); err == nil {
		c.credit, err = r.text(o["credit"])
	}
	return c, err
}

// items reads an array of InputRichBlockListItem.
func (r *richReader) items(raw json.RawMessage) ([]richItem, error) {
	list, _ := parseArray(raw)
	items := make([]richItem, 0, len(list))
	for _, raw := range list {
		o, ok := parseObject(raw)
		if !ok {
			return nil, refusal("Object expected as InputRichBlockListItem")
		}
		blocks, err := r.blocks(o["blocks"])
		if err != nil {
			return nil, err
		}
		item := richItem{
			Blocks: blocks, Checkbox: o.flag("has_checkbox"), Checked: o.flag("is_checked"), Value: o.integer("value"), Type: o.text("type"),
		}
		item.Label = label(item.Value, item.Type)
		items = append(items, item)
	}
	return items, nil
}

// cells reads an array of arrays of RichBlockTableCell.
func (r *richReader) cells(raw json.RawMessage) ([][]richCell, error) {
	list, _ := parseArray(raw)
	rows := make([][]richCell, 0, len(list))
	for _, raw := range list {
		cells, _ := parseArray(raw)
		row := make([]richCell, 0, len(cells))
		for _, raw := range cells {
			o, ok := parseObject(raw)
			if !ok {
				return nil, refusal("RichBlockTableCell must be an Object")
			}
			text, err := r.text(o["text"])
			if err != nil {
				return nil, refusef("Can't parse PageBlockTableCell: %v", err)
			}
			row = append(row, richCell{
				text, o.flag("is_header"), o.integer("colspan"), o.integer("rowspan"), o.text("align"), o.text("valign"),
			}.aligned())
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// aligned sets the alignment of a cell that has none.
func (c richCell) aligned() richCell {
	if c.Align == "" {
		c.Align = "left"
		if c.Header {
			c.Align = "center"
		}
	}
	if c.VAlign == "" {
		c.VAlign = "top"
	}
	return c
}

// label returns the label of a list item. A value of 0 is an item of an unordered list.
func label(value int64, kind string) string {
	if value <= 0 {
		return "•"
	}
	switch kind {
	case "a", "A":
		name := ""
		for n := value; n > 0; n = (n - 1) / 26 {
			name = string(kind[0]+byte((n-1)%26)) + name
		}
		return name + "."
	case "i", "I":
		if value < 4000 {
			return roman(value, kind == "I") + "."
		}
	}
	return strconv.FormatInt(value, 10) + "."
}

// roman writes a number below 4000 in Roman numerals.
func roman(n int64, upper bool) string {
	digits, numerals := []int64{1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1}, []string{"m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"}
	if upper {
		numerals = []string{"M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"}
	}
	var b strings.Builder
	for i, digit := range digits {
		b.WriteString(strings.Repeat(numerals[i], int(n/digit)))
		n %= digit
	}
	return b.String()
}
