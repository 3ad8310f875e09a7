package world

import "strings"

// firstPart is the key of the first part. It is above the ids of Telegram's chats.
const firstPart = 1 << 60

// part is a part of a chat in which users act: a topic of a forum, the comments of a post,
// or a customer's chat with a business account. Acts of users take its key in place of a
// chat's id. Methods of the Bot API do not find a chat by the key of a part.
type part struct {
	chat   *Chat
	thread int64 // message_thread_id; 0 for the whole chat
	reply  int64 // the message that all messages there reply to; 0 if none
}

// key returns the key of a thread of the chat, or of the whole chat. w.mu is held.
func (w *World) key(c *Chat, thread int64) int64 { return w.keyOf(part{c, thread, 0}) }

// keyOf returns the key of a part. w.mu is held.
func (w *World) keyOf(p part) int64 {
	key, known := w.keys[p]
	if !known {
		key = firstPart + int64(len(w.keys))
		w.keys[p], w.parts[key], w.chats[key] = key, p, p.chat
	}
	return key
}

// Same reports whether two keys, or ids of chats, are of the same chat.
func (w *World) Same(a, b int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.chats[a] == w.chats[b]
}

// within reports whether users see the message when they look at the chat or part. w.mu is
// held.
func (w *World) within(chat int64, m *Message) bool {
	thread := w.parts[chat].thread
	return thread == 0 || m.ThreadID == thread || m.ID == thread
}

// kindOf returns the kind of the update about a message of the chat, for a kind of a
// group's messages; empty if the bot does not get it.
func (c *Chat) kindOf(kind string) string {
	switch {
	case c.business != nil && !c.business.Enabled:
		return ""
	case c.business != nil:
		return strings.Replace(kind, "message", "business_message", 1)
	case c.Type == "channel":
		return strings.Replace(kind, "message", "channel_post", 1)
	}
	return kind
}

// putIn puts a message that has no thread yet into the thread. Without a reply it replies
// to the message that began the thread, as in Telegram. w.mu is held.
func (c *Chat) putIn(m *Message, thread int64) {
	m.ThreadID, m.InTopic = thread, c.IsForum
	if root := c.message(thread); m.ReplyTo == nil && root != nil {
		m.ReplyTo = root.told()
	}
}

// follow puts a message into the thread of the message that it replies to. In a supergroup
// without topics, each message that is replied to begins a thread. w.mu is held.
func (c *Chat) follow(m *Message) {
	to := m.ReplyTo
	switch {
	case to == nil || c.Type != "supergroup":
	case to.ThreadID != 0:
		m.ThreadID, m.InTopic = to.ThreadID, to.InTopic
	case !c.IsForum:
		m.ThreadID = to.ID
	}
}
