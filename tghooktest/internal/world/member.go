package world

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// The rights of an administrator in a group and in a channel, unless promoteChatMember gave
// others. can_be_edited is not among the rights that can be given.
const (
	groupRights = `{"can_manage_chat":true,"can_change_info":true,"can_delete_messages":true,"can_invite_users":true,` +
		`"can_restrict_members":true,"can_pin_messages":true,"can_manage_topics":true,"can_promote_members":true,` +
		`"can_manage_video_chats":true,"can_post_stories":true,"can_edit_stories":true,"can_delete_stories":true,"can_manage_tags":true,"can_send_welcome_messages":true,"is_anonymous":false}`
	channelRights = `{"can_manage_chat":true,"can_change_info":true,"can_post_messages":true,"can_edit_messages":true,` +
		`"can_delete_messages":true,"can_invite_users":true,"can_restrict_members":true,"can_promote_members":true,` +
		`"can_manage_video_chats":true,"can_post_stories":true,"can_edit_stories":true,"can_delete_stories":true,` +
		`"can_manage_direct_messages":true,"can_send_welcome_messages":true,"is_anonymous":false}`
)

// rights returns all rights that the chat has.
func (c *Chat) rights() string {
	if c.Type == "channel" {
		return channelRights
	}
	return groupRights
}

// chosenOf returns an object with the fields of all. A field is true if chosen returns true
// for it.
func chosenOf(all string, chosen func(string) bool) json.RawMessage {
	var b bytes.Buffer
	d := json.NewDecoder(bytes.NewReader([]byte(all)))
	for {
		token, err := d.Token()
		if err != nil {
			return b.Bytes()
		}
		switch t := token.(type) {
		case json.Delim:
			b.WriteString(t.String())
		case string:
			if b.Len() > 1 {
				b.WriteByte(',')
			}
			b.Write(marshal(t))
			b.WriteByte(':')
			b.Write(marshal(chosen(t)))
		}
	}
}

// joinObjects joins several objects to one.
func joinObjects(objects ...json.RawMessage) json.RawMessage {
	b := []byte("{")
	for _, o := range objects {
		if inner := bytes.TrimSuffix(bytes.TrimPrefix(o, []byte("{")), []byte("}")); len(inner) > 0 {
			if len(b) > 1 {
				b = append(b, ',')
			}
			b = append(b, inner...)
		}
	}
	return append(b, '}')
}

// chatMember returns the ChatMember object of a member. w.mu is held.
func (w *World) chatMember(c *Chat, m *Member) json.RawMessage {
	until := func(date int64) json.RawMessage {
		return marshal(struct {
			Until int64 `json:"until_date"`
		}{date})
	}
	who := marshal(struct {
		User   *User  `json:"user"`
		Status string `json:"status"`
	}{m.User, m.Status})
	title := marshal(struct {
		Title string `json:"custom_title,omitempty"`
	}{m.Title})
	tag := marshal(struct {
		Tag string `json:"tag,omitempty"`
	}{m.Tag})
	switch m.Status {
	case "member":
		return joinObjects(who, tag)
	case "creator":
		return joinObjects(who, title, json.RawMessage(`{"is_anonymous":false}`))
	case "administrator":
		given := m.rights
		if given == nil {
			given = json.RawMessage(c.rights())
		}
		return joinObjects(who, json.RawMessage(`{"can_be_edited":false}`), given, title)
	case "restricted":
		return joinObjects(who, tag, until(m.Until), marshal(struct {
			Is bool `json:"is_member"`
		}{m.present()}), m.rights)
	case "kicked":
		return joinObjects(who, until(m.Until))
	}
	return who
}

// memberOf returns a user's membership of a chat. A user who was never there has the status
// left.
func (w *World) memberOf(c *Chat, u *User) *Member {
	switch m := w.member(c, u.ID); {
	case m != nil:
		return m
	case c.private() && (u.ID == c.ID || u == w.bot):
		return &Member{User: u, Status: "member"}
	}
	return &Member{User: u, Status: "left"}
}

// become changes a user's membership by an act of the bot, and makes the update. w.mu is
// held.
func (w *World) become(c *Chat, u *User, m *Member) {
	kind := "chat_member"
	if u == w.bot {
		kind = "my_chat_member"
	}
	before := w.memberOf(c, u)
	c.members[u.ID] = m
	w.emit(kind, w.moved(c, w.bot, before, m))
	w.change()
}

func (w *World) getChatMember(p botapi.Params) (any, error) {
	c, err := w.chat(p.String("chat_id"), toRead)
	if err != nil {
		return nil, err
	}
	u, err := w.user(p, "user_id")
	if err != nil {
		return nil, err
	}
	return w.chatMember(c, w.memberOf(c, u)), nil
}

// getChatAdministrators leaves out other bots, as Telegram does.
func (w *World) getChatAdministrators(p botapi.Params) (any, error) {
	c, err := w.chat(p.String("chat_id"), toRead)
	switch {
	case err != nil:
		return nil, err
	case c.private():
		return nil, refusal("there are no administrators in the private chat")
	}
	all := []json.RawMessage{}
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		if m := c.members[id]; m.manages() {
			all = append(all, w.chatMember(c, m))
		}
	}
	return all, nil
}

// subject returns the member whose membership the bot wants to change.
func (w *World) subject(p botapi.Params, need power) (*Chat, *Member, error) {
	u, err := w.user(p, "user_id")
	if err != nil {
		return nil, nil, err
	}
	c, err := w.managed(p, need)
	if err != nil {
		return nil, nil, err
	}
	m := w.memberOf(c, u)
	switch {
	case u == w.bot && need == toPromote:
		return nil, nil, refusal("can't promote self")
	case u == w.bot:
		return nil, nil, refusal("can't restrict self")
	case m.Status == "creator" && need == toEntitle:
		return nil, nil, refusal("only creator can edit their custom title")
	case m.Status == "creator":
		return nil, nil, refusal("can't remove chat owner")
	}
	return c, m, nil
}

// changesMember makes the methods that change a user's membership, for which the bot needs
// the power.
func changesMember(need power, change func(*World, botapi.Params, *Chat, *Member) error) func(*World, botapi.Params) (any, error) {
	return func(w *World, p botapi.Params) (any, error) {
		c, m, err := w.subject(p, need)
		if err == nil {
			err = change(w, p, c, m)
		}
		return true, err
	}
}

var errAdministrator = refusal("user is an administrator of the chat")

// A restriction or ban that would end sooner or later than this never ends.
const (
	shortestTerm = 30
	longestTerm  = 366 * 24 * 60 * 60
)

// until returns when a restriction or ban ends; 0 if never.
func (w *World) until(p botapi.Params) int64 {
	date := p.Int("until_date")
	if left := date - w.now(); left < shortestTerm || left > longestTerm {
		return 0
	}
	return date
}

// member returns the membership of a user who is or was in the chat; nil if they never
// were. It ends a restriction or ban whose time is over, of which Telegram makes no update.
// w.mu is held.
func (w *World) member(c *Chat, id int64) *Member {
	m := c.members[id]
	if m != nil && m.Until != 0 && m.Until <= w.now() {
		m = m.released()
		c.members[id] = m
		if w.watched() {
			w.noteIn(c, "member", id, w.chatMember(c, m))
		}
	}
	return m
}

// released returns the membership after a restriction or ban.
func (m *Member) released() *Member {
	if m.present() {
		return &Member{User: m.User, Status: "member"}
	}
	return &Member{User: m.User, Status: "left"}
}

func (w *World) ban(p botapi.Params, c *Chat, m *Member) error {
	if m.Status == "administrator" {
		return errAdministrator
	}
	w.become(c, m.User, &Member{User: m.User, Status: "kicked", Until: w.until(p)})
	if m.present() && c.Type != "channel" {
		w.notice(c, left(m.User))
	}
	return nil
}

func (w *World) unban(p botapi.Params, c *Chat, m *Member) error {
	if m.Status == "kicked" || m.present() && !p.Bool("only_if_banned") {
		w.become(c, m.User, &Member{User: m.User, Status: "left"})
	}
	return nil
}

// promote gives the rights that the call names. Any right implies can_manage_chat, and in a
// channel can_restrict_members.
func (w *World) promote(p botapi.Params, c *Chat, m *Member) error {
	chosen := func(right string) bool {
		return p.Bool(right) || right == "can_manage_video_chats" && p.Bool("can_manage_voice_chats") // its older name
	}
	promoted := &Member{User: m.User, Status: "member"}
	if bytes.Contains(chosenOf(c.rights(), chosen), []byte("true")) {
		promoted = &Member{User: m.User, Status: "administrator", Title: m.Title, rights: chosenOf(c.rights(), func(right string) bool {
			return chosen(right) || right == "can_manage_chat" || right == "can_restrict_members" && c.Type == "channel"
		})}
	}
	w.become(c, m.User, promoted)
	return nil
}

func (w *World) setTitle(p botapi.Params, c *Chat, m *Member) error {
	if m.Status != "administrator" {
		return refusal("user is not an administrator")
	}
	titled := *m
	titled.Title = p.String("custom_title")
	c.members[m.User.ID] = &titled
	w.change()
	return nil
}
