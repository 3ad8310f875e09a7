package world

import (
	"encoding/json"
	"errors"
	"reflect"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// toChange returns the message that an edit names, by chat and id or by inline_message_id.
// what begins Telegram's error if there is none.
func (w *World) toChange(p botapi.Params, what string) (*Message, error) {
	if p.String("chat_id") == "" && p.Int("message_id") == 0 {
		id := p.String("inline_message_id")
		m := w.inline[id]
		switch {
		case id == "":
			return nil, refusal("Message identifier is not specified")
		case m == nil || m.deleted:
			return nil, refusal("MESSAGE_ID_INVALID")
		}
		return m, nil
	}
	m, err := w.messageNamed(p, toEdit, what)
	switch {
	case err != nil:
		return nil, err
	case !w.own(m) || m.ForwardOrigin != nil || m.happened():
		return nil, refusal("Message can't be edited")
	}
	return m, nil
}

// own reports whether the bot may edit the message: it sent it, or the message is a post of a
// channel, or of the owner of a business account.
func (w *World) own(m *Message) bool {
	if a := m.Chat.business; a != nil {
		return m.From == a.User
	}
	return m.From == w.bot || m.SenderChat == m.Chat && m.Chat.Type == "channel"
}

// edited returns the result of an edit. It is True for a message that an inline result
// sent.
func (w *World) edited(p botapi.Params, m *Message) any {
	if p.String("inline_message_id") != "" && p.String("chat_id") == "" {
		return true
	}
	return m.told() // without reply_to_message
}

// edits makes the methods that edit. content returns the content after the edit.
func edits(content func(w *World, p botapi.Params, now Content) (Content, error)) func(*World, botapi.Params) (any, error) {
	return func(w *World, p botapi.Params) (any, error) {
		k, err := inlineMarkup(p.String("reply_markup"))
		if err != nil {
			return nil, err
		}
		m, err := w.toChange(p, "message to edit")
		if err != nil {
			return nil, err
		}
		c, err := content(w, p, m.Content)
		switch {
		case err != nil:
			return nil, err
		case reflect.DeepEqual(c, m.Content) && reflect.DeepEqual(k, m.ReplyMarkup):
			return nil, refusal("message is not modified: specified new message content and reply markup are exactly the same " +
				"as a current content and reply markup of the message")
		}
		m.Content, m.ReplyMarkup, m.EditDate = c, k, w.now()
		w.noteMessage("edit", m)
		w.mirrorEdit(m)
		w.say(m)
		return w.edited(p, m), nil
	}
}

func (w *World) editedText(p botapi.Params, now Content) (Content, error) {
	read := (*World).textOf
	if p.String("rich_message") != "" {
		read = (*World).richMessage
	}
	c, err := read(w, p)
	switch {
	case errors.Is(err, errTooLong):
		return c, refusal("MESSAGE_TOO_LONG")
	case err != nil:
		return c, err
	case now.Text == "" && now.Game == nil && now.RichMessage == nil:
		return c, refusal("There is no text in the message to edit")
	}
	return c, nil
}

func (w *World) editedCaption(p botapi.Params, now Content) (Content, error) {
	if now.Photo == nil && now.Video == nil && now.Animation == nil && now.Audio == nil && now.Document == nil && now.Voice == nil {
		return now, refusal("There is no caption in the message to edit")
	}
	err := w.caption(&now, p.String("caption"), p.String("parse_mode"), json.RawMessage(p.String("caption_entities")), p.Bool("show_caption_above_media"))
	return now, err
}

func (w *World) editedMedia(p botapi.Params, now Content) (Content, error) {
	text, err := required(p, "media")
	if err != nil {
		return now, err
	}
	if !json.Valid([]byte(text)) {
		return now, refusal("Can't parse input media JSON object")
	}
	c, err := w.inputMedia(p, json.RawMessage(text), false)
	switch {
	case err != nil:
		return now, err
	case now.Photo == nil && now.Video == nil && now.Animation == nil && now.Audio == nil && now.Document == nil && now.Text == "":
		return now, refusal("There is no media in the message to edit")
	}
	return c, nil
}

func (w *World) editedMarkup(_ botapi.Params, now Content) (Content, error) { return now, nil }

func (w *World) editedLocation(p botapi.Params, now Content) (Content, error) {
	o, _ := parseObject(now.Location)
	if o["live_period"] == nil {
		return now, refusal("There is no live location in the message to edit")
	}
	location, err := place(p)
	if err != nil {
		return now, err
	}
	location.Live = o.integer("live_period")
	if p.Has("live_period") {
		location.Live = p.Int("live_period")
	}
	now.Location = marshal(location)
	return now, nil
}

func (w *World) stoppedLocation(_ botapi.Params, now Content) (Content, error) {
	o, _ := parseObject(now.Location)
	if o["live_period"] == nil {
		return now, refusal("There is no live location in the message to edit")
	}
	delete(o, "live_period")
	now.Location = marshal(o)
	return now, nil
}

func (w *World) editedChecklist(p botapi.Params, now Content) (Content, error) {
	if now.Checklist == nil {
		return now, refusal("There is no checklist in the message to edit")
	}
	return w.checklist(p)
}
