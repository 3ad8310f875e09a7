package world

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// sent is a MessageId.
type sent struct {
	ID int64 `json:"message_id"`
}

// origin returns the MessageOrigin of a forwarded message.
func (m *Message) origin() json.RawMessage {
	if m.ForwardOrigin != nil {
		return m.ForwardOrigin
	}
	if m.SenderChat != nil {
		return marshal(struct {
			Type string `json:"type"`
			Chat *Chat  `json:"chat"`
			ID   int64  `json:"message_id"`
			Date int64  `json:"date"`
		}{"channel", m.SenderChat, m.ID, m.Date})
	}
	return marshal(struct {
		Type string `json:"type"`
		User *User  `json:"sender_user"`
		Date int64  `json:"date"`
	}{"user", m.From, m.Date})
}

// source returns the message that a call copies or forwards.
func (w *World) source(p botapi.Params, what string) (*Message, error) {
	from, err := required(p, "from_chat_id")
	if err != nil {
		return nil, err
	}
	return w.messageOf(from, p.Int("message_id"), toRead, what)
}

func (w *World) forwardMessage(p botapi.Params) (any, error) {
	m, err := w.source(p, "message to forward")
	if err != nil {
		return nil, err
	}
	l, err := w.addressOf(p, m, "forwarded")
	if err != nil {
		return nil, err
	}
	return w.forward(l, m), nil
}

func (w *World) copyMessage(p botapi.Params) (any, error) {
	m, err := w.source(p, "message to copy")
	if err != nil {
		return nil, err
	}
	c := w.copied(m.Content)
	if p.Has("caption") {
		if err := w.caption(&c, p.String("caption"), p.String("parse_mode"), json.RawMessage(p.String("caption_entities")), p.Bool("show_caption_above_media")); err != nil {
			return nil, err
		}
	}
	l, err := w.addressOf(p, m, "copied")
	if err != nil {
		return nil, err
	}
	return sent{w.send(l, c).ID}, nil
}

// addressOf returns where m goes, or an error if it cannot be forwarded or copied.
func (w *World) addressOf(p botapi.Params, m *Message, done string) (letter, error) {
	l, err := w.address(p)
	if err == nil && !m.repeatable() {
		err = refusal("Message can't be " + done)
	}
	if err == nil {
		err = w.sendable(l.chat, m.Content)
	}
	return l, err
}

// repeatable reports whether the message can be forwarded and copied.
func (m *Message) repeatable() bool { return !m.Protected && !m.happened() && m.Invoice == nil }

// forward sends a message with its origin. w.mu is held.
func (w *World) forward(l letter, m *Message) *Message {
	l.message.cite(m)
	return w.send(l, m.Content)
}

// cite sets the fields of a forwarded message that say where it comes from.
func (m *Message) cite(source *Message) {
	m.ForwardOrigin, m.ForwardDate = source.origin(), source.Date
	switch {
	case source.ForwardOrigin != nil:
		m.ForwardFrom, m.ForwardFromChat, m.ForwardFromID, m.ForwardDate = source.ForwardFrom, source.ForwardFromChat, source.ForwardFromID, source.ForwardDate
	case source.SenderChat != nil:
		m.ForwardFromChat, m.ForwardFromID = source.SenderChat, source.ID
	default:
		m.ForwardFrom = source.From
	}
}

// copied returns the content for a copy. A copied poll is a new poll without votes.
func (w *World) copied(c Content) Content {
	if c.Poll != nil {
		p := *c.Poll
		p.ID, p.Total, p.votes, p.Options = w.next("poll"), 0, nil, slices.Clone(p.Options)
		for i := range p.Options {
			p.Options[i].Voters = 0
		}
		c.Poll = &p
	}
	return c
}

func (w *World) forwardMessages(p botapi.Params) (any, error) {
	return w.repeat(p, w.forward)
}

func (w *World) copyMessages(p botapi.Params) (any, error) {
	return w.repeat(p, func(l letter, m *Message) *Message {
		c := w.copied(m.Content)
		if p.Bool("remove_caption") {
			c.Caption, c.CaptionEnts, c.CaptionTop = "", nil, false
		}
		return w.send(l, c)
	})
}

// repeat sends the messages that exist and can be repeated, in the order of their ids.
// Messages of one album become an album.
func (w *World) repeat(p botapi.Params, one func(letter, *Message) *Message) (any, error) {
	from, err := required(p, "from_chat_id")
	if err != nil {
		return nil, err
	}
	ids, err := messageIDs(p)
	if err != nil {
		return nil, err
	}
	l, err := w.address(p)
	if err != nil {
		return nil, err
	}
	source, err := w.chat(from, toRead)
	if err != nil {
		return nil, err
	}
	there := map[int64]*Message{}
	for _, id := range ids {
		if m := source.message(id); m != nil && m.repeatable() {
			there[id] = m
		}
	}
	if len(there) == 0 {
		return nil, refusal("Messages can't be forwarded")
	}
	order := slices.Sorted(maps.Keys(there))
	for _, id := range order {
		if err := w.sendable(l.chat, there[id].Content); err != nil {
			return nil, err
		}
	}
	albums := map[string]string{"": ""}
	var results []sent
	for _, id := range order {
		m := there[id]
		if _, ok := albums[m.AlbumID]; !ok {
			albums[m.AlbumID] = w.next("album")
		}
		l.message.AlbumID = albums[m.AlbumID]
		results = append(results, sent{one(l, m).ID})
	}
	return results, nil
}
