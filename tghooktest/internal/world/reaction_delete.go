package world

import "github.com/tghook/tghook/tghooktest/internal/botapi"

var toDeleteReactions = power{"can_delete_messages", "not enough rights to delete reactions", "method is available only for groups and supergroups"}

// deleteMessageReaction removes a user's reactions to a message.
func (w *World) deleteMessageReaction(p botapi.Params) (any, error) {
	c, u, err := w.reacting(p)
	if err != nil {
		return nil, err
	}
	m := c.message(p.Int("message_id"))
	if m == nil {
		return nil, refusal("message to react not found")
	}
	w.unreact(m, u)
	w.change()
	return true, nil
}

// deleteAllMessageReactions removes a user's reactions to all messages of a group.
func (w *World) deleteAllMessageReactions(p botapi.Params) (any, error) {
	c, u, err := w.reacting(p)
	if err != nil {
		return nil, err
	}
	for _, m := range c.messages {
		w.unreact(m, u)
	}
	w.change()
	return true, nil
}

// unreact removes a user's reactions to a message. w.mu is held.
func (w *World) unreact(m *Message, u *User) {
	if len(m.reactions[u.ID]) > 0 {
		delete(m.reactions, u.ID)
		w.noteReaction(m, u.ID)
	}
}

// reacting returns the group and the user whose reactions a call removes.
func (w *World) reacting(p botapi.Params) (*Chat, *User, error) {
	u, err := w.user(p, "user_id")
	if err != nil {
		return nil, nil, err
	}
	c, err := w.managed(p, toDeleteReactions)
	if err == nil && c.Type == "channel" {
		err = refusal(toDeleteReactions.private)
	}
	return c, u, err
}
