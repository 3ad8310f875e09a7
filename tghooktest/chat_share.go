package tghooktest

import (
	"errors"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// ShareUsers presses a key of the reply keyboard that has request_users, and chooses users.
// It waits for the key as long as Expect waits for a message. The bot gets a message with
// users_shared.
func (c *Chat) ShareUsers(button string, users ...*User) *Message {
	c.test().Helper()
	ids := make([]int64, 0, len(users))
	for _, u := range users {
		id := int64(0) // a user that does not exist
		if u != nil {
			id = u.ID
		}
		ids = append(ids, id)
	}
	return c.answerKey(func() (world.Seen, error) { return c.world().ShareUsers(c.user.ID, c.at(), button, ids...) })
}

// ShareChat presses a key of the reply keyboard that has request_chat, and chooses a group
// of the user. It waits for the key as long as Expect waits for a message. The bot gets a
// message with chat_shared.
func (c *Chat) ShareChat(button string, g *Group) *Message {
	c.test().Helper()
	return c.answerKey(func() (world.Seen, error) { return c.world().ShareChat(c.user.ID, c.at(), button, g.ID) })
}

// SendWebAppData presses a key of the reply keyboard that has web_app, and lets the Mini App
// that it opens send the data. It waits for the key as long as Expect waits for a message.
// The bot gets a message with web_app_data.
func (c *Chat) SendWebAppData(button, data string) *Message {
	c.test().Helper()
	return c.answerKey(func() (world.Seen, error) { return c.world().SendWebAppData(c.user.ID, c.at(), button, data) })
}

// answerKey waits for a key, and does what it asks for.
func (c *Chat) answerKey(act func() (world.Seen, error)) *Message {
	tb := c.test()
	tb.Helper()
	var m world.Seen
	var err error
	s := c.user.server
	s.await(func() bool {
		m, err = act()
		return !errors.Is(err, world.ErrNoButton)
	})
	if errors.Is(err, world.ErrNoButton) {
		tb.Fatalf("tghooktest: in %s: %s%v%s%s", c.place, s.waited(), err, c.said(), s.troubles())
		return c.message(world.Seen{})
	}
	return c.sent(m, err)
}
