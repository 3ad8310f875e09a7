package desk

import (
	"encoding/json"
	"strings"

	"github.com/tghook/tghook/tghooktest"
)

// observe takes each event of the Server, one after the other.
func (d *Desk) observe(e tghooktest.Event) {
	if d.observeTraffic(e) {
		return
	}
	out := Event{
		At: e.At, Kind: string(e.Kind), Bot: e.Bot, Chat: e.ChatID, MessageID: e.MessageID, User: e.UserID, Thread: e.ThreadID,
		Text: e.Text, Object: e.Object,
	}
	switch e.Kind {
	case tghooktest.EventMessage, tghooktest.EventEdit:
		out.Message, out.Object, out.Text = d.messageOf(e), nil, ""
	case tghooktest.EventReaction, tghooktest.EventPoll:
		if p, ok := d.postOf(e); ok {
			out.Message = d.message(p)
		}
	case tghooktest.EventUser:
		d.meet(e)
	case tghooktest.EventBotGone:
		d.bots.leave(e.Bot)
		out.Kind = "bot"
	case tghooktest.EventReset:
		d.journal.clear() // of rows that came between the request and the reset
	case tghooktest.EventWarning:
		out.Text = strings.TrimPrefix(e.Text, "tghooktest: ")
		d.tellRow(d.journal.warning(e))
		if d.cfg.Log != nil {
			d.cfg.Log(out.Text)
		}
	case tghooktest.EventLost: // clients have missed something, and so has the desk
		for _, b := range d.bots.list() {
			d.journal.resume(b.id, b.server.PendingIDs())
			b.resume()
		}
		out = Event{At: e.At, Kind: "reset"}
	default: // the kinds are the same
	}
	d.publish(out)
}

// observeTraffic takes an event of the updates and calls of a bot. It reports whether it was
// one.
func (d *Desk) observeTraffic(e tghooktest.Event) bool {
	switch e.Kind {
	case tghooktest.EventQueued:
		d.journal.queued(e)
		d.tellQueue(e)
	case tghooktest.EventConfirmed, tghooktest.EventDropped:
		if row, ok := d.journal.done(e, e.Kind == tghooktest.EventDropped); ok {
			d.tellRow(row)
		}
		d.tellQueue(e)
	case tghooktest.EventDeliveryStarted, tghooktest.EventDelivery:
		d.tellRow(d.journal.delivery(e, e.Kind == tghooktest.EventDelivery))
	case tghooktest.EventCallStarted:
		d.journal.began(e)
		if b := d.bots.find(e.Bot); b != nil && e.Call.Method == pollMethod {
			b.polled(e.At)
		}
	case tghooktest.EventCall:
		if b := d.bots.find(e.Bot); b != nil {
			b.called(e.Call.Method)
		}
		for _, row := range d.journal.call(e) {
			d.tellRow(row)
		}
	case tghooktest.EventRefusedReply: // the row of the delivery tells
	default:
		return false
	}
	return true
}

// meet adds a user whom a bot has met in an update of Deliver.
func (d *Desk) meet(e tghooktest.Event) {
	b := d.bots.find(e.Bot)
	if b == nil {
		return
	}
	if u, err := b.server.FindUser(itoa(e.UserID)); err == nil {
		d.people.meet(userOf(u.Config()))
	}
}

// tellRow tells of a row that is new or has changed.
func (d *Desk) tellRow(row Row) {
	e := d.publish(Event{At: row.At, Kind: "row", Bot: row.Bot, Chat: row.Chat, User: row.User, Row: &row})
	d.journal.number(row.ID, e.Seq)
}

// tellQueue tells of a change of the bot's queue.
func (d *Desk) tellQueue(e tghooktest.Event) {
	out := Event{At: e.At, Kind: "queue", Bot: e.Bot}
	if b := d.bots.find(e.Bot); b != nil {
		out.Object = encode(struct {
			Pending int `json:"pending"`
		}{b.server.Pending()})
	}
	d.publish(out)
}

// postOf returns the message that an event is about, as it is now.
func (d *Desk) postOf(e tghooktest.Event) (tghooktest.Post, bool) {
	b := d.bots.find(e.Bot)
	if b == nil {
		return tghooktest.Post{}, false
	}
	s := scene{d, b, d.people.list()[0], e.ChatID}
	if e.ChatID > 0 {
		s.user.ID = e.ChatID // of a private chat, the user's
	}
	c, err := s.look()
	if err != nil {
		return tghooktest.Post{}, false
	}
	p, err := c.Post(e.MessageID)
	return p, err == nil
}

// messageOf returns the message of an event.
func (d *Desk) messageOf(e tghooktest.Event) *Message {
	m := &Message{raw: e.Object, text: e.Text, extra: Extra{FromBot: e.UserID == e.Bot, Reactions: []Reaction{}, Via: "user", Thread: e.ThreadID}}
	if p, ok := d.postOf(e); ok && e.Kind == tghooktest.EventEdit {
		m.extra = d.message(p).extra
	}
	m.extra.Edited = e.Kind == tghooktest.EventEdit
	if e.CallID != 0 {
		m.extra.Via, m.extra.Row = d.journal.via(e.CallID)
	}
	return m
}

// Message is a message as users see it: the Bot API's Message with the field x.
type Message struct {
	raw   json.RawMessage
	text  string // as users read it
	extra Extra
}

// Extra has the facts about a message that the Bot API's Message lacks.
type Extra struct {
	FromBot   bool       `json:"from_bot"`
	Deleted   bool       `json:"deleted"`
	Edited    bool       `json:"edited"`
	Reactions []Reaction `json:"reactions"`
	Via       string     `json:"via"` // user, call or reply
	Row       string     `json:"row,omitempty"`
	Thread    int64      `json:"thread,omitempty"`
	Voters    []Voter    `json:"voters,omitempty"`
	PaidBy    []int64    `json:"paid_by,omitempty"`
	Form      *Form      `json:"form,omitempty"` // of an invoice
}

// Form says what an invoice asks a user for.
type Form struct {
	Name     bool  `json:"name"`
	Phone    bool  `json:"phone"`
	Email    bool  `json:"email"`
	Address  bool  `json:"address"`
	Shipping bool  `json:"shipping"`
	MaxTip   int64 `json:"max_tip"`
}

// Reaction is a reaction to a message.
type Reaction struct {
	Emoji string  `json:"emoji"`
	Count int     `json:"count"`
	Users []int64 `json:"users"`
}

// Voter is a user who has voted in a poll.
type Voter struct {
	User    int64 `json:"user"`
	Options []int `json:"options"`
}

// MarshalJSON writes the message's own members first, in Telegram's order.
func (m *Message) MarshalJSON() ([]byte, error) {
	x, err := json.Marshal(m.extra)
	if err != nil {
		return nil, err
	}
	out := append([]byte{}, strings.TrimSuffix(strings.TrimSpace(string(m.raw)), "}")...)
	out = append(out, `,"x":`...)
	return append(append(out, x...), '}'), nil
}

// shows returns the text of a message, or what kind of message it is.
func (m *Message) shows() string {
	if m.text != "" {
		return m.text
	}
	var members map[string]json.RawMessage
	_ = json.Unmarshal(m.raw, &members) // of the Server's own making
	for _, kind := range []string{
		"animation", "document", "audio", "photo", "sticker", "video", "video_note", "voice", "contact", "dice", "game", "invoice", "venue",
		"location", "checklist", "paid_media",
	} {
		if members[kind] != nil {
			return "<" + kind + ">"
		}
	}
	return "<message>"
}
