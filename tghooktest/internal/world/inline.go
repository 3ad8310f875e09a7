package world

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// inlineMedia has the results that send a file, with the kind of file and the fields that
// name it.
var inlineMedia = map[string]struct{ kind, id, url string }{
	"photo":     {"photo", "photo_file_id", "photo_url"},
	"gif":       {"animation", "gif_file_id", "gif_url"},
	"mpeg4_gif": {"animation", "mpeg4_file_id", "mpeg4_url"},
	"sticker":   {"sticker", "sticker_file_id", ""},
	"document":  {"document", "document_file_id", "document_url"},
	"video":     {"video", "video_file_id", "video_url"},
	"voice":     {"voice", "voice_file_id", "voice_url"},
	"audio":     {"audio", "audio_file_id", "audio_url"},
}

func (w *World) answerInlineQuery(p botapi.Params) (any, error) {
	text := p.String("results")
	if text == "" || text == "null" {
		text = "[]"
	}
	list, ok := parseArray([]byte(text))
	switch {
	case !json.Valid([]byte(text)):
		return nil, refusal("Can't parse JSON encoded inline query results: Expected string end")
	case !ok:
		return nil, refusal("Expected an Array of inline query results")
	case len(list) > 50:
		return nil, refusal("Too many inline query results specified")
	}
	var ids []string
	for _, raw := range list {
		if err := w.checkResult(raw); err != nil {
			return nil, err
		}
		o, _ := parseObject(raw)
		switch id := o.text("id"); {
		case id == "" || len(id) > 64:
			return nil, refusal("RESULT_ID_INVALID")
		case slices.Contains(ids, id):
			return nil, refusal("RESULT_ID_DUPLICATE")
		default:
			ids = append(ids, id)
		}
	}
	if b := p.String("button"); b != "" && !json.Valid([]byte(b)) {
		return nil, refusal("Can't parse inline query results button JSON object")
	}
	q, err := w.question(p.String("inline_query_id"), "inline_query")
	switch {
	case err != nil:
		return nil, err
	case !q.Answered:
		q.Answered, q.Results, q.NextOffset = true, json.RawMessage(text), p.String("next_offset")
		if b := p.String("button"); b != "" {
			q.Button = json.RawMessage(b)
		}
		w.noteAnswer("inline", q)
		w.change()
	}
	return true, nil
}

// checkResult returns why a user cannot send an InlineQueryResult; nil if they can. w.mu is
// held.
func (w *World) checkResult(result json.RawMessage) error {
	before := len(w.made)
	_, _, err := w.resultContent(result)
	w.forget(before)
	return err
}

// resultContent returns the content of the message that an InlineQueryResult sends when a
// user chooses it. A file that is given by its URL is a new file each time. w.mu is held.
func (w *World) resultContent(result json.RawMessage) (Content, *InlineKeyboard, error) {
	o, ok := parseObject(result)
	if !ok {
		return Content{}, nil, refusal("Can't parse inline query result: Inline query result must be an object")
	}
	for _, field := range []string{"type", "id"} {
		if _, err := o.need(field); err != nil {
			return Content{}, nil, refusef("Can't parse inline query result: %v", err)
		}
	}
	var keyboard *InlineKeyboard
	if o.has("reply_markup") {
		var err error
		if keyboard, err = inlineMarkup(string(o["reply_markup"])); err != nil {
			return Content{}, nil, refusef("Can't parse inline query result: %v", err)
		}
	}
	c, err := w.chosen(o)
	return c, keyboard, err
}

func (w *World) chosen(o object) (Content, error) {
	kind := strings.ToLower(o.text("type"))
	file, isFile := inlineMedia[kind]
	switch {
	case kind == "article":
		if _, err := o.need("title"); err != nil {
			return Content{}, refusef("Can't parse inline query result: %v", err)
		}
		if o.has("input_message_content") {
			return w.instead(o)
		}
		if _, err := o.need("message_text"); err != nil {
			return Content{}, refusef("Can't parse inline query result: %v", err)
		}
		return w.messageText(o)
	case o.has("input_message_content"):
		return w.instead(o)
	case o.text("message_text") != "":
		return w.messageText(o)
	case kind == "location", kind == "venue", kind == "contact", kind == "game":
		return w.thing(kind, o)
	case !isFile:
		return Content{}, refusef("Can't parse inline query result: type %q is unsupported for the inline query result", kind)
	}
	value := o.text(file.id)
	if value == "" {
		value = o.text(file.url)
	}
	f, err := w.input(file.kind, value, botapi.File{}, false)
	switch {
	case err != nil:
		return Content{}, err
	case f == nil:
		return Content{}, refusef("Can't parse inline query result: Can't find field %q", file.id)
	}
	return w.content(media{file: f, number: o.integer, text: o.text, flag: o.flag, entities: o["caption_entities"]})
}

// instead returns the content of input_message_content, which replaces the result's own.
func (w *World) instead(result object) (Content, error) {
	o, ok := parseObject(result["input_message_content"])
	switch {
	case !ok:
		return Content{}, refusal(`Can't parse inline query result: Field "input_message_content" must be of type Object`)
	case o.text("message_text") != "":
		return w.messageText(o)
	case o.has("latitude") && o.has("title"):
		return w.thing("venue", o)
	case o.has("latitude"):
		return w.thing("location", o)
	case o.has("phone_number"):
		return w.thing("contact", o)
	case o.has("payload"):
		return w.thing("invoice", o)
	case o.has("rich_message"):
		return w.thing("rich_message", o)
	}
	return Content{}, refusal("Can't parse inline query result: Input message content is not specified")
}

// messageText makes the content of an InputTextMessageContent. In the first versions of the
// Bot API, an InlineQueryResult had its fields.
func (w *World) messageText(o object) (Content, error) {
	c, err := w.text(o.text("message_text"), o.text("parse_mode"), o["entities"])
	switch {
	case o.has("link_preview_options"):
		preview, _ := parseObject(o["link_preview_options"])
		c.LinkPreview = preview.linkPreview()
	case o.flag("disable_web_page_preview"): // its older name
		c.LinkPreview = json.RawMessage(`{"is_disabled":true}`)
	}
	return c, err
}

// thing makes the content that a method of its own sends. o has the method's parameters.
func (w *World) thing(kind string, o object) (Content, error) {
	p := botapi.Params{Values: map[string]string{}}
	for name, raw := range o {
		if p.Values[name] = o.text(name); p.Values[name] == "" {
			p.Values[name] = string(raw)
		}
	}
	c, err := things[kind](w, p)
	if err != nil {
		err = refusef("Can't parse inline query result: %v", err)
	}
	return c, err
}

// things are the kinds of content that are neither text nor file.
var things = map[string]func(*World, botapi.Params) (Content, error){
	"location": (*World).location,
	"venue":    (*World).venue,
	"contact":  (*World).contact,
	"game":     (*World).game,
	"invoice":  (*World).invoice,

	"rich_message": (*World).richMessage,
}
