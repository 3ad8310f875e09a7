package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Connect connects the bot to the user's business account, or changes the bot's rights
// there. Without rights the bot has all. It makes business_connection, and returns the id of
// the connection.
func (w *World) Connect(user int64, rights ...string) (string, error) {
	for _, name := range rights {
		if !slices.Contains(businessRights, name) {
			return "", fmt.Errorf("%q is not a right in a business account; the rights are %s", name, strings.Join(businessRights, ", "))
		}
	}
	if len(rights) == 0 {
		rights = businessRights
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[user]
	if u == nil {
		return "", noUser(user)
	}
	id := "business" + strconv.FormatUint(w.drawOwn("business", user), 36)
	a := w.accounts[id]
	if a == nil {
		a = &Account{ID: id, User: u, UserChat: u.ID, Date: w.now(), chats: map[int64]*Chat{}}
		w.accounts[id] = a
	}
	a.Enabled = true
	a.grant(rights)
	u.started = true
	w.emit("business_connection", a)
	w.change()
	return id, nil
}

// Disconnect ends a business connection, unless it has ended. It makes business_connection.
func (w *World) Disconnect(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.accounts[id]; a != nil && a.Enabled {
		a.Enabled = false
		w.emit("business_connection", a)
		w.change()
	}
}

// Customer returns the key of the chat between a business account and a customer.
func (w *World) Customer(id string, customer int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, u := w.accounts[id], w.users[customer]
	switch {
	case a == nil || u == nil:
		return 0, errors.New("the account or the customer is not one of this bot; get both from the bot's own Server")
	case a.User == u:
		return 0, fmt.Errorf("%s cannot be the customer of their own account", u.name())
	}
	return w.key(w.with(a, u), 0), nil
}

// Delete deletes messages by an act of a user: their own, those of a private chat, or as an
// administrator any. Of a business account's chats it makes deleted_business_messages; of
// others Telegram makes no update.
func (w *World) Delete(user, chat int64, messages ...int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	if err != nil {
		return err
	}
	for _, id := range messages {
		switch m := c.message(id); {
		case m == nil:
			return missingf(ErrNoMessage, "there is no message %d to delete", id)
		case !c.private() && !w.wrote(u, m) && !c.allows(c.members[user], "can_delete_messages"):
			return fmt.Errorf("message %d was not written by %s, who is no administrator with can_delete_messages", id, u.name())
		}
	}
	for _, id := range messages {
		if m := c.message(id); m != nil { // no id comes twice
			m.deleted = true
			w.noteDeleted(m)
		}
	}
	c.unpin(func(m *Message) bool { return m == nil })
	if c.business != nil && c.business.Enabled {
		w.emit("deleted_business_messages", deletion{c.business.ID, c, messages})
	}
	w.change()
	return nil
}

// deletion is a BusinessMessagesDeleted.
type deletion struct {
	ID       string  `json:"business_connection_id"`
	Chat     *Chat   `json:"chat"`
	Messages []int64 `json:"message_ids"`
}

// meetBusiness learns from an update about a business account: its connection, its chats and
// their messages. w.mu is held.
func (w *World) meetBusiness(kind string, object []byte) {
	switch kind {
	case "business_connection":
		var told Account
		if json.Unmarshal(object, &told) == nil && told.ID != "" && w.mayOwn(told.User) {
			w.meetAccount(told)
		}
	case "business_message", "edited_business_message":
		var m Message
		if json.Unmarshal(object, &m) == nil && m.BusinessID != "" && m.ID > 0 && m.Chat != nil && m.Chat.private() && m.Chat.ID > 0 {
			w.meetLetter(&m)
		}
	}
}

// mayOwn reports whether the user of an update may have a business account.
func (w *World) mayOwn(u *User) bool { return u != nil && u.ID > 0 && u.ID != w.bot.ID }

// meetAccount learns a business connection, or what has changed in it. w.mu is held.
func (w *World) meetAccount(told Account) *Account {
	a := w.accounts[told.ID]
	if a == nil {
		a = &Account{ID: told.ID, Date: told.Date, chats: map[int64]*Chat{}}
		w.accounts[told.ID] = a
	}
	a.User, a.UserChat, a.Enabled = w.meetUser(told.User), told.UserChat, told.Enabled
	o, _ := parseObject(told.Rights)
	a.grant(slices.DeleteFunc(slices.Clone(businessRights), func(right string) bool { return !o.flag(right) }))
	return a
}

// meetLetter learns a message of a business account's chat. The owner of an account that is
// not known is someone else than the customer, and lets the bot do everything. w.mu is held.
func (w *World) meetLetter(m *Message) {
	a := w.accounts[m.BusinessID]
	customer := w.meetStranger(&User{ID: m.Chat.ID, FirstName: m.Chat.FirstName, LastName: m.Chat.LastName, Username: m.Chat.Username})
	if a == nil {
		owner := &User{ID: w.personID("owner", digest(m.BusinessID)), FirstName: "Owner"}
		if w.mayOwn(m.From) && m.From.ID != customer.ID {
			owner = m.From
		}
		a = w.meetAccount(Account{ID: m.BusinessID, User: owner, UserChat: owner.ID, Date: m.Date, Enabled: true})
		a.grant(businessRights)
	}
	c := w.with(a, customer)
	at := c.index(m.ID)
	if at < len(c.messages) && c.messages[at].ID == m.ID {
		return
	}
	if m.From == nil || m.From.ID != customer.ID {
		m.From = a.User
	} else {
		m.From = customer
	}
	if m.BusinessBot != nil {
		m.BusinessBot = w.bot
	}
	w.insert(c, at, m)
}

// meetStranger returns the World's user for u, who has not written to the bot. w.mu is held.
func (w *World) meetStranger(u *User) *User {
	if w.users[u.ID] == nil {
		w.addUser(u)
	}
	return w.users[u.ID]
}
