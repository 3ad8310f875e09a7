package world

import (
	"encoding/json"
	"slices"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// deletable is the age in seconds up to which a message can be deleted.
const deletable = 48 * 60 * 60

func (w *World) deleteMessage(p botapi.Params) (any, error) {
	switch {
	case p.String("chat_id") == "":
		return nil, refusal("Chat identifier is not specified")
	case p.Int("message_id") == 0:
		return nil, refusal("Message identifier is not specified")
	}
	m, err := w.messageOf(p.String("chat_id"), p.Int("message_id"), toEdit, "message to delete")
	if err != nil {
		return nil, err
	}
	return true, w.remove(m)
}

func (w *World) deleteMessages(p botapi.Params) (any, error) {
	ids, err := messageIDs(p)
	if err != nil {
		return nil, err
	}
	c, err := w.chat(p.String("chat_id"), toEdit)
	if err != nil {
		return nil, err
	}
	var there []*Message
	for _, id := range ids {
		if m := c.message(id); m != nil { // unknown ids are skipped
			there = append(there, m)
		}
	}
	return true, w.remove(there...)
}

// remove deletes all messages, or none of them.
func (w *World) remove(all ...*Message) error {
	for _, m := range all {
		old := w.now()-m.Date >= deletable
		admin := w.may(m.Chat, "can_delete_messages")
		switch {
		case m.Chat.private() && old:
			return refusal("Message can't be deleted for everyone")
		case !m.Chat.private() && !admin && (old || !w.own(m)):
			return refusal("Message can't be deleted")
		}
	}
	for _, m := range all {
		m.deleted = true
		m.Chat.pinned = slices.DeleteFunc(m.Chat.pinned, func(id int64) bool { return id == m.ID })
	}
	w.noteDeleted(all...)
	w.change()
	return nil
}

// messageIDs reads message_ids, which has 1 to 100 ids.
func messageIDs(p botapi.Params) ([]int64, error) {
	text := p.String("message_ids")
	if text == "" {
		return nil, refusal("Message identifiers are not specified")
	}
	if !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse message_ids JSON object")
	}
	list, ok := parseArray([]byte(text))
	switch {
	case !ok:
		return nil, refusal("Expected an Array of message identifiers")
	case len(list) > 100:
		return nil, refusal("Too many message identifiers specified")
	case len(list) == 0:
		return nil, refusal("Message identifiers are not specified")
	}
	ids := make([]int64, 0, len(list))
	for _, raw := range list {
		var id int64
		if json.Unmarshal(raw, &id) != nil {
			id = object{"": raw}.integer("")
		}
		if id <= 0 {
			return nil, refusal("Invalid message identifier specified")
		}
		ids = append(ids, id)
	}
	return ids, nil
}
