package world

import (
	"cmp"
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// letter has what the messages of a call share: the chat, the message that they reply to,
// and the markup.
type letter struct {
	chat    *Chat
	message Message // without content
	markup  markup
}

// address reads the parameters that all sending methods have.
func (w *World) address(p botapi.Params) (letter, error) {
	reply, err := parseReply(p)
	if err != nil {
		return letter{}, err
	}
	k, err := parseMarkup(p.String("reply_markup"))
	if err != nil {
		return letter{}, err
	}
	c, err := w.destination(p)
	if err != nil {
		return letter{}, err
	}
	if c.Type == "channel" && k.reply != nil {
		return letter{}, refusal("Inline keyboard expected")
	}
	if !c.private() && k.reply != nil {
		if err := noRequests(k.reply); err != nil {
			return letter{}, err
		}
	}
	l := letter{chat: c, markup: k, message: Message{
		Protected: p.Bool("protect_content"), ReplyMarkup: k.inline, EffectID: p.String("message_effect_id"),
	}}
	switch {
	case c.business != nil:
		l.message.From, l.message.BusinessBot = c.business.User, w.bot
		reply.optional = false
	case c.Type == "channel":
		l.message.SenderChat, l.message.author = c, w.bot
	default:
		l.message.From = w.bot
	}
	if err := w.answering(&l, reply); err != nil || c.business != nil {
		return l, err
	}
	return l, w.thread(p, &l)
}

// thread puts the letter into the thread that the call names, or else into that of the
// message that it replies to.
func (w *World) thread(p botapi.Params, l *letter) error {
	thread, err := w.threadOf(p, l.chat)
	switch {
	case err != nil:
		return err
	case thread != 0:
		l.chat.putIn(&l.message, thread)
		return nil
	}
	l.chat.follow(&l.message)
	if l.chat.IsForum {
		return w.writable(l.chat, cmp.Or(l.message.ThreadID, general))
	}
	return nil
}

// reply is the content of reply_parameters.
type reply struct {
	chat     string
	message  int64
	optional bool
	quote    json.RawMessage
}

func parseReply(p botapi.Params) (reply, error) {
	text := p.String("reply_parameters")
	if !p.Has("reply_parameters") {
		return reply{message: p.Int("reply_to_message_id"), optional: p.Bool("allow_sending_without_reply")}, nil
	}
	if text == "" {
		return reply{}, nil
	}
	if !json.Valid([]byte(text)) {
		return reply{}, refusal("Can't parse reply parameters JSON object")
	}
	o, ok := parseObject([]byte(text))
	switch {
	case !ok:
		return reply{}, refusal("Object expected as reply parameters")
	case len(o) == 0:
		return reply{}, nil
	}
	if _, err := o.need("message_id"); err != nil {
		return reply{}, err
	}
	r := reply{chat: o.text("chat_id"), message: o.integer("message_id"), optional: o.flag("allow_sending_without_reply")}
	if o.text("quote") != "" {
		r.quote = marshal(struct {
			Text     string `json:"text"`
			Position int64  `json:"position"`
			IsManual bool   `json:"is_manual"`
		}{o.text("quote"), o.integer("quote_position"), true})
	}
	return r, nil
}

// answering sets the message that the letter replies to.
func (w *World) answering(l *letter, r reply) error {
	if r.message <= 0 {
		return nil
	}
	c := l.chat
	if r.chat != "" {
		var err error
		if c, err = w.chat(r.chat, toRead); err != nil {
			return err
		}
	}
	to := c.message(r.message)
	switch {
	case to == nil && r.optional:
		return nil
	case to == nil:
		return refusal("message to be replied not found")
	case c == l.chat:
		l.message.ReplyTo = to.told()
	default:
		content := to.Content
		content.Text, content.Entities, content.Caption, content.CaptionEnts = "", nil, "", nil
		l.message.ExternalReply = marshal(struct {
			Origin json.RawMessage `json:"origin"`
			Chat   *Chat           `json:"chat"`
			ID     int64           `json:"message_id"`
			Content
		}{to.origin(), c, to.ID, content})
	}
	l.message.Quote = r.quote
	return nil
}

// told returns a copy of the message for use in another object: without its
// reply_to_message.
func (m *Message) told() *Message {
	copied := *m
	copied.ReplyTo = nil
	return &copied
}

// send appends a message of the bot to the chat. w.mu is held.
func (w *World) send(l letter, c Content) *Message {
	m := l.message
	m.Content = c
	w.add(l.chat, &m)
	w.mirror(&m)
	if l.chat.drafts.now[m.ThreadID] != nil {
		delete(l.chat.drafts.now, m.ThreadID)
		w.noteDraft(l.chat, m.ThreadID)
	}
	if _, acts := l.chat.actions[m.ThreadID]; acts {
		w.act(l.chat, m.ThreadID, "cancel")
	}
	w.show(&m, l.markup)
	w.say(&m)
	return &m
}

// sender makes the methods that send one message. As in Telegram, content is read before
// the chat is checked.
func sender(content func(*World, botapi.Params) (Content, error)) func(*World, botapi.Params) (any, error) {
	return func(w *World, p botapi.Params) (any, error) {
		c, err := content(w, p)
		if err != nil {
			return nil, err
		}
		l, err := w.address(p)
		if err == nil {
			err = w.sendable(l.chat, c)
		}
		if err != nil {
			return nil, err
		}
		return w.send(l, c), nil
	}
}

func (w *World) textOf(p botapi.Params) (Content, error) {
	preview, err := linkPreview(p)
	if err != nil {
		return Content{}, err
	}
	c, err := w.text(p.String("text"), p.String("parse_mode"), json.RawMessage(p.String("entities")))
	c.LinkPreview = preview
	return c, err
}

// linkPreview reads link_preview_options, or the older parameter. It returns nil if there
// are none.
func linkPreview(p botapi.Params) (json.RawMessage, error) {
	text := p.String("link_preview_options")
	switch {
	case text == "" && p.Bool("disable_web_page_preview"):
		return json.RawMessage(`{"is_disabled":true}`), nil
	case text == "":
		return nil, nil
	case !json.Valid([]byte(text)):
		return nil, refusal("Can't parse link preview options JSON object")
	}
	o, ok := parseObject([]byte(text))
	if !ok {
		return nil, refusal("Object expected as link preview options")
	}
	return o.linkPreview(), nil
}

// linkPreview returns the LinkPreviewOptions in an object; nil if it sets none.
func (o object) linkPreview() json.RawMessage {
	options := struct {
		Disabled bool   `json:"is_disabled,omitempty"`
		URL      string `json:"url,omitempty"`
		Small    bool   `json:"prefer_small_media,omitempty"`
		Large    bool   `json:"prefer_large_media,omitempty"`
		Above    bool   `json:"show_above_text,omitempty"`
	}{o.flag("is_disabled"), o.text("url"), o.flag("prefer_small_media"), o.flag("prefer_large_media"), o.flag("show_above_text")}
	if made := marshal(options); string(made) != "{}" {
		return made
	}
	return nil
}
