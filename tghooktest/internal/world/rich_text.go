package world

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// richText is a RichText, as the spans that it consists of.
type richText []richSpan

// richSpan is a part of a rich text.
type richSpan struct {
	kind  string // its type; empty for plain text
	plain string
	text  richText // what a span with a type contains
	attrs map[string]any
}

// richSpans are the types of rich text, with the field that users read in place of the
// text; empty if they read the text, - if they read nothing.
var richSpans = map[string]string{
	"bold": "", "italic": "", "underline": "", "strikethrough": "", "spoiler": "", "subscript": "", "superscript": "", "marked": "",
	"code": "", "date_time": "", "text_mention": "", "custom_emoji": "alternative_text", "mathematical_expression": "expression",
	"url": "", "email_address": "", "phone_number": "", "bank_card_number": "", "mention": "", "hashtag": "", "cashtag": "",
	"bot_command": "", "anchor": "-", "anchor_link": "", "reference": "", "reference_link": "", "button": "-",
}

// MarshalJSON writes a string, an object, or an array of them.
func (t richText) MarshalJSON() ([]byte, error) {
	switch len(t) {
	case 0:
		return []byte(`""`), nil
	case 1:
		return t[0].json(), nil
	}
	all := make([]json.RawMessage, 0, len(t))
	for _, s := range t {
		all = append(all, s.json())
	}
	return marshal(all), nil
}

func (s richSpan) json() json.RawMessage {
	if s.kind == "" {
		return marshal(s.plain)
	}
	head := marshal(struct {
		Type string   `json:"type"`
		Text richText `json:"text,omitempty"`
	}{s.kind, s.text})
	return joinObjects(head, marshal(s.attrs))
}

// String returns the text as users read it.
func (t richText) String() string {
	var b strings.Builder
	for _, s := range t {
		b.WriteString(s.read())
	}
	return b.String()
}

func (s richSpan) read() string {
	field := richSpans[s.kind]
	switch {
	case s.kind == "":
		return s.plain
	case field == "-":
		return ""
	case field == "":
		return s.text.String()
	}
	switch value := s.attrs[field].(type) {
	case string:
		return value
	case json.RawMessage:
		return object{field: value}.text(field)
	}
	return ""
}

// text reads a RichText.
func (r *richReader) text(raw json.RawMessage) (richText, error) {
	if r.depth++; r.depth > maxRichDepth {
		return nil, refusal("RICH_MESSAGE_TOO_LARGE")
	}
	defer func() { r.depth-- }()
	var plain string
	list, isArray := parseArray(raw)
	o, isObject := parseObject(raw)
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, nil
	case json.Unmarshal(raw, &plain) == nil:
		return richText{}.add(richSpan{plain: plain}), nil
	case isArray:
		return r.texts(list)
	case !isObject:
		return nil, refusal("Invalid rich text specified")
	}
	kind, err := o.need("type")
	if err != nil {
		return nil, err
	}
	if _, known := richSpans[kind]; !known {
		return nil, refusal("Unsupported rich text type")
	}
	inner, err := r.text(o["text"])
	if err != nil {
		return nil, err
	}
	attrs := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if name != "type" && name != "text" {
			attrs[name] = o[name]
		}
	}
	return richText{{kind: kind, text: inner, attrs: attrs}}, nil
}

func (r *richReader) texts(list []json.RawMessage) (richText, error) {
	var all richText
	for _, raw := range list {
		t, err := r.text(raw)
		if err != nil {
			return nil, err
		}
		all = all.add(t...)
	}
	return all, nil
}

// add appends spans. Plain text joins the plain text before it.
func (t richText) add(spans ...richSpan) richText {
	for _, s := range spans {
		last := len(t) - 1
		switch {
		case s.kind == "" && s.plain == "":
		case s.kind == "" && last >= 0 && t[last].kind == "":
			t[last].plain += s.plain
		default:
			t = append(t, s)
		}
	}
	return t
}
