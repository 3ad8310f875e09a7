package world

import "fmt"

// Edit changes the text or caption of one of the user's messages. It makes edited_message.
func (w *World) Edit(user, chat, message int64, text string) (Seen, error) {
	text, err := written(text)
	if err != nil {
		return Seen{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	if err != nil {
		return Seen{}, err
	}
	m := c.message(message)
	switch {
	case m == nil:
		return Seen{}, missingf(ErrNoMessage, "there is no message %d to edit", message)
	case !w.wrote(u, m) && (c.Type != "channel" || !c.allows(c.members[user], "can_edit_messages")), m.ViaBot != nil:
		return Seen{}, fmt.Errorf("message %d was not written by %s; users can edit their own messages only", message, u.name())
	case m.Text == "" && m.captionless():
		return Seen{}, fmt.Errorf("message %d has neither text nor caption to edit", message)
	}
	old, entities := &m.Text, &m.Entities
	if m.Text == "" {
		old, entities = &m.Caption, &m.CaptionEnts
	}
	if *old == text {
		return Seen{}, fmt.Errorf("message %d already reads %q; edit it to another text", message, text)
	}
	*old, *entities = text, findEntities(text)
	m.EditDate = w.now()
	m.forBot = w.meant(m)
	w.noteMessage("edit", m)
	w.hear(c, "edited_message", m)
	w.mirrorEdit(m)
	w.change()
	return w.see(m), nil
}

// captionless reports whether the message is of a kind that has no caption.
func (m *Message) captionless() bool {
	return m.Photo == nil && m.Document == nil && m.Video == nil && m.Audio == nil && m.Voice == nil && m.Animation == nil
}
