package world

import (
	"cmp"
	"encoding/json"
	"slices"
)

// User is a user of Telegram, with the state of their chat with the bot.
type User struct {
	ID           int64  `json:"id"`
	IsBot        bool   `json:"is_bot"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name,omitempty"`
	Username     string `json:"username,omitempty"`
	LanguageCode string `json:"language_code,omitempty"`
	IsPremium    bool   `json:"is_premium,omitempty"`

	started bool // the user has written to the bot, so the bot may write too
	blocked bool // the user has blocked the bot

	allowsStatus bool    // the bot may change the emoji status
	status       string  // custom emoji id of the emoji status; empty if there is none
	statusUntil  int64   // end of the emoji status; 0 if there is none
	open         int64   // until then the bot may write, although the user has not written
	photos       []*File // of the profile, oldest first
}

// Chat is a chat that the bot is in, or was removed from.
type Chat struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name,omitempty"` // private
	LastName  string `json:"last_name,omitempty"`  // private
	Title     string `json:"title,omitempty"`      // others
	Username  string `json:"username,omitempty"`
	Type      string `json:"type"` // private, group, supergroup, channel
	IsForum   bool   `json:"is_forum,omitempty"`

	description string
	bio         string // of a user
	permissions json.RawMessage
	business    *Account         // the business account whose chat with a customer this is; nil for the bot's chats
	topics      map[int64]*Topic // of a forum, by message_thread_id
	photo       *ChatPhoto
	stickerSet  string // name of the supergroup's own set
	boosts      []Boost
	upgraded    *Chat                     // the supergroup that a basic group has become
	linked      *Chat                     // the discussion group of a channel, or the channel of a discussion group
	members     map[int64]*Member         // nil for private chats; has those who left too
	messages    []*Message                // oldest first, with the deleted ones
	lastID      int64                     // last message id; private chats and groups use World.lastID
	keyboards   map[int64]json.RawMessage // the reply_markup that a user sees in place of their keyboard
	pinned      []int64
	said        []utterance // messages and edits of the bot, oldest first
	links       []*InviteLink
	requests    map[int64]joinRequest // by the user who asks to join
	drafts      drafts                // what the bot is writing
	actions     map[int64]action      // what users see the bot do, by thread
}

// Member is a user's membership of a chat.
type Member struct {
	User   *User
	Status string // creator, administrator, member, restricted, left, kicked
	Title  string // custom title of an administrator
	Tag    string // of a member who is no administrator
	Until  int64  // end of restricted or kicked; 0 if there is none

	away   bool            // restricted, and not in the chat
	rights json.RawMessage // object of the rights or permissions that were given; nil for the default
}

// present reports whether the member is in the chat.
func (m *Member) present() bool {
	return m != nil && m.Status != "left" && m.Status != "kicked" && !m.away
}

// private reports whether the chat is between a user and the bot.
func (c *Chat) private() bool { return c.Type == "private" }

// message returns the message with the id; nil if there is none or it was deleted.
func (c *Chat) message(id int64) *Message {
	at := c.index(id)
	if at == len(c.messages) || c.messages[at].ID != id || c.messages[at].deleted {
		return nil
	}
	return c.messages[at]
}

// index returns where the message with the id is, or would be, in messages.
func (c *Chat) index(id int64) int {
	at, _ := slices.BinarySearchFunc(c.messages, id, func(m *Message, id int64) int { return cmp.Compare(m.ID, id) })
	return at
}

// addUser adds a user and their private chat. w.mu is held.
func (w *World) addUser(u *User) *User {
	w.users[u.ID] = u
	w.chats[u.ID] = &Chat{
		ID: u.ID, FirstName: u.FirstName, LastName: u.LastName, Username: u.Username, Type: "private",
		keyboards: map[int64]json.RawMessage{},
	}
	w.noteUser(u)
	return u
}

// addChat adds a group, supergroup or channel that the bot is in. w.mu is held.
func (w *World) addChat(c *Chat, bot *Member) *Chat {
	c.members = map[int64]*Member{w.bot.ID: bot}
	c.keyboards = map[int64]json.RawMessage{}
	w.chats[c.ID] = c
	w.noteChat(c)
	return c
}
