package tghooktest

import (
	"fmt"
	"strings"
)

// Forum returns the supergroup with topics that has that title. The first call makes it;
// later calls return the same group. A forum's chat is its topic General.
//
//	zoe := srv.User("Zoë").Join(srv.Forum("Support"))
//	ticket := zoe.OpenTopic("Ticket 7")
//	ticket.Send("It does not start.")
//	ticket.Expect(t, "Have you tried to turn it off and on?")
func (s *Server) Forum(title string) *Group {
	tb := s.test()
	tb.Helper()
	if strings.TrimSpace(title) == "" {
		tb.Fatalf("tghooktest: Forum: the title is empty; pass one, such as Support")
	}
	return &Group{ID: s.world.Forum(title).ID, Title: title}
}

// OpenTopic makes a topic in a forum, and returns its chat. The bot gets a message with
// forum_topic_created.
func (c *Chat) OpenTopic(name string) *Chat {
	tb := c.test()
	tb.Helper()
	key, err := c.world().OpenTopic(c.user.ID, c.at(), name)
	if err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
	return c.topic(key, name)
}

// Topic returns the chat of the newest topic with that name. It waits for the topic, which
// the bot may be about to make, as long as Expect waits for a message.
//
// In a topic's chat, Expect and Messages see the topic's messages alone.
func (c *Chat) Topic(name string) *Chat {
	tb := c.test()
	tb.Helper()
	var key int64
	if !c.user.server.await(func() bool {
		key = c.world().Topic(c.at(), name)
		return key != 0
	}) {
		tb.Fatalf("tghooktest: in %s: there was no topic %q within %v%s", c.place, name, c.user.server.cfg.Patience, c.user.server.troubles())
		key = -1 // nowhere
	}
	return c.topic(key, name)
}

func (c *Chat) topic(key int64, name string) *Chat {
	return &Chat{ID: c.ID, user: c.user, key: key, place: fmt.Sprintf("the topic %q of %s", name, c.place)}
}

// CloseTopic closes the topic: only administrators and the one who made it may write there
// then. The bot gets a message with forum_topic_closed. The user must have made the topic, or
// be an administrator.
func (c *Chat) CloseTopic() {
	c.test().Helper()
	c.done(c.world().CloseTopic(c.user.ID, c.at(), true))
}

// ReopenTopic ends a CloseTopic. The bot gets a message with forum_topic_reopened.
func (c *Chat) ReopenTopic() {
	c.test().Helper()
	c.done(c.world().CloseTopic(c.user.ID, c.at(), false))
}

// DeleteTopic deletes the topic and its messages. As in Telegram, the bot is not told: it
// sees that its calls fail with "message thread not found". The user must have made the
// topic, or be an administrator.
func (c *Chat) DeleteTopic() {
	c.test().Helper()
	c.done(c.world().DeleteTopic(c.user.ID, c.at()))
}

// done fails the test if an act failed.
func (c *Chat) done(err error) {
	tb := c.test()
	tb.Helper()
	if err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
}
