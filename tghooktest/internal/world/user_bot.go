package world

import (
	"fmt"
	"slices"
	"strings"
)

// SetBot makes a user change what the bot is in a group: administrator, member, kicked. An
// administrator has the rights, or all if there are none. It makes my_chat_member, unless
// nothing changes. If the bot was not in the group, it makes a message with
// new_chat_members too.
//
// The user must be the owner of the group or an administrator who may do that. If the group
// has no owner, the user is the owner from then on.
func (w *World) SetBot(user, group int64, status string, rights ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, group)
	switch {
	case err != nil:
		return err
	case c.private():
		return errOthersGroup
	}
	if unknown := c.unknownRights(rights); len(unknown) > 0 {
		return fmt.Errorf("%s are not rights of an administrator of the group %q; the rights are those of the Bot API's ChatAdministratorRights for groups", strings.Join(unknown, ", "), c.Title)
	}
	w.claim(c, u)
	before := w.memberOf(c, w.bot)
	if right := rightToSet(before.Status, status); !c.allows(c.members[user], right) {
		return fmt.Errorf("%s may not make the bot %s of the group %q, because they are not an administrator with %s; have the owner do it", u.name(), status, c.Title, right)
	}
	after := &Member{User: w.bot, Status: status}
	if status == "administrator" && len(rights) > 0 {
		after.rights = chosenOf(c.rights(), func(right string) bool {
			return right == "can_manage_chat" || slices.Contains(rights, right)
		})
	}
	if before.Status == after.Status && string(before.rights) == string(after.rights) {
		return nil
	}
	c.members[w.bot.ID] = after
	w.emit("my_chat_member", w.moved(c, u, before, after))
	if !before.present() && after.present() && c.Type != "channel" {
		w.write(c, &Message{From: u, Content: joined(w.bot)})
	}
	w.change()
	return nil
}

// rightToSet returns the right that someone needs to change what the bot is in a group.
func rightToSet(before, after string) string {
	switch {
	case before == "administrator" || after == "administrator":
		return "can_promote_members"
	case after == "member":
		return "can_invite_users"
	}
	return "can_restrict_members"
}

// claim makes the user the owner of the group, if it has none. It makes no update.
func (w *World) claim(c *Chat, u *User) {
	for _, m := range c.members {
		if m.Status == "creator" {
			return
		}
	}
	c.members[u.ID] = &Member{User: u, Status: "creator"}
	if w.watched() {
		w.noteIn(c, "member", u.ID, w.chatMember(c, c.members[u.ID]))
	}
}
