package world

import (
	"cmp"
	"encoding/json"
)

// Seen is the state of a message at one time.
type Seen struct {
	ID   int64
	Text string          // the text, caption or poll's question
	Bot  bool            // the bot sent it
	JSON json.RawMessage // the Bot API's Message
}

// Messages returns the messages that a user can see in a chat, oldest first.
func (w *World) Messages(chat int64) []Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	var seen []Seen
	for _, m := range w.chatOrEmpty(chat).messages {
		if !m.deleted && w.within(chat, m) {
			seen = append(seen, w.see(m))
		}
	}
	return seen
}

// chatOrEmpty returns a chat. If there is none with the id, because the act that asked for it
// failed, it returns an empty one. w.mu is held.
func (w *World) chatOrEmpty(id int64) *Chat {
	if c := w.chats[id]; c != nil {
		return c
	}
	return &Chat{}
}

// see returns the current state of a message. w.mu is held.
func (w *World) see(m *Message) Seen { return Seen{m.ID, m.reads(), w.wrote(w.bot, m), marshal(m)} }

// reads returns the text, caption or poll's question of a message, or its rich message as
// users read it.
func (m *Message) reads() string {
	if m.Poll != nil {
		return m.Poll.Question
	}
	return cmp.Or(m.Text, m.Caption, m.read)
}

// wrote reports whether the user wrote the message, also in the name of a channel or of a
// business account. w.mu is held.
func (w *World) wrote(u *User, m *Message) bool {
	switch {
	case m.BusinessBot != nil:
		return m.BusinessBot == u
	case m.author != nil:
		return m.author == u
	}
	return m.From == u
}
