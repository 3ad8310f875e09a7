package world

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
)

// User returns the user with that name, and makes them if there is none. The first word of
// the name is the first name, the rest the last name.
func (w *World) User(name string) *User {
	first, last := nameOf(name)
	w.mu.Lock()
	defer w.mu.Unlock()
	id, known := w.idOf(first, last)
	if known {
		return w.users[id]
	}
	return w.addUser(&User{ID: id, FirstName: first, LastName: last, LanguageCode: "en"})
}

// nameOf splits a user's name.
func nameOf(name string) (first, last string) {
	first, last, _ = strings.Cut(strings.Join(strings.Fields(name), " "), " ")
	return first, last
}

// idOf returns the id that User gives to a name, and whether the user is known. w.mu is
// held.
func (w *World) idOf(first, last string) (id int64, known bool) {
	name := fullName(first, last)
	for n := int64(0); ; n++ {
		id := w.personID("user", digest(name), n)
		switch u := w.users[id]; {
		case u == nil:
			return id, false
		case u.name() == name:
			return id, true
		}
	}
}

// personID draws the id of a user.
func (w *World) personID(purpose string, ids ...int64) int64 {
	return 5_000_000_000 + int64(w.draw(purpose, ids...)%2_900_000_000)
}

// Group returns the supergroup that was made with that title, and makes it if there is
// none. The bot is an administrator of it, because other bots get no chat_member and
// message_reaction.
func (w *World) Group(title string) *Chat { return w.community("group", title, "supergroup") }

// communityID returns the id of a supergroup or channel for a random number.
func communityID(random uint64) int64 {
	return -1_000_000_000_000 - 1_000_000_000 - int64(random%3_000_000_000)
}

// community returns the chat that was made with that title, for the purpose, and makes it if
// there is none.
func (w *World) community(purpose, title, kind string) *Chat {
	id := communityID(w.draw(purpose, digest(title)))
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.chats[id]; c != nil {
		return c // the bot may have changed its title
	}
	return w.addChat(&Chat{ID: id, Title: title, Type: kind}, &Member{User: w.bot, Status: "administrator"})
}

// Join makes the user a member of the group. It makes chat_member, and a message with
// new_chat_members. If the user is a member already, it does nothing.
func (w *World) Join(user, group int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c := w.users[user], w.chats[group]
	if out, err := w.outsider(user, c); !out {
		return err
	}
	w.enter(c, u, u, entry{})
	return nil
}

// errOthersGroup is the error of an act in a chat that there is not.
var errOthersGroup error = missing{ErrNoChat, "the group is not one of this bot; get it from the bot's own Server"}

// outsider reports whether the user is not in the chat, and may join it. w.mu is held.
func (w *World) outsider(user int64, c *Chat) (bool, error) {
	u := w.users[user]
	switch {
	case u == nil:
		return false, noUser(user)
	case c == nil || c.private():
		return false, errOthersGroup
	}
	switch m := w.member(c, u.ID); {
	case m.present():
		return false, nil
	case m != nil && m.Status == "kicked":
		return false, fmt.Errorf("%s cannot join the group %q, because the bot has banned them; have the bot call unbanChatMember first", u.name(), c.Title)
	}
	return true, nil
}

// enter makes the user a member of the chat by an act of the user by. w.mu is held.
func (w *World) enter(c *Chat, u, by *User, how entry) {
	delete(c.requests, u.ID)
	w.move(u, by, c, "member", how)
	if c.Type != "channel" {
		w.write(c, &Message{From: u, Content: joined(u)})
	}
}

// Leave ends the user's membership of the group.
func (w *World) Leave(user, group int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, group)
	switch {
	case err != nil:
		return err
	case c.private():
		return errOthersGroup
	}
	w.move(u, u, c, "left", entry{})
	if c.Type != "channel" {
		w.write(c, &Message{From: u, Content: left(u)})
	}
	w.change()
	return nil
}

// Block makes the user block or unblock the bot. It makes my_chat_member, unless nothing
// changes.
func (w *World) Block(user int64, blocked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[user]
	if u == nil || u.blocked == blocked {
		return
	}
	u.blocked = blocked
	w.noteUser(u)
	before, after := "member", "kicked"
	if !blocked {
		before, after = after, before
	}
	w.emit("my_chat_member", w.moved(w.chats[user], u, &Member{User: w.bot, Status: before}, &Member{User: w.bot, Status: after}))
	w.change()
}

// membership is a ChatMemberUpdated.
type membership struct {
	Chat *Chat           `json:"chat"`
	From *User           `json:"from"`
	Date int64           `json:"date"`
	Old  json.RawMessage `json:"old_chat_member"`
	New  json.RawMessage `json:"new_chat_member"`
	entry
}

// entry is how a user joined a chat.
type entry struct {
	Link      *InviteLink `json:"invite_link,omitempty"`
	ByRequest bool        `json:"via_join_request,omitempty"`
}

// moved tells of a change of membership, and returns the object of its update. w.mu is held.
func (w *World) moved(c *Chat, by *User, before, after *Member) membership {
	if w.watched() {
		w.noteIn(c, "member", after.User.ID, w.chatMember(c, after))
	}
	return membership{c, by, w.now(), w.chatMember(c, before), w.chatMember(c, after), entry{}}
}

// move changes a user's membership by an act of the user by, or of the bot. w.mu is held.
func (w *World) move(u, by *User, c *Chat, status string, how entry) {
	before, after := w.memberOf(c, u), &Member{User: u, Status: status}
	if before.Status == "restricted" { // a restriction outlasts the membership
		restricted := *before
		restricted.away = status == "left"
		after = &restricted
	}
	c.members[u.ID] = after
	change := w.moved(c, by, before, after)
	change.entry = how
	w.tell(c, "chat_member", change)
}

// party returns the user and the chat of an act, or an error if the user cannot act there.
// w.mu is held.
func (w *World) party(user, chat int64) (*User, *Chat, error) {
	u, c := w.users[user], w.chats[chat]
	switch {
	case u == nil:
		return nil, nil, noUser(user)
	case c == nil:
		return nil, nil, errOthersGroup
	}
	m := w.member(c, user)
	switch {
	case c.upgraded != nil:
		return nil, nil, fmt.Errorf("the group %q has become a supergroup; act there", c.Title)
	case c.private() && c.business == nil && u.blocked:
		return nil, nil, fmt.Errorf("%s has blocked the bot and cannot act in their chat with it; call Unblock first", u.name())
	case !c.private() && m != nil && m.Status == "kicked":
		return nil, nil, fmt.Errorf("%s is not in the group %q, because the bot has banned them", u.name(), c.Title)
	case !c.private() && !m.present() && (c.linked == nil || c.Type == "channel"): // comments need no membership
		return nil, nil, fmt.Errorf("%s is not in the group %q; call Join first", u.name(), c.Title)
	}
	return u, c, nil
}

// adminRights has the updates that a bot gets only as an administrator, with the right that
// it needs; empty if any administrator gets them.
var adminRights = map[string]string{
	"chat_member": "", "message_reaction": "", "message_reaction_count": "", "chat_boost": "", "removed_chat_boost": "", "chat_join_request": "can_invite_users",
}

// tell makes an update of an event in a chat, if the bot is in the chat and may know of it.
// w.mu is held.
func (w *World) tell(c *Chat, kind string, object any) {
	bot := c.members[w.bot.ID]
	right, admin := adminRights[kind]
	switch {
	case c.private():
	case !bot.present(), admin && !bot.manages(), right != "" && !w.may(c, right):
		return
	}
	w.emit(kind, object)
}

// write appends a user's message to the chat and makes the update, if the bot may see it.
// w.mu is held.
func (w *World) write(c *Chat, m *Message) {
	m.forBot = w.meant(m)
	w.add(c, m)
	w.hear(c, "message", m)
}

// name is the user's name in messages to the test.
func (u *User) name() string { return fullName(u.FirstName, u.LastName) }

func fullName(first, last string) string { return strings.TrimSpace(first + " " + last) }

// digest hashes a name, for draws.
func digest(name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return int64(h.Sum64()) //nolint:gosec // bits are all that matters
}
