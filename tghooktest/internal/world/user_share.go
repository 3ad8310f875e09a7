package world

import (
	"errors"
	"fmt"
)

// sharedUser is a SharedUser.
type sharedUser struct {
	ID        int64       `json:"user_id"`
	FirstName string      `json:"first_name,omitempty"`
	LastName  string      `json:"last_name,omitempty"`
	Username  string      `json:"username,omitempty"`
	Photo     []PhotoSize `json:"photo,omitempty"`
}

// ShareUsers makes the user press a key with request_users, and choose users.
func (w *World) ShareUsers(user, chat int64, button string, chosen ...int64) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, k, err := w.asking(user, chat, button, "request_users", "request_user")
	if err != nil {
		return Seen{}, err
	}
	users := make([]*User, 0, len(chosen))
	for _, id := range chosen {
		users = append(users, w.users[id])
	}
	if err := k.admits(users); err != nil {
		return Seen{}, fmt.Errorf("the button %q: %w", button, err)
	}
	ids, shared := make([]int64, 0, len(users)), make([]sharedUser, 0, len(users))
	for _, other := range users {
		ids, shared = append(ids, other.ID), append(shared, k.shared(other))
	}
	content := Content{UsersShared: marshal(struct {
		IDs     []int64      `json:"user_ids"` // older form of users
		Users   []sharedUser `json:"users"`
		Request int64        `json:"request_id"`
	}{ids, shared, k.what.integer("request_id")})}
	if len(ids) == 1 {
		content.UserShared = marshal(struct {
			ID      int64 `json:"user_id"`
			Request int64 `json:"request_id"`
		}{ids[0], k.what.integer("request_id")})
	}
	return w.answerKey(u, c, k, content)
}

// admits returns why Telegram does not let a user choose these users; nil if it does.
func (k key) admits(users []*User) error {
	most := max(1, int(k.what.integer("max_quantity")))
	switch n := len(users); {
	case n == 0:
		return errors.New("no users are chosen")
	case n > most:
		return fmt.Errorf("%d users are chosen, and max_quantity is %d", n, most)
	}
	for _, u := range users {
		switch {
		case u == nil:
			return errors.New("a user who does not exist is chosen")
		case k.what.has("user_is_bot") && k.what.flag("user_is_bot") != u.IsBot:
			return fmt.Errorf("%s cannot be chosen, because user_is_bot is %s", u.name(), k.what["user_is_bot"])
		case k.what.has("user_is_premium") && k.what.flag("user_is_premium") != u.IsPremium:
			return fmt.Errorf("%s cannot be chosen, because user_is_premium is %s", u.name(), k.what["user_is_premium"])
		}
	}
	return nil
}

// shared returns what the key asks to know about a user.
func (k key) shared(u *User) sharedUser {
	s := sharedUser{ID: u.ID}
	if k.what.flag("request_name") {
		s.FirstName, s.LastName = u.FirstName, u.LastName
	}
	if k.what.flag("request_username") {
		s.Username = u.Username
	}
	if n := len(u.photos); n > 0 && k.what.flag("request_photo") {
		s.Photo = u.photos[n-1].sizes
	}
	return s
}

// ShareChat makes the user press a key with request_chat, and choose one of their chats.
func (w *World) ShareChat(user, chat int64, button string, chosen int64) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, k, err := w.asking(user, chat, button, "request_chat")
	if err != nil {
		return Seen{}, err
	}
	other := w.chats[chosen]
	if other == nil || other.private() {
		return Seen{}, fmt.Errorf("the button %q: a chat that is no group is chosen", button)
	}
	if _, _, err = w.party(user, chosen); err == nil {
		err = k.admitsChat(other, other.members[w.bot.ID].present())
	}
	if err != nil {
		return Seen{}, fmt.Errorf("the button %q: %w", button, err)
	}
	shared := struct {
		ID       int64  `json:"chat_id"`
		Title    string `json:"title,omitempty"`
		Username string `json:"username,omitempty"`
		Request  int64  `json:"request_id"`
	}{ID: other.ID, Request: k.what.integer("request_id")}
	if k.what.flag("request_title") {
		shared.Title = other.Title
	}
	if k.what.flag("request_username") {
		shared.Username = other.Username
	}
	return w.answerKey(u, c, k, Content{ChatShared: marshal(shared)})
}

// admitsChat returns why Telegram does not let a user choose the chat; nil if it does.
func (k key) admitsChat(c *Chat, hasBot bool) error {
	for _, rule := range []struct {
		field string
		must  bool // the chat must be as the field says when it is false too
		is    bool
	}{
		{"chat_is_channel", true, c.Type == "channel"},
		{"chat_is_forum", k.what.has("chat_is_forum"), c.IsForum},
		{"chat_has_username", k.what.has("chat_has_username"), c.Username != ""},
		{"bot_is_member", k.what.flag("bot_is_member"), hasBot},
	} {
		if want := k.what.flag(rule.field); rule.must && want != rule.is {
			return fmt.Errorf("%q cannot be chosen, because %s is %t", c.Title, rule.field, want)
		}
	}
	return nil
}

// SendWebAppData makes the user press a key with web_app, and the Mini App that it opens
// send the data.
func (w *World) SendWebAppData(user, chat int64, button, data string) (Seen, error) {
	if n := len(data); n == 0 || n > 4096 {
		return Seen{}, fmt.Errorf("the data has %d bytes; a Mini App sends 1 to 4096", n)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, k, err := w.asking(user, chat, button, "web_app")
	if err != nil {
		return Seen{}, err
	}
	return w.answerKey(u, c, k, Content{WebAppData: marshal(struct {
		Button string `json:"button_text"`
		Data   string `json:"data"`
	}{button, data})})
}
