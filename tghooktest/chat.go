package tghooktest

import (
	"testing"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Chat is a chat as one user sees it, and acts in it. What cannot be, such as to write to a
// group that the user has left, fails the test that the Server is for, or panics where it
// is for none. Several goroutines may use it at once.
type Chat struct {
	ID int64

	user  *User
	place string // what it is called in what a test is told
}

// Send sends a text. Commands, mentions, hashtags and links in it are marked as Telegram
// does.
func (c *Chat) Send(text string) *Message {
	c.test().Helper()
	return c.sent(c.world().Send(c.user.ID, c.ID, 0, text))
}

// Reply sends a text in answer to a message of the chat.
func (c *Chat) Reply(to *Message, text string) *Message {
	c.test().Helper()
	return c.sent(c.world().Send(c.user.ID, c.ID, c.of(to), text))
}

// SendPhoto sends a picture, with a caption unless that is empty.
func (c *Chat) SendPhoto(caption string, jpeg []byte) *Message {
	c.test().Helper()
	return c.sent(c.world().SendPhoto(c.user.ID, c.ID, caption, jpeg))
}

// SendDocument sends a file. Its type is told by the name's ending.
func (c *Chat) SendDocument(name string, content []byte) *Message {
	c.test().Helper()
	return c.sent(c.world().SendDocument(c.user.ID, c.ID, name, content))
}

// SendAlbum sends two to ten pictures at once: messages of their own with one
// media_group_id.
func (c *Chat) SendAlbum(photos ...[]byte) []*Message {
	tb := c.test()
	tb.Helper()
	album, err := c.world().SendAlbum(c.user.ID, c.ID, photos...)
	if err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
	return c.messages(album)
}

// SendLocation sends a place on Earth, in degrees.
func (c *Chat) SendLocation(latitude, longitude float64) *Message {
	c.test().Helper()
	return c.sent(c.world().SendLocation(c.user.ID, c.ID, latitude, longitude))
}

// SendContact sends the user's own phone number.
func (c *Chat) SendContact(phone string) *Message {
	c.test().Helper()
	return c.sent(c.world().SendContact(c.user.ID, c.ID, phone))
}

// Edit changes the text, or the caption, of a message that the user has sent:
// edited_message. It returns the message as it is then.
func (c *Chat) Edit(m *Message, text string) *Message {
	c.test().Helper()
	return c.sent(c.world().Edit(c.user.ID, c.ID, c.of(m), text))
}

// React leaves these reactions on a message in place of those that the user left before:
// message_reaction, which a bot has to ask for by allowed_updates.
//
//	chat.React(m, "👍")
//	chat.React(m) // takes it back
func (c *Chat) React(m *Message, emoji ...string) {
	tb := c.test()
	tb.Helper()
	if err := c.world().React(c.user.ID, c.ID, c.of(m), emoji...); err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
}

// Vote chooses the options of those texts in a message's poll, in place of those that the
// user chose before: poll, and poll_answer where the poll is not anonymous.
func (c *Chat) Vote(m *Message, options ...string) {
	tb := c.test()
	tb.Helper()
	if err := c.world().Vote(c.user.ID, c.ID, c.of(m), options...); err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
}

// Messages are those to be seen in the chat, the bot's too, oldest first.
func (c *Chat) Messages() []*Message { return c.messages(c.world().Messages(c.ID)) }

func (c *Chat) test() testing.TB    { return c.user.server.test() }
func (c *Chat) world() *world.World { return c.user.server.world }

// of is the id of a message, which must be of this chat.
func (c *Chat) of(m *Message) int64 {
	tb := c.test()
	tb.Helper()
	if m.chat.ID != c.ID {
		tb.Fatalf("tghooktest: in %s: message %d is of another, %s: act on it there", c.place, m.ID, m.chat.place)
	}
	return m.ID
}

// sent is the message that an act made.
func (c *Chat) sent(m world.Seen, err error) *Message {
	tb := c.test()
	tb.Helper()
	if err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
	return c.message(m)
}
