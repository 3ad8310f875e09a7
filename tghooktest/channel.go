package tghooktest

import (
	"fmt"
	"strings"
)

// Channel is a channel. The bot is one of its administrators.
type Channel struct {
	ID    int64
	Title string // the title that the channel was made with

	server *Server
}

// Channel returns the channel with that title. The first call makes it; later calls return
// the same channel.
//
//	news := srv.Channel("News")
//	editor := srv.User("Ana").Manage(news)
//	post := editor.Send("We have moved.")
//	srv.User("Zoë").Subscribe(news).React(post, "🔥")
func (s *Server) Channel(title string) *Channel {
	tb := s.test()
	tb.Helper()
	if strings.TrimSpace(title) == "" {
		tb.Fatalf("tghooktest: Channel: the title is empty; pass one, such as News")
	}
	return &Channel{ID: s.world.Channel(title).ID, Title: title, server: s}
}

// Discuss makes the group the channel's discussion group. Each later post is forwarded there
// with is_automatic_forward, and users comment on it: see [Chat.Comments].
func (c *Channel) Discuss(g *Group) {
	tb := c.server.test()
	tb.Helper()
	if err := c.server.world.Discuss(c.ID, g.ID); err != nil {
		tb.Fatalf("tghooktest: Discuss: %v", err)
	}
}

// Manage makes the user an administrator of the channel, and returns the channel's chat for
// that user. What they send there is a post: the bot gets channel_post, and
// edited_channel_post if they edit it. The first administrator is the owner.
func (u *User) Manage(ch *Channel) *Chat {
	tb := u.server.test()
	tb.Helper()
	if err := u.server.world.Manage(u.ID, ch.ID); err != nil {
		tb.Fatalf("tghooktest: %v", err)
	}
	return ch.chat(u)
}

// Subscribe makes the user a subscriber of the channel, and returns the channel's chat for
// that user, in which they cannot post. The bot gets chat_member if its allowed_updates name
// it. For their reactions, which are anonymous, it gets message_reaction_count.
func (u *User) Subscribe(ch *Channel) *Chat {
	tb := u.server.test()
	tb.Helper()
	if err := u.server.world.Subscribe(u.ID, ch.ID); err != nil {
		tb.Fatalf("tghooktest: %v", err)
	}
	return ch.chat(u)
}

func (c *Channel) chat(u *User) *Chat {
	return &Chat{ID: c.ID, user: u, place: fmt.Sprintf("the channel %q", c.Title)}
}

// Comments returns the chat of the comments on a channel's post, which are in the channel's
// discussion group. The user need not be a member of the group. The bot gets each comment as
// a message that has message_thread_id.
func (c *Chat) Comments(post *Message) *Chat {
	tb := c.test()
	tb.Helper()
	key, group, err := c.world().Comments(c.at(), c.of(post))
	if err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
	return &Chat{ID: group, user: c.user, key: key, place: fmt.Sprintf("the comments on post %d of %s", post.ID, c.place)}
}
