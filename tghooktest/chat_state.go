package tghooktest

import (
	"encoding/json"
	"fmt"
	"time"
)

// ChatState is what the user of a [Chat] sees of it at one time, apart from its messages. It
// does not change.
type ChatState struct {
	Type      string // private, group, supergroup or channel
	Title     string // of a private chat the user's name
	Username  string
	IsForum   bool
	Status    string // what the user is, as the status of ChatMember
	BotStatus string // what the bot is
	Asked     bool   // the user has asked to join, and waits
	Blocked   bool   // the user has blocked the bot, whose private chat this is
	CanSend   bool   // the user may send a text
	Members   []ChatMember
	Topics    []Topic
	Pinned    []int64 // ids of messages, the newest last

	// Keyboard is what the user has in place of their own keyboard, a ReplyKeyboardMarkup or
	// ForceReply; nil if nothing.
	Keyboard json.RawMessage
	// Commands are those that Chat.Commands returns.
	Commands []Command
	// MenuButton is the MenuButton of a private chat; nil of others.
	MenuButton json.RawMessage
	// Drafts are the messages that the bot is still writing.
	Drafts []Draft
	// Action is what the bot is doing, such as typing, until ActionUntil; empty if nothing.
	Action      string
	ActionUntil time.Time

	LinkedID int64    // of a channel its discussion group, and the other way round; 0 if there is none
	MovedTo  int64    // the supergroup that the group has become; 0 if none
	Last     *Message // the newest message; nil if there is none
}

// ChatMember is a member of a chat.
type ChatMember struct {
	UserID int64
	Name   string
	Status string // as of the Bot API's ChatMember
}

// Topic is a topic of a forum.
type Topic struct {
	ID     int64 // message_thread_id
	Name   string
	Closed bool
	Hidden bool // of General
}

// State returns what the user sees of the chat now. In a topic, Action and Last are those of
// the topic.
func (c *Chat) State() ChatState {
	v := c.world().Look(c.user.ID, c.at())
	s := ChatState{
		Type: v.Type, Title: v.Title, Username: v.Username, IsForum: v.IsForum, Status: v.Status, BotStatus: v.BotStatus,
		Asked: v.Asked, Blocked: v.Blocked, CanSend: v.CanSend, Pinned: v.Pinned, Keyboard: v.Keyboard, Commands: c.Commands(),
		MenuButton: v.Menu, Action: v.Action, ActionUntil: v.ActionUntil, LinkedID: v.Linked, MovedTo: v.MovedTo,
	}
	for _, m := range v.Members {
		s.Members = append(s.Members, ChatMember{m.User, m.Name, m.Status})
	}
	for _, t := range v.Topics {
		s.Topics = append(s.Topics, Topic(t))
	}
	for _, d := range v.Drafts {
		draft := c.draft(d.Draft)
		draft.ThreadID, draft.Until = d.Thread, d.Until
		s.Drafts = append(s.Drafts, *draft)
	}
	if v.Last != nil {
		s.Last = c.message(*v.Last)
	}
	return s
}

// Thread returns the chat of a topic with the message_thread_id, or of the comments with it.
// Without one, the error is ErrNoChat.
func (c *Chat) Thread(id int64) (*Chat, error) {
	key, err := c.world().Thread(c.at(), id)
	if err != nil {
		return nil, fmt.Errorf("tghooktest: in %s: %w", c.place, err)
	}
	return &Chat{ID: c.ID, user: c.user, key: key, place: fmt.Sprintf("the thread %d of %s", id, c.place)}, nil
}
