package world

import (
	"fmt"
	"maps"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// BasicGroup returns the basic group that was made with that title, and makes it if there is
// none. The bot is an administrator of it.
func (w *World) BasicGroup(title string) *Chat {
	id := -1_000_000 - int64(w.draw("basic group", digest(title))%3_000_000_000)
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.chats[id]; c != nil {
		return c
	}
	return w.addChat(&Chat{ID: id, Title: title, Type: "group"}, &Member{User: w.bot, Status: "administrator"})
}

// Upgrade makes a supergroup of a basic group, by an act of a user, who becomes its owner if
// there is none. It makes a message with migrate_to_chat_id, and one with
// migrate_from_chat_id in the supergroup.
func (w *World) Upgrade(user, group int64) (*Chat, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, group)
	switch {
	case err != nil:
		return nil, err
	case c.Type != "group":
		return nil, fmt.Errorf("%q is a %s already", c.Title, c.Type)
	}
	w.claim(c, u)
	if c.members[user].Status != "creator" {
		return nil, fmt.Errorf("%s does not own the group %q; have the owner do it", u.name(), c.Title)
	}
	super := w.addChat(&Chat{ID: communityID(w.draw("upgraded", -c.ID)), Title: c.Title, Type: "supergroup"}, c.members[w.bot.ID])
	maps.Copy(super.members, c.members)
	super.description, super.permissions, super.photo = c.description, c.permissions, c.photo
	c.upgraded = super
	w.noteChat(c)
	w.write(c, &Message{From: u, Content: Content{MovedTo: super.ID}})
	w.write(super, &Message{From: u, Content: Content{MovedFrom: c.ID}})
	return super, nil
}

// migrated refuses an act in a basic group that has become a supergroup.
func (c *Chat) migrated(want access) error {
	if c.upgraded == nil || want != toWrite {
		return nil
	}
	return &botapi.Error{Code: 400, Description: "Bad Request: group chat was upgraded to a supergroup chat", MigrateTo: c.upgraded.ID}
}
