package world

import (
	"cmp"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

const (
	general      = 1        // thread of the topic General, which every forum has; its messages have no thread
	defaultColor = 0x6fb9f0 // icon_color of a topic that was made without one
	longestTopic = 128      // characters of a topic's name
)

// Topic is a topic of a forum.
type Topic struct {
	ID    int64  `json:"message_thread_id"` // also the id of the message that began it
	Name  string `json:"name"`
	Color int64  `json:"icon_color"`
	Icon  string `json:"icon_custom_emoji_id,omitempty"`

	creator *User
	closed  bool
	hidden  bool // General only
}

// empty is the content of a service message that says nothing more.
var empty = json.RawMessage("{}")

// open makes a topic, and the service message that begins it. w.mu is held.
func (w *World) open(c *Chat, t *Topic) *Topic {
	m := &Message{From: t.creator, InTopic: true, Content: Content{Topic: marshal(struct {
		Name  string `json:"name"`
		Color int64  `json:"icon_color"`
		Icon  string `json:"icon_custom_emoji_id,omitempty"`
	}{t.Name, t.Color, t.Icon})}}
	t.ID = w.add(c, m).ID
	c.keep(t)
	w.noteChat(c)
	w.tell(c, "message", m)
	return t
}

// topical appends a service message to a topic, and makes the update. w.mu is held.
func (w *World) topical(c *Chat, t *Topic, by *User, happened Content) {
	m := &Message{From: by, Content: happened}
	if t.ID != general {
		c.putIn(m, t.ID)
	}
	w.add(c, m)
	w.tell(c, "message", m)
}

// topic returns the open or closed topic; nil if the forum has none with the id.
func (c *Chat) topic(thread int64) *Topic {
	if t := c.topics[thread]; t != nil || thread != general {
		return t
	}
	return c.keep(&Topic{ID: general, Name: "General", Color: defaultColor})
}

// keep adds a topic to the forum.
func (c *Chat) keep(t *Topic) *Topic {
	if c.topics == nil {
		c.topics = map[int64]*Topic{}
	}
	c.topics[t.ID] = t
	return t
}

// meetTopic learns the topic of a message that no user of this World sent. w.mu is held.
func (w *World) meetTopic(m *Message) {
	c := m.Chat
	if !m.InTopic || m.ThreadID <= 0 || c.private() || c.topics[m.ThreadID] != nil {
		return
	}
	c.IsForum = true
	root := c.message(m.ThreadID)
	if root == nil {
		root = &Message{ID: m.ThreadID, From: m.From, Date: m.Date, ThreadID: m.ThreadID, InTopic: true}
		if to := m.ReplyTo; to != nil && to.ID == m.ThreadID {
			root.Content = to.Content
		}
		w.insert(c, c.index(root.ID), root)
	}
	made, _ := parseObject(root.Topic)
	c.keep(&Topic{ID: root.ID, Name: made.text("name"), Color: cmp.Or(made.integer("icon_color"), defaultColor), Icon: made.text("icon_custom_emoji_id"), creator: m.From})
}

// threadOf returns the thread that a call wants to send to; 0 if none.
func (w *World) threadOf(p botapi.Params, c *Chat) (int64, error) {
	thread := p.Int("message_thread_id")
	if thread <= 0 {
		return 0, nil
	}
	root := c.message(thread)
	switch {
	case root == nil || root.ThreadID != thread:
		return 0, refusal("Message thread not found")
	case !root.InTopic:
		return 0, refusal("Message thread is not a forum topic thread")
	}
	return thread, w.writable(c, thread)
}

// writable refuses a topic that is closed, unless the bot may close it.
func (w *World) writable(c *Chat, thread int64) error {
	if t := c.topics[thread]; t != nil && t.closed && !w.may(c, "can_manage_topics") {
		return refusal("TOPIC_CLOSED")
	}
	return nil
}

// forum returns the forum that a call names.
func (w *World) forum(p botapi.Params) (*Chat, error) {
	c, err := w.chat(p.String("chat_id"), toWrite)
	if err == nil && !c.IsForum {
		err = refusal("the chat is not a forum")
	}
	return c, err
}

func (w *World) createForumTopic(p botapi.Params) (any, error) {
	c, err := w.forum(p)
	if err != nil {
		return nil, err
	}
	bot := c.members[w.bot.ID]
	if bot.manages() && !w.may(c, "can_manage_topics") || !c.permits(bot, "can_manage_topics") {
		return nil, refusal("not enough rights to create a topic")
	}
	name, color := clean(p.String("name")), p.Int("icon_color")
	switch {
	case name == "":
		return nil, refusal("Title must be non-empty")
	case color < 0 || color > 0xffffff:
		return nil, refusal("Invalid icon color specified")
	}
	return w.open(c, &Topic{Name: name, Color: cmp.Or(color, defaultColor), Icon: p.String("icon_custom_emoji_id"), creator: w.bot}), nil
}

// clean returns a topic's name as Telegram stores it.
func clean(name string) string {
	name = strings.TrimSpace(name)
	for utf8.RuneCountInString(name) > longestTopic {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	return strings.TrimSpace(name)
}

// changesTopic makes the methods that change a topic. If whole is true, it is General. The
// bot needs the right unless it made the topic; lacking is Telegram's error otherwise.
func changesTopic(whole bool, right, lacking string, change func(*World, botapi.Params, *Chat, *Topic) error) func(*World, botapi.Params) (any, error) {
	return func(w *World, p botapi.Params) (any, error) {
		c, err := w.forum(p)
		if err != nil {
			return nil, err
		}
		thread := int64(general)
		if !whole {
			thread = p.Int("message_thread_id")
		}
		t := c.topic(thread)
		switch {
		case thread <= 0:
			return nil, refusal("Invalid message thread identifier specified")
		case !w.may(c, right) && (t == nil || t.creator != w.bot):
			return nil, refusal(lacking)
		case t == nil:
			return nil, refusal("TOPIC_ID_INVALID")
		}
		if err := change(w, p, c, t); err != nil {
			return nil, err
		}
		w.noteChat(c)
		w.change()
		return true, nil
	}
}

const (
	lacksEdit   = "not enough rights to edit the topic"
	lacksClose  = "not enough rights to close or open the topic"
	lacksDelete = "not enough rights to delete the topic"
	lacksPin    = "not enough rights to manage pinned messages in the chat"
)

var errTopicSame = refusal("TOPIC_NOT_MODIFIED")

func (w *World) editTopic(p botapi.Params, c *Chat, t *Topic) error {
	name := clean(p.String("name"))
	icon, hasIcon := p.String("icon_custom_emoji_id"), p.Has("icon_custom_emoji_id") && t.ID != general
	if icon == "0" {
		icon = ""
	}
	switch {
	case name == "" && p.String("name") != "":
		return refusal("Title must be non-empty")
	case name == "" && !hasIcon:
		return nil
	case (name == "" || name == t.Name) && (!hasIcon || icon == t.Icon):
		return errTopicSame
	}
	var edited struct {
		Name string  `json:"name,omitempty"`
		Icon *string `json:"icon_custom_emoji_id,omitempty"`
	}
	if name != "" && name != t.Name {
		t.Name, edited.Name = name, name
	}
	if hasIcon && icon != t.Icon {
		t.Icon, edited.Icon = icon, &icon
	}
	w.topical(c, t, w.bot, Content{TopicEdited: marshal(edited)})
	return nil
}

// closesTopic makes the changes that close and reopen a topic. Reopening General shows it
// too.
func closesTopic(closed bool) func(*World, botapi.Params, *Chat, *Topic) error {
	return func(w *World, _ botapi.Params, c *Chat, t *Topic) error { return w.closeTopic(c, t, w.bot, closed) }
}

// closeTopic closes or reopens a topic, unless nothing changes. w.mu is held.
func (w *World) closeTopic(c *Chat, t *Topic, by *User, closed bool) error {
	switch {
	case t.closed == closed:
		return errTopicSame
	case closed:
		w.topical(c, t, by, Content{TopicClosed: empty})
	default:
		w.topical(c, t, by, Content{TopicReopened: empty})
		if t.hidden {
			t.hidden = false
			w.topical(c, t, by, Content{GeneralShown: empty})
		}
	}
	t.closed = closed
	return nil
}

// hidesTopic makes the changes that hide and show General. A hidden topic is closed too.
func hidesTopic(hidden bool) func(*World, botapi.Params, *Chat, *Topic) error {
	return func(w *World, _ botapi.Params, c *Chat, t *Topic) error {
		switch {
		case t.hidden == hidden:
			return errTopicSame
		case !hidden:
			w.topical(c, t, w.bot, Content{GeneralShown: empty})
		default:
			if !t.closed {
				t.closed = true
				w.topical(c, t, w.bot, Content{TopicClosed: empty})
			}
			w.topical(c, t, w.bot, Content{GeneralHidden: empty})
		}
		t.hidden = hidden
		return nil
	}
}

func (w *World) deleteTopic(_ botapi.Params, c *Chat, t *Topic) error {
	if t.ID == general {
		return refusal("TOPIC_ID_INVALID")
	}
	w.dropTopic(c, t)
	return nil
}

// dropTopic deletes a topic and its messages. Telegram makes no update of it. w.mu is held.
func (w *World) dropTopic(c *Chat, t *Topic) {
	delete(c.topics, t.ID)
	for _, m := range c.messages {
		if m.InTopic && m.ThreadID == t.ID && !m.deleted {
			m.deleted = true
			w.noteDeleted(m)
		}
	}
	c.unpin(func(m *Message) bool { return m == nil })
	w.noteChat(c)
	w.change()
}

func (w *World) unpinTopic(_ botapi.Params, c *Chat, t *Topic) error {
	c.unpin(func(m *Message) bool {
		return m == nil || m.InTopic && m.ThreadID == t.ID || !m.InTopic && t.ID == general
	})
	return nil
}
