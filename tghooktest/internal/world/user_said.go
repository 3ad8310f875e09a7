package world

import (
	"cmp"
	"strings"
)

// utterance is a message of the bot as it was sent, or after an edit.
type utterance struct {
	message Message
	taken   bool
}

// say notes what the bot has sent or edited. w.mu is held.
func (w *World) say(m *Message) {
	m.Chat.said = append(m.Chat.said, utterance{message: *m})
	w.change()
}

// Said is what the bot wrote in a chat at one time.
type Said struct {
	Text  string // or caption, or a poll's question; where there is none, what there is, such as <photo>
	Edit  bool
	Taken bool // Take has returned it
}

// Said is all that the bot wrote in a chat, oldest first.
func (w *World) Said(chat int64) []Said {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.chats[chat].said
	all := make([]Said, 0, len(said))
	for _, u := range said {
		all = append(all, Said{cmp.Or(u.message.reads(), u.message.shows()), u.message.EditDate != 0, u.taken})
	}
	return all
}

// Take returns the oldest message or edit of the bot in a chat that reads text, but for
// spaces at the ends, and was not taken before.
func (w *World) Take(chat int64, text string) (Seen, bool) {
	text = strings.TrimSpace(text)
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.chats[chat].said
	for i := range said {
		if u := &said[i]; !u.taken && strings.TrimSpace(u.message.reads()) == text {
			u.taken = true
			return w.see(&u.message), true
		}
	}
	return Seen{}, false
}

// shows is what there is to see in a message without a text.
func (m *Message) shows() string {
	content, _ := parseObject(marshal(m.Content))
	for _, what := range []string{ // before those that are told beside them
		"animation", "document", "audio", "photo", "sticker", "video", "video_note", "voice", "contact", "dice", "game", "invoice",
		"venue", "location", "checklist", "paid_media", "rich_message",
	} {
		if content.has(what) {
			return "<" + what + ">"
		}
	}
	return ""
}
