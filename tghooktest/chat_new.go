package tghooktest

import (
	"fmt"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// ChatConfig says what a new chat is.
type ChatConfig struct {
	// Type is group for a basic group, or supergroup, forum or channel.
	Type string
	// Title is the chat's title, which other chats may have too.
	Title string
	// Username is the username of a public supergroup, forum or channel. If empty, the chat is
	// private.
	Username string
	// Members are in the chat from the beginning, apart from its owner.
	Members []*User
	// Bot is what the bot becomes. If empty, BotAdministrator. With BotRemoved, nobody adds
	// it.
	Bot BotStatus
}

// NewChat makes the user found a chat, of which they are the owner, and add the bot to it. It
// returns the chat. The bot gets my_chat_member, and in a group a message with
// new_chat_members.
//
// Group, Forum, BasicGroup and Channel make chats with less ado: they always return the same
// chat for a title, and make no update.
func (u *User) NewChat(cfg ChatConfig) *Chat {
	tb := u.server.test()
	tb.Helper()
	made := world.ChatConfig{Kind: cfg.Type, Title: cfg.Title, Username: cfg.Username, Owner: u.ID, Bot: string(cfg.Bot)}
	for _, m := range cfg.Members {
		if m != nil {
			made.Members = append(made.Members, m.ID)
		}
	}
	c, err := u.server.world.NewChat(made)
	if err != nil {
		tb.Fatalf("tghooktest: NewChat: %v", err)
		return &Chat{ID: -1, user: u, place: fmt.Sprintf("the chat %q", cfg.Title)}
	}
	return u.chat(c.ID, c.Title)
}

// Join makes the user a member of the group, or a subscriber of the channel. It is User.Join
// for a chat of User.In.
func (c *Chat) Join() {
	c.test().Helper()
	c.done(c.world().Join(c.user.ID, c.ID))
}

// Leave ends the user's membership. It is User.Leave for a chat of User.In.
func (c *Chat) Leave() {
	c.test().Helper()
	c.done(c.world().Leave(c.user.ID, c.ID))
}

// AskToJoin is User.AskToJoin for a chat of User.In.
func (c *Chat) AskToJoin() {
	c.test().Helper()
	c.done(c.world().AskToJoin(c.user.ID, c.ID))
}

// SetBot is User.SetBot for a chat of User.In.
func (c *Chat) SetBot(status BotStatus, rights ...string) {
	c.test().Helper()
	c.user.SetBot(&Group{ID: c.ID}, status, rights...)
}

// Upgrade is User.Upgrade for a chat of User.In. It returns the supergroup's chat.
func (c *Chat) Upgrade() *Chat {
	tb := c.test()
	tb.Helper()
	super, err := c.world().Upgrade(c.user.ID, c.ID)
	if err != nil {
		tb.Fatalf("tghooktest: in %s: Upgrade: %v", c.place, err)
		return &Chat{ID: -1, user: c.user, place: c.place}
	}
	return c.user.chat(super.ID, super.Title)
}
