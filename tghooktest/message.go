package tghooktest

import (
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Message is a message in a chat. It does not change: an edit makes a new Message.
type Message struct {
	ID      int64
	Text    string          // the text, the caption or the poll's question; empty if there is none
	FromBot bool            // the bot sent it
	Raw     json.RawMessage // the whole message, as the Bot API's Message

	chat *Chat
}

func (c *Chat) message(m world.Seen) *Message {
	return &Message{ID: m.ID, Text: m.Text, FromBot: m.Bot, Raw: m.JSON, chat: c}
}

func (c *Chat) messages(seen []world.Seen) []*Message {
	all := make([]*Message, 0, len(seen))
	for _, m := range seen {
		all = append(all, c.message(m))
	}
	return all
}
