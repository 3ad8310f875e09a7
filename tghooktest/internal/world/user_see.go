package world

import (
	"cmp"
	"encoding/json"
)

// Seen is a message as it was at one time.
type Seen struct {
	ID   int64
	Text string          // or caption, or a poll's question
	Bot  bool            // it is the bot's
	JSON json.RawMessage // the Bot API's Message
}

// Messages are those to be seen in a chat, oldest first.
func (w *World) Messages(chat int64) []Seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	var seen []Seen
	for _, m := range w.chats[chat].messages {
		if !m.deleted {
			seen = append(seen, w.see(m))
		}
	}
	return seen
}

// see is how a message is now. w.mu is held.
func (w *World) see(m *Message) Seen { return Seen{m.ID, m.reads(), m.From == w.bot, marshal(m)} }

// reads is what there is to read in a message.
func (m *Message) reads() string {
	if m.Poll != nil {
		return m.Poll.Question
	}
	return cmp.Or(m.Text, m.Caption)
}
