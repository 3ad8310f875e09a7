package tghooktest

import (
	"cmp"
	"testing"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Chat is a chat in which one user acts.
//
// An act that is impossible, such as writing to a group that the user has left, fails the
// test that the Server belongs to, or the call of [Server.Try]. For a Server by [Start]
// outside of Try, it is a warning (see [ServerConfig].Warn), and its result is empty. Several
// goroutines may use a Chat at once.
type Chat struct {
	ID int64

	user  *User
	key   int64  // of the part of the chat in which the user acts; 0 for the whole chat
	place string // its name in messages to the test
}

// at returns what the world knows the chat, or the part of it, by.
func (c *Chat) at() int64 { return cmp.Or(c.key, c.ID) }

// Send sends a text message. As in Telegram, its commands, mentions, hashtags and links get
// entities.
func (c *Chat) Send(text string) *Message {
	c.test().Helper()
	return c.sent(c.world().Send(c.user.ID, c.at(), 0, text))
}

// Reply sends a text message that replies to a message of the chat.
func (c *Chat) Reply(to *Message, text string) *Message {
	c.test().Helper()
	return c.sent(c.world().Send(c.user.ID, c.at(), c.of(to), text))
}

// SendPhoto sends a picture. If caption is not empty, the message has it.
func (c *Chat) SendPhoto(caption string, jpeg []byte) *Message {
	c.test().Helper()
	return c.sent(c.world().SendPhoto(c.user.ID, c.at(), caption, jpeg))
}

// SendDocument sends a file. Its MIME type follows from the extension of its name.
func (c *Chat) SendDocument(name string, content []byte) *Message {
	c.test().Helper()
	return c.sent(c.world().SendDocument(c.user.ID, c.at(), name, content))
}

// SendAlbum sends two to ten pictures as an album. Each picture is a message, and all of
// them have the same media_group_id.
func (c *Chat) SendAlbum(photos ...[]byte) []*Message {
	tb := c.test()
	tb.Helper()
	album, err := c.world().SendAlbum(c.user.ID, c.at(), photos...)
	if err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
	return c.messages(album)
}

// SendLocation sends a location, in degrees.
func (c *Chat) SendLocation(latitude, longitude float64) *Message {
	c.test().Helper()
	return c.sent(c.world().SendLocation(c.user.ID, c.at(), latitude, longitude))
}

// SendContact sends the user's own phone number.
func (c *Chat) SendContact(phone string) *Message {
	c.test().Helper()
	return c.sent(c.world().SendContact(c.user.ID, c.at(), phone))
}

// Edit changes the text, or the caption, of a message that the user has sent. The bot gets
// edited_message. Edit returns the changed message.
func (c *Chat) Edit(m *Message, text string) *Message {
	c.test().Helper()
	return c.sent(c.world().Edit(c.user.ID, c.at(), c.of(m), text))
}

// React sets the user's reactions to a message and replaces their earlier ones. The bot
// gets message_reaction if its allowed_updates name it.
//
//	chat.React(m, "👍")
//	chat.React(m) // removes the reaction
func (c *Chat) React(m *Message, emoji ...string) {
	tb := c.test()
	tb.Helper()
	if err := c.world().React(c.user.ID, c.at(), c.of(m), emoji...); err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
}

// Vote chooses options of a message's poll by their texts and replaces the user's earlier
// vote. Without options it takes the vote back. If the bot has sent the poll, it gets poll,
// and poll_answer if the poll is not anonymous.
func (c *Chat) Vote(m *Message, options ...string) {
	tb := c.test()
	tb.Helper()
	if err := c.world().Vote(c.user.ID, c.at(), c.of(m), options...); err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
}

// Messages returns the messages that a user can see in the chat, the bot's included, oldest
// first.
func (c *Chat) Messages() []*Message { return c.messages(c.world().Messages(c.at())) }

func (c *Chat) test() testing.TB    { return c.user.server.test() }
func (c *Chat) world() *world.World { return c.user.server.world }

// of returns the id of a message, which must be in this chat. If it is not, it returns one
// that no message has.
func (c *Chat) of(m *Message) int64 {
	tb := c.test()
	tb.Helper()
	switch {
	case m == nil || m.chat == nil:
		tb.Fatalf("tghooktest: in %s: the message is empty; pass one that an act, Expect or Messages has returned", c.place)
	case !c.world().Same(m.chat.at(), c.at()):
		tb.Fatalf("tghooktest: in %s: message %d belongs to another chat, %s; use that Chat", c.place, m.ID, m.chat.place)
	case m.chat.user.server.bot != c.user.server.bot:
		tb.Fatalf("tghooktest: in %s: message %d belongs to another bot's chat; use the chat of that bot's Server", c.place, m.ID)
	default:
		return m.ID
	}
	return -1
}

// sent returns the message that an act made. If the act failed, it fails the test.
func (c *Chat) sent(m world.Seen, err error) *Message {
	tb := c.test()
	tb.Helper()
	if err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
	return c.message(m)
}
