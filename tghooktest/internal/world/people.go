package world

import (
	"cmp"
	"encoding/json"
	"slices"
)

// User is one of Telegram's, and what is known of their dealings with the bot.
type User struct {
	ID           int64  `json:"id"`
	IsBot        bool   `json:"is_bot"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name,omitempty"`
	Username     string `json:"username,omitempty"`
	LanguageCode string `json:"language_code,omitempty"`
	IsPremium    bool   `json:"is_premium,omitempty"`

	started bool // has written to the bot, so that it may write too
	blocked bool // has blocked the bot
}

// Chat is a conversation of the bot's, or one that it was thrown out of.
type Chat struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name,omitempty"` // private
	LastName  string `json:"last_name,omitempty"`  // private
	Title     string `json:"title,omitempty"`      // others
	Username  string `json:"username,omitempty"`
	Type      string `json:"type"` // private, group, supergroup, channel
	IsForum   bool   `json:"is_forum,omitempty"`

	description string
	permissions json.RawMessage
	members     map[int64]*Member         // of all but private chats; those who left stay in it
	messages    []*Message                // oldest first; the deleted ones too
	lastID      int64                     // of a message; of private chats and groups World.lastID counts
	keyboards   map[int64]json.RawMessage // the reply_markup that a user sees in place of their keyboard
	pinned      []int64
	said        []utterance // what the bot wrote and edited, oldest first
}

// Member is a user's standing in a chat, of which ChatMember is made.
type Member struct {
	User   *User
	Status string // creator, administrator, member, restricted, left, kicked
	Title  string // an administrator's own
	Until  int64  // of restricted and kicked, 0: for ever

	rights json.RawMessage // an object of the rights or permissions that were given, nil: the usual
}

// present tells whether the member is in the chat.
func (m *Member) present() bool {
	return m != nil && m.Status != "left" && m.Status != "kicked"
}

// private tells whether the chat is one between a user and the bot.
func (c *Chat) private() bool { return c.Type == "private" }

// message is the one with the id, unless it was deleted.
func (c *Chat) message(id int64) *Message {
	at, found := slices.BinarySearchFunc(c.messages, id, func(m *Message, id int64) int { return cmp.Compare(m.ID, id) })
	if !found || c.messages[at].deleted {
		return nil
	}
	return c.messages[at]
}

// addUser makes a user known, with their private chat. w.mu is held.
func (w *World) addUser(u *User) *User {
	w.users[u.ID] = u
	w.chats[u.ID] = &Chat{
		ID: u.ID, FirstName: u.FirstName, LastName: u.LastName, Username: u.Username, Type: "private",
		keyboards: map[int64]json.RawMessage{},
	}
	return u
}

// addChat makes a group, supergroup or channel known, with the bot in it. w.mu is held.
func (w *World) addChat(c *Chat, bot *Member) *Chat {
	c.members = map[int64]*Member{w.bot.ID: bot}
	c.keyboards = map[int64]json.RawMessage{}
	w.chats[c.ID] = c
	return c
}
