package world

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Users returns the ids of the users, in ascending order.
func (w *World) Users() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := slices.Sorted(maps.Keys(w.users))
	return slices.DeleteFunc(ids, func(id int64) bool { return w.users[id].IsBot || id == service.ID })
}

// Person is who a user is.
type Person struct {
	UserConfig
	Blocked bool // the user has blocked the bot
}

// Person returns who the user is. It returns false if there is no such user.
func (w *World) Person(id int64) (Person, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[id]
	if u == nil {
		return Person{}, false
	}
	return Person{UserConfig{u.name(), u.Username, u.LanguageCode, u.IsPremium, u.ID}, u.blocked}, true
}

// FindUser returns the id of the user with the id or username, and their name.
func (w *World) FindUser(name string) (id int64, called string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id, err := strconv.ParseInt(name, 10, 64); err == nil {
		if u := w.users[id]; u != nil && u != w.bot {
			return id, u.name(), nil
		}
	}
	bare := strings.TrimPrefix(name, "@")
	for id, u := range w.users {
		if bare != "" && u != w.bot && strings.EqualFold(u.Username, bare) {
			return id, u.name(), nil
		}
	}
	return 0, "", missingf(ErrNoUser, "there is no user %q; pass the id or the username of a user", name)
}

// Place returns the name of the chat with the id, which the user may look at: their own with
// the bot, or a group or channel.
func (w *World) Place(user, chat int64) (title string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.chats[chat]
	if c == nil || chat >= firstPart || c.private() && chat != user {
		return "", missingf(ErrNoChat, "there is no chat %d for the user %d; users have a chat with the bot, whose id is theirs, and its groups and channels", chat, user)
	}
	return c.Title, nil
}

// Chats returns the ids of the chats that Place knows for the user: their own with the bot,
// then the others in ascending order.
func (w *World) Chats(user int64) []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := []int64{user}
	for _, id := range slices.Sorted(maps.Keys(w.chats)) {
		if c := w.chats[id]; id < firstPart && !c.private() {
			ids = append(ids, id)
		}
	}
	return ids
}

// Thread returns the key of a topic, or of the comments that begin with a message.
func (w *World) Thread(chat, thread int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.chatOrEmpty(chat)
	root := c.message(thread)
	if root == nil || thread != general && c.topics[thread] == nil && c.linked == nil {
		return 0, missingf(ErrNoChat, "the chat has no thread %d; pass the message_thread_id of a topic, or of the comments on a post", thread)
	}
	return w.key(c, thread), nil
}

// ReplyingTo returns the key of the part of the chat in which what a user sends replies to the
// message.
func (w *World) ReplyingTo(chat, message int64) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.chatOrEmpty(chat)
	if c.message(message) == nil {
		return 0, missingf(ErrNoMessage, "there is no message %d to reply to", message)
	}
	return w.keyOf(part{c, w.parts[chat].thread, message}), nil
}

// View is what a user sees of a chat at one time.
type View struct {
	Type, Title, Username string
	IsForum               bool
	Status, BotStatus     string // of the members
	Asked                 bool   // the user has asked to join
	Blocked               bool   // the user has blocked the bot, whose private chat it is
	CanSend               bool   // the user may send a text
	Members               []Membership
	Topics                []TopicView
	Pinned                []int64
	Keyboard              json.RawMessage
	Menu                  json.RawMessage
	Drafts                []ShownDraft
	Action                string
	ActionUntil           time.Time
	Linked, MovedTo       int64
	Last                  *Seen
}

// Membership is what a user is in a chat.
type Membership struct {
	User         int64
	Name, Status string
}

// TopicView is the state of a topic.
type TopicView struct {
	ID             int64
	Name           string
	Closed, Hidden bool
}

// Look returns what the user sees of a chat, or of a part of it.
func (w *World) Look(user, chat int64) View {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, u := w.chatOrEmpty(chat), w.users[user]
	if u == nil {
		return View{}
	}
	v := View{
		Type: c.Type, Title: c.Title, Username: c.Username, IsForum: c.IsForum, Pinned: slices.Clone(c.pinned),
		Status: w.memberOf(c, u).Status, BotStatus: w.memberOf(c, w.bot).Status,
		Blocked: c.private() && c.business == nil && u.blocked, CanSend: w.sends(u, chat),
		Keyboard: slices.Clone(c.keyboards[user]), Menu: slices.Clone(w.menuOf(c)), Drafts: w.draftsOf(c),
	}
	if c.private() {
		v.Title = fullName(c.FirstName, c.LastName)
	}
	_, v.Asked = c.requests[user]
	for _, m := range w.presentIn(c) {
		v.Members = append(v.Members, Membership{m.User.ID, m.User.name(), m.Status})
	}
	for _, id := range slices.Sorted(maps.Keys(c.topics)) {
		t := c.topics[id]
		v.Topics = append(v.Topics, TopicView{t.ID, t.Name, t.closed, t.hidden})
	}
	if a := c.actions[w.parts[chat].thread]; a.until.After(w.cfg.Now()) {
		v.Action, v.ActionUntil = a.name, a.until
	}
	if c.linked != nil {
		v.Linked = c.linked.ID
	}
	if c.upgraded != nil {
		v.MovedTo = c.upgraded.ID
	}
	for _, m := range slices.Backward(c.messages) {
		if !m.deleted && w.within(chat, m) {
			seen := w.see(m)
			v.Last = &seen
			break
		}
	}
	return v
}

// sends reports whether the user may send a text to the chat, or the part of it. w.mu is held.
func (w *World) sends(u *User, chat int64) bool {
	_, c, err := w.party(u.ID, chat)
	if err != nil || c.Type == "channel" && !c.allows(c.members[u.ID], "can_post_messages") {
		return false
	}
	if c.forbids(c.members[u.ID], Content{Text: "?"}) != "" {
		return false
	}
	t := c.topics[cmp.Or(w.parts[chat].thread, general)]
	return t == nil || !t.closed || t.creator == u || c.allows(c.members[u.ID], "can_manage_topics")
}

// menuOf returns the menu button of a private chat; nil for other chats. w.mu is held.
func (w *World) menuOf(c *Chat) json.RawMessage {
	if !c.private() || c.business != nil {
		return nil
	}
	menu := w.menus[c.ID]
	if menu == nil || string(menu) == string(menuDefault) {
		menu = w.menus[0]
	}
	if menu == nil || string(menu) == string(menuDefault) {
		menu = menuCommands
	}
	return menu
}

// draftsOf returns the drafts that a user sees in the chat. w.mu is held.
func (w *World) draftsOf(c *Chat) (all []ShownDraft) {
	for _, thread := range slices.Sorted(maps.Keys(c.drafts.now)) {
		if d := c.drafts.now[thread]; !w.cfg.Now().After(d.until) {
			all = append(all, ShownDraft{d.Draft, d.thread, d.until})
		}
	}
	return all
}

// Post is a message with what users did to it.
type Post struct {
	Seen
	Deleted   bool
	Edited    bool
	Author    int64 // id of the user or bot that wrote it; 0 if unknown
	Call      int64 // number of the call that sent it; 0 if a user did
	Reactions []Reacted
	Votes     []Voted
	Paid      []int64 // the users who have paid for it
	Form      *Form   // of an invoice
}

// Form says what an invoice asks a user for.
type Form struct {
	Name, Phone, Email, Address, Shipping bool
	MaxTip                                int64
}

// Reacted is one reaction of a user.
type Reacted struct {
	User int64
	Reaction
}

// Voted is a user's vote: the indexes of the options.
type Voted struct {
	User    int64
	Options []int
}

// History returns messages of a chat, or of a part of it, the oldest first, with the deleted
// ones: the first after an id, or else the last before one, or else the last. It returns at
// most limit, and whether there are more.
func (w *World) History(chat, before, after int64, limit int) (posts []Post, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.chatOrEmpty(chat)
	from, to := 0, len(c.messages)
	if before > 0 {
		to = c.index(before)
	}
	if after > 0 {
		from = min(c.index(after+1), to)
	}
	there := c.messages[from:to]
	order := slices.Backward(there)
	if after > 0 {
		order = slices.All(there)
	}
	for _, m := range order {
		if !w.within(chat, m) {
			continue
		}
		if len(posts) == limit {
			more = true
			break
		}
		posts = append(posts, w.posted(m))
	}
	if after <= 0 {
		slices.Reverse(posts)
	}
	return posts, more
}

// Message returns the message of the chat with the id.
func (w *World) Message(chat, id int64) (Post, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.chatOrEmpty(chat).message(id)
	if m == nil {
		return Post{}, missingf(ErrNoMessage, "the chat has no message %d; it may have been deleted", id)
	}
	return w.posted(m), nil
}

// posted returns the current state of a message. w.mu is held.
func (w *World) posted(m *Message) Post {
	p := Post{Seen: w.see(m), Deleted: m.deleted, Edited: m.EditDate != 0, Call: m.call, Author: m.event("", nil).User, Paid: slices.Sorted(maps.Keys(m.paid))}
	for _, id := range slices.Sorted(maps.Keys(m.reactions)) {
		for _, r := range m.reactions[id] {
			p.Reactions = append(p.Reactions, Reacted{id, r})
		}
	}
	if m.Poll != nil {
		for _, id := range slices.Sorted(maps.Keys(m.Poll.votes)) {
			p.Votes = append(p.Votes, Voted{id, slices.Clone(m.Poll.votes[id])})
		}
	}
	if b := m.bill; b != nil {
		p.Form = &Form{b.name, b.phone, b.email, b.address, b.flexible, b.maxTip}
	}
	return p
}

// Content returns the name, the MIME type and the content of a file. The content must not be
// changed.
func (w *World) Content(fileID string) (name, contentType string, content []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.files[fileID]
	if f == nil {
		return "", "", nil, missingf(ErrNoFile, "there is no file with the file_id %q", fileID)
	}
	return f.Name, cmp.Or(f.MIME, typeOf(f.Kind, f.Name)), f.bytes(), nil
}
