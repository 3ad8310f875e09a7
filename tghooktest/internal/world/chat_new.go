package world

import (
	"errors"
	"fmt"
	"strings"
)

// ChatConfig says what a new chat is.
type ChatConfig struct {
	Kind     string // group, supergroup, forum or channel
	Title    string
	Username string // of a supergroup or channel; may be empty
	Owner    int64
	Members  []int64
	Bot      string // status of the bot; empty for administrator
}

// NewChat makes a chat by an act of its owner, who then adds the bot. The other members are in
// it from the beginning. It makes my_chat_member, and in a group a message with
// new_chat_members.
func (w *World) NewChat(cfg ChatConfig) (*Chat, error) {
	cfg.Username = strings.TrimPrefix(cfg.Username, "@")
	w.mu.Lock()
	c, err := w.found(cfg)
	w.mu.Unlock()
	if err != nil || cfg.Bot == "kicked" {
		return c, err
	}
	if cfg.Bot == "" {
		cfg.Bot = "administrator"
	}
	return c, w.SetBot(cfg.Owner, c.ID, cfg.Bot)
}

// found makes a chat without the bot. w.mu is held.
func (w *World) found(cfg ChatConfig) (*Chat, error) {
	c := &Chat{Type: cfg.Kind, Title: strings.TrimSpace(cfg.Title), Username: cfg.Username}
	switch cfg.Kind {
	case "group", "supergroup", "channel":
	case "forum":
		c.Type, c.IsForum = "supergroup", true
	default:
		return nil, fmt.Errorf("%q is not a kind of chat; the kinds are group, supergroup, forum and channel", cfg.Kind)
	}
	switch {
	case c.Title == "":
		return nil, errors.New("the title is empty; pass one, such as Team")
	case c.Username != "" && !username.MatchString(c.Username):
		return nil, fmt.Errorf("%q is not a username; it has 4 to 32 letters, digits and underscores, and begins with a letter", c.Username)
	case c.Username != "" && c.Type == "group":
		return nil, errors.New("a basic group has no username; make a supergroup")
	case c.Username != "" && w.taken(c.Username):
		return nil, fmt.Errorf("the username %q is taken", c.Username)
	}
	all := append([]int64{cfg.Owner}, cfg.Members...)
	for _, id := range all {
		if w.users[id] == nil {
			return nil, missingf(ErrNoUser, "there is no user %d to be in the chat", id)
		}
	}
	for c.ID == 0 || w.chats[c.ID] != nil {
		w.count["chat"]++
		if random := w.draw("chat", w.count["chat"]); c.Type == "group" {
			c.ID = -1_000_000 - int64(random%3_000_000_000)
		} else {
			c.ID = communityID(random)
		}
	}
	w.addChat(c, &Member{User: w.bot, Status: "left"})
	for _, id := range all[1:] {
		c.members[id] = &Member{User: w.users[id], Status: "member"}
	}
	c.members[cfg.Owner] = &Member{User: w.users[cfg.Owner], Status: "creator"}
	w.change()
	return c, nil
}
