package tghooktest

import (
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Message is one in a chat, as it was when the test got it.
type Message struct {
	ID      int64
	Text    string          // or caption, or a poll's question; empty: none
	FromBot bool            // the bot sent it
	Raw     json.RawMessage // all of it, as the Bot API's Message

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
