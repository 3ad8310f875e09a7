package demo

import "strings"

// styles are what inline mode offers to do with a text.
var styles = []struct {
	id, title string
	style     func(string) string
}{
	{"upper", "In capitals", strings.ToUpper},
	{"bold", "Bold", func(text string) string { return "<b>" + text + "</b>" }},
	{"spoiler", "As a spoiler", func(text string) string { return "<tg-spoiler>" + text + "</tg-spoiler>" }},
	{"code", "As code", func(text string) string { return "<pre>" + text + "</pre>" }},
}

// answers offers the text of an inline query in several styles.
func answers(q *query) params {
	text := q.Query
	if strings.TrimSpace(text) == "" {
		text = "hello"
	}
	results := make([]params, 0, len(styles))
	for _, s := range styles {
		results = append(results, params{
			"type": "article", "id": s.id, "title": s.title, "description": text,
			"input_message_content": params{"message_text": s.style(escape(text)), "parse_mode": "HTML"},
		})
	}
	return params{"inline_query_id": q.ID, "results": results, "cache_time": 0}
}
