package world

import (
	"errors"
	"fmt"
)

// Channel returns the channel that was made with that title, and makes it if there is none.
// The bot is an administrator of it.
func (w *World) Channel(title string) *Chat { return w.community("channel", title, "channel") }

// Subscribe makes the user a subscriber of the channel. It makes chat_member, unless the
// user is one already.
func (w *World) Subscribe(user, channel int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c := w.users[user], w.chats[channel]
	out, err := w.outsider(user, c)
	if out {
		w.move(u, u, c, "member", entry{})
		w.change()
	}
	return err
}

// Manage makes the user an administrator of the channel who may post there. The first one
// is its owner. It makes chat_member, unless the user is one already.
func (w *World) Manage(user, channel int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c := w.users[user], w.chats[channel]
	switch {
	case u == nil:
		return noUser(user)
	case c == nil || c.private():
		return errOthersGroup
	}
	if m := w.member(c, user); m != nil && m.Status == "kicked" {
		return fmt.Errorf("%s cannot manage the channel %q, because the bot has banned them; have the bot call unbanChatMember first", u.name(), c.Title)
	}
	if w.claim(c, u); !c.members[user].manages() {
		w.move(u, u, c, "administrator", entry{})
	}
	w.change()
	return nil
}

// Discuss makes the group the discussion group of the channel: each later post is forwarded
// there.
func (w *World) Discuss(channel, group int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, g := w.chats[channel], w.chats[group]
	switch {
	case c == nil || g == nil:
		return errOthersGroup
	case c.linked == g:
		return nil
	case c.linked != nil || g.linked != nil:
		return errors.New("the channel or the group has another discussion; a channel has one discussion group, and a group belongs to one channel")
	}
	c.linked, g.linked = g, c
	w.noteChat(c)
	w.noteChat(g)
	w.change()
	return nil
}

// Comments returns the key of the comments of a post, and the id of the discussion group in
// which they are.
func (w *World) Comments(channel, post int64) (key, group int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.chats[channel]
	if c == nil {
		return 0, 0, errOthersGroup
	}
	m := c.message(post)
	if m == nil || m.copy == nil {
		return 0, 0, fmt.Errorf("the post %d has no comments, because the channel had no discussion group when it was sent; call Channel.Discuss first", post)
	}
	return w.key(m.copy.Chat, m.copy.ID), m.copy.Chat.ID, nil
}
