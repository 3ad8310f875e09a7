package world

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// met has the fields that the object of an update may have.
type met struct {
	ID       string      `json:"id"` // id of a query
	From     *User       `json:"from"`
	User     *User       `json:"user"`
	Chat     *Chat       `json:"chat"`
	Message  *Message    `json:"message"` // message of a callback query
	InlineID string      `json:"inline_message_id"`
	Data     string      `json:"data"`
	Query    string      `json:"query"`
	Link     *InviteLink `json:"invite_link"`
	New      object      `json:"new_chat_member"`
}

// Meet learns from an update that no user of this World made: its user, its chat, where the
// bot may write from then on, its message, and its query, which the bot can answer. What
// the World knows already does not change, except for who a user is and for the members of a
// chat. The bot is an administrator of groups and channels that it meets.
func (w *World) Meet(kind string, object []byte) {
	var about met
	_ = json.Unmarshal(object, &about) // fields of other types stay empty
	var all any
	_ = json.Unmarshal(object, &all)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meetFiles("", all)
	w.meetQueries(all)
	if strings.Contains(kind, "business") {
		w.meetBusiness(kind, object)
		w.change()
		return
	}
	from, c := w.meetUser(cmp.Or(about.From, about.User)), w.meetChat(about.Chat)
	var pressed *Message
	switch kind {
	case "message", "edited_message", "channel_post", "edited_channel_post":
		var m Message
		if json.Unmarshal(object, &m) == nil {
			w.meetMessage(&m, from)
		}
	case "callback_query":
		pressed = w.meetMessage(about.Message, w.bot)
	case "my_chat_member", "chat_member":
		w.meetMember(kind, c, about)
	case "chat_join_request":
		w.meetRequest(c, from, about.Link)
	}
	if id := about.InlineID; id != "" && from != nil && from != w.bot && w.inline[id] == nil { // the update does not have the message's text
		w.inline[id] = &Message{From: from, Chat: w.chats[from.ID], ViaBot: w.bot, inlineID: id, Content: Content{Text: "?"}}
	}
	w.meetQuery(kind, about, from, pressed)
	w.change()
}

// meetQuery learns of a query, which the bot can answer from now on as long as any. pressed is
// the message of a callback query. w.mu is held.
func (w *World) meetQuery(kind string, about met, from *User, pressed *Message) {
	life, ok := queryLife[kind]
	if !ok || about.ID == "" || from == nil {
		return
	}
	q := w.queries[about.ID]
	if q == nil {
		q = &Query{ID: about.ID, Kind: kind, From: from, Message: pressed, InlineID: about.InlineID, Data: cmp.Or(about.Data, about.Query), chat: from.ID}
		w.queries[about.ID] = q
	}
	q.Until = w.cfg.Now().Add(life)
}

// meetUser returns the World's user for u, and adds u if it is new. A known user takes on
// what u says about them. w.mu is held.
func (w *World) meetUser(u *User) *User {
	if u == nil || u.ID <= 0 {
		return nil
	}
	known := w.users[u.ID]
	switch {
	case known == nil:
		known = w.addUser(u)
		known.started = true
	case known != w.bot:
		known.Username, known.LanguageCode = cmp.Or(u.Username, known.Username), cmp.Or(u.LanguageCode, known.LanguageCode)
		known.IsPremium = known.IsPremium || u.IsPremium
		w.chats[u.ID].Username = known.Username
		w.noteUser(known)
	}
	return known
}

// chatTypes are the types of chats that there are.
var chatTypes = []string{"private", "group", "supergroup", "channel"}

// meetChat returns the World's chat for c, and adds c if it is new. w.mu is held.
func (w *World) meetChat(c *Chat) *Chat {
	switch {
	case c == nil || c.ID == 0 || !slices.Contains(chatTypes, c.Type):
		return nil
	case w.chats[c.ID] != nil:
	case c.private():
		w.meetUser(&User{ID: c.ID, FirstName: c.FirstName, LastName: c.LastName, Username: c.Username})
	default:
		w.addChat(c, &Member{User: w.bot, Status: "administrator"})
	}
	return w.chats[c.ID]
}

// meetMessage adds a message to its chat, unless that has a message with the id. It returns
// nil if the bot cannot see the message, and if nobody sent it. A message that is too old to be deleted counts as
// sent now. w.mu is held.
func (w *World) meetMessage(m *Message, from *User) *Message {
	if m == nil || m.ID <= 0 || m.Date == 0 {
		return nil
	}
	c := w.meetChat(m.Chat)
	if c == nil {
		return nil
	}
	at := c.index(m.ID)
	if at < len(c.messages) && c.messages[at].ID == m.ID {
		return c.messages[at]
	}
	m.From, m.SenderChat = from, w.meetChat(m.SenderChat)
	if m.From == nil && m.SenderChat == nil {
		return nil
	}
	w.insert(c, at, m)
	w.meetTopic(m)
	if from != nil && !c.private() && c.members[from.ID] == nil {
		c.members[from.ID] = &Member{User: from, Status: "member"}
	}
	return m
}

// insert puts a message at its place in the chat. w.mu is held.
func (w *World) insert(c *Chat, at int, m *Message) {
	m.Chat = c
	m.Entities, m.CaptionEnts = fitting(m.Text, m.Entities), fitting(m.Caption, m.CaptionEnts)
	if w.now()-m.Date >= deletable {
		m.Date = w.now()
	}
	c.messages = slices.Insert(c.messages, at, m)
	last := w.counter(c)
	*last = max(*last, m.ID)
	w.noteMessage("message", m)
}

// fitting returns the entities that have a type and are inside the text.
func fitting(text string, entities []Entity) []Entity {
	end := units(text)
	return slices.DeleteFunc(entities, func(e Entity) bool { return e.Type == "" || e.Offset < 0 || e.Length <= 0 || e.Offset > end-e.Length })
}

// meetMember sets the membership that an update gives to a user, or to the bot. w.mu is
// held.
func (w *World) meetMember(kind string, c *Chat, about met) {
	if c == nil || about.New == nil {
		return
	}
	who := w.bot
	if kind == "chat_member" {
		var u *User
		_ = json.Unmarshal(about.New["user"], &u) // nil if it is not a user
		who = w.meetUser(u)
	}
	status := about.New.text("status")
	switch {
	case c.private():
		w.users[c.ID].blocked = status == "kicked"
	case who != nil:
		c.members[who.ID] = &Member{
			User: who, Status: status, Title: about.New.text("custom_title"), Until: about.New.integer("until_date"),
			rights: c.met(about.New), away: status == "restricted" && !about.New.flag("is_member"),
		}
	}
}

// met returns the rights or permissions that a ChatMember has; nil if it names none.
func (c *Chat) met(member object) json.RawMessage {
	all := map[string]string{"administrator": c.rights(), "restricted": permissions}[member.text("status")]
	fields, _ := parseObject([]byte(all))
	for name := range fields {
		if member[name] != nil {
			return chosenOf(all, member.flag)
		}
	}
	return nil
}
