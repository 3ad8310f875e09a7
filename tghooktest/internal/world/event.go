package world

import (
	"encoding/json"
	"maps"
	"slices"
)

// Event is something that happened in a World, by an act of a user or of the bot.
type Event struct {
	Kind     string // see tghooktest.EventKind
	Chat     int64
	Business string // id of the business connection of the chat
	Thread   int64
	Message  int64
	User     int64
	Call     int64 // the call that did it; 0 for an act of a user
	Text     string
	Object   json.RawMessage
}

// watched reports whether somebody wants events, so that they are worth making.
func (w *World) watched() bool { return w.cfg.Watched != nil && w.cfg.Watched() }

// note tells of an event. w.mu is held.
func (w *World) note(e Event) {
	e.Call = w.call
	w.cfg.Note(e)
}

// noteIn tells of an event in a chat, with an object. w.mu is held.
func (w *World) noteIn(c *Chat, kind string, user int64, object any) {
	if w.watched() {
		w.note(Event{Kind: kind, Chat: c.ID, Business: c.connection(), User: user, Object: marshal(object)})
	}
}

// connection returns the id of the business connection of the chat; empty if it has none.
func (c *Chat) connection() string {
	if c.business == nil {
		return ""
	}
	return c.business.ID
}

// noteMessage tells that a message is new, or was changed. w.mu is held.
func (w *World) noteMessage(kind string, m *Message) {
	if w.watched() {
		e := m.event(kind, marshal(m))
		e.Text = m.reads()
		w.note(e)
	}
}

// event returns an event of the kind about the message.
func (m *Message) event(kind string, object json.RawMessage) Event {
	e := Event{Kind: kind, Chat: m.Chat.ID, Business: m.Chat.connection(), Thread: m.ThreadID, Message: m.ID, Object: object}
	switch {
	case m.author != nil:
		e.User = m.author.ID
	case m.From != nil:
		e.User = m.From.ID
	}
	return e
}

// noteDeleted tells that messages were deleted. w.mu is held.
func (w *World) noteDeleted(all ...*Message) {
	for _, m := range all {
		if w.watched() {
			w.note(m.event("delete", nil))
		}
	}
}

// noteReaction tells of the reactions that a user has now to a message. w.mu is held.
func (w *World) noteReaction(m *Message, user int64) {
	if !w.watched() {
		return
	}
	e := m.event("reaction", marshal(append([]Reaction{}, m.reactions[user]...)))
	e.User = user
	w.note(e)
}

// notePoll tells of the state of a message's poll. w.mu is held.
func (w *World) notePoll(m *Message, p *Poll) {
	if w.watched() && !m.deleted {
		w.note(m.event("poll", marshal(p)))
	}
}

// noteKeyboard tells of the reply keyboard that a user has now in a chat; null for none. w.mu
// is held.
func (w *World) noteKeyboard(c *Chat, user int64) { w.noteIn(c, "keyboard", user, c.keyboards[user]) }

// noteChat tells that the chat, or one of its topics, was changed. w.mu is held.
func (w *World) noteChat(c *Chat) { w.noteIn(c, "chat", 0, c) }

// notePins tells which messages of a chat are pinned, the newest last. w.mu is held.
func (w *World) notePins(c *Chat) { w.noteIn(c, "pin", 0, append([]int64{}, c.pinned...)) }

// noteDraft tells of a draft; of nothing if the draft is gone. w.mu is held.
func (w *World) noteDraft(c *Chat, thread int64) {
	d := c.drafts.now[thread]
	if !w.watched() {
		return
	}
	e := Event{Kind: "draft", Chat: c.ID, Thread: thread, User: c.ID, Object: json.RawMessage("null")}
	if d != nil {
		e.Text, e.Object = d.Text, marshal(struct {
			ID      int64  `json:"draft_id"`
			Text    string `json:"text"`
			CanStop bool   `json:"can_stop"`
			Until   int64  `json:"until_date"`
		}{d.ID, d.Text, d.CanStop, d.until.Unix()})
	}
	w.note(e)
}

// noteUser tells that a user is new or has changed. w.mu is held.
func (w *World) noteUser(u *User) {
	if !w.watched() {
		return
	}
	w.note(Event{Kind: "user", User: u.ID, Object: marshal(struct {
		*User
		Blocked bool `json:"blocked"`
	}{u, u.blocked})})
}

// noteAnswer tells that the bot has answered a query of a user. w.mu is held.
func (w *World) noteAnswer(kind string, q *Query) {
	if !w.watched() {
		return
	}
	e := Event{Kind: kind}
	if q.Message != nil {
		e = q.Message.event(kind, nil)
	}
	e.User, e.Text = q.From.ID, q.Text
	e.Object = marshal(struct {
		ID      string          `json:"id"`
		Text    string          `json:"text,omitempty"`
		Alert   bool            `json:"show_alert,omitempty"`
		URL     string          `json:"url,omitempty"`
		Results json.RawMessage `json:"results,omitempty"`
		Next    string          `json:"next_offset,omitempty"`
		Button  json.RawMessage `json:"button,omitempty"`
	}{q.ID, q.Text, q.Alert, q.URL, q.Results, q.NextOffset, q.Button})
	w.note(e)
}

// notePayment tells how far a payment has come. w.mu is held.
func (w *World) notePayment(p *payment) {
	if !w.watched() {
		return
	}
	e := Event{Kind: "payment"}
	if p.message != nil {
		e = p.message.event("payment", nil)
	}
	e.User, e.Text = p.user.ID, p.Reason
	e.Object = marshal(struct {
		ID    string `json:"id"`
		State string `json:"state"`
		Error string `json:"error,omitempty"`
	}{p.id, p.State.String(), p.Reason})
	w.note(e)
}

// noteCommands tells that the bot has changed a list of its commands, and which users' it
// may be. w.mu is held.
func (w *World) noteCommands() {
	if w.watched() {
		w.note(Event{Kind: "commands", Object: marshal(w.commands[defaultCommands])})
	}
}

// defaultCommands is the key of the commands for all chats and languages.
const defaultCommands = "default   "

// presentIn returns the members who are in the chat, by id.
func (w *World) presentIn(c *Chat) []*Member {
	var all []*Member
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		if m := w.member(c, id); m.present() {
			all = append(all, m)
		}
	}
	return all
}
