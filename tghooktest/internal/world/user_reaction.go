package world

import (
	"fmt"
	"slices"
	"strings"
)

// React sets the user's reactions to a message. It makes message_reaction, unless nothing
// changes.
func (w *World) React(user, chat, message int64, emoji ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	if err != nil {
		return err
	}
	m := c.message(message)
	if m == nil {
		return missingf(ErrNoMessage, "there is no message %d to react to", message)
	}
	if !c.permits(c.members[user], "can_react_to_messages") {
		return fmt.Errorf("%s may not react to messages of the group %q, because the bot has forbidden it; have the bot call restrictChatMember or setChatPermissions first", u.name(), c.Title)
	}
	before, after := m.reactions[user], make([]Reaction, 0, len(emoji))
	for _, e := range emoji {
		if e = plainEmoji(e); !slices.Contains(reactions, e) {
			return fmt.Errorf("%q is not a reaction; the reactions are %s", e, strings.Join(reactions, " "))
		}
		after = append(after, Reaction{Type: "emoji", Emoji: e})
	}
	if slices.Equal(before, after) {
		return nil
	}
	if m.reactions == nil {
		m.reactions = map[int64][]Reaction{}
	}
	m.reactions[user] = after
	w.noteReaction(m, user)
	switch {
	case c.business != nil: // of which a bot is not told
	case c.Type == "channel":
		w.tell(c, "message_reaction_count", m.counted(w.now()))
	default:
		w.tell(c, "message_reaction", reacted{c, m.ID, u, w.now(), append([]Reaction{}, before...), after})
	}
	w.change()
	return nil
}

// reacted is a MessageReactionUpdated.
type reacted struct {
	Chat    *Chat      `json:"chat"`
	Message int64      `json:"message_id"`
	User    *User      `json:"user"`
	Date    int64      `json:"date"`
	Old     []Reaction `json:"old_reaction"`
	New     []Reaction `json:"new_reaction"`
}
