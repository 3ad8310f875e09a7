package world

import (
	"slices"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// pinnable returns the chat, if the bot may pin messages there.
func (w *World) pinnable(p botapi.Params) (*Chat, error) {
	c, err := w.destination(p)
	if err != nil {
		return nil, err
	}
	right := "can_pin_messages"
	if c.Type == "channel" {
		right = "can_edit_messages"
	}
	if !c.private() && !w.may(c, right) {
		return nil, refusal("not enough rights to manage pinned messages in the chat")
	}
	return c, nil
}

func (w *World) pinChatMessage(p botapi.Params) (any, error) {
	c, err := w.pinnable(p)
	if err != nil {
		return nil, err
	}
	m := c.message(p.Int("message_id"))
	if m == nil {
		return nil, refusal("message to pin not found")
	}
	c.pinned = append(slices.DeleteFunc(c.pinned, func(id int64) bool { return id == m.ID }), m.ID)
	w.notePins(c)
	w.notice(c, Content{Pinned: m.told()})
	return true, nil
}

func (w *World) unpinChatMessage(p botapi.Params) (any, error) {
	c, err := w.pinnable(p)
	if err != nil {
		return nil, err
	}
	at := len(c.pinned) - 1
	if p.Has("message_id") {
		at = slices.Index(c.pinned, p.Int("message_id"))
	}
	if at < 0 {
		return nil, refusal("message to unpin not found")
	}
	c.pinned = slices.Delete(c.pinned, at, at+1)
	w.notePins(c)
	w.change()
	return true, nil
}

func (w *World) unpinAllChatMessages(p botapi.Params) (any, error) {
	c, err := w.pinnable(p)
	if err != nil {
		return nil, err
	}
	c.pinned = nil
	w.notePins(c)
	w.change()
	return true, nil
}

// unpin unpins the messages that matches reports. A message that was deleted is nil.
func (c *Chat) unpin(matches func(*Message) bool) {
	c.pinned = slices.DeleteFunc(c.pinned, func(id int64) bool { return matches(c.message(id)) })
}
