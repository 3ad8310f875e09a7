package world

import "strings"

// plainBlocks returns the text of blocks as users read it: a line for each block, without
// the marks, with the labels of list items. Details count as open.
func plainBlocks(blocks []richBlock) string {
	var lines []string
	for i := range blocks {
		lines = append(lines, blocks[i].lines()...)
	}
	return strings.Join(lines, "\n")
}

func (b *richBlock) lines() []string {
	var lines []string
	add := func(texts ...string) {
		for _, text := range texts {
			if text != "" {
				lines = append(lines, text)
			}
		}
	}
	add(b.Summary.String(), b.Text.String(), b.Expression)
	for _, item := range b.Items {
		add(item.read())
	}
	for _, row := range b.Cells {
		cells := make([]string, 0, len(row))
		for _, cell := range row {
			cells = append(cells, cell.Text.String())
		}
		add(strings.Join(cells, " | "))
	}
	add(plainBlocks(b.Blocks), b.Credit.String())
	if b.Caption != nil {
		add(b.Caption.text.String(), b.Caption.credit.String())
	}
	return lines
}

// read returns an item with its label or its checkbox.
func (i richItem) read() string {
	label := i.Label
	switch {
	case i.Checkbox && i.Checked:
		label = "☑"
	case i.Checkbox:
		label = "☐"
	}
	return strings.TrimSpace(label + " " + plainBlocks(i.Blocks))
}
