package world

import (
	"cmp"
	"strings"
)

// utterance is a message of the bot, as the bot sent it or as an edit left it.
type utterance struct {
	message Message
	taken   bool
}

// say records a message that the bot has sent or edited. w.mu is held.
func (w *World) say(m *Message) {
	m.Chat.said = append(m.Chat.said, utterance{message: *m})
	w.change()
}

// Said is a message that the bot sent or edited.
type Said struct {
	Text  string // the text, caption or poll's question; without one, the kind of message, such as <photo>
	Edit  bool
	Taken bool // Take has returned it
}

// Said returns everything that the bot wrote in a chat, oldest first.
func (w *World) Said(chat int64) []Said {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.chatOrEmpty(chat).said
	all := make([]Said, 0, len(said))
	for _, u := range said {
		if !w.within(chat, &u.message) {
			continue
		}
		all = append(all, Said{cmp.Or(u.message.reads(), u.message.shows()), u.message.EditDate != 0, u.taken})
	}
	return all
}

// Take returns the oldest message or edit of the bot in a chat that reads text and that
// Take has not returned before. It ignores spaces at the ends.
func (w *World) Take(chat int64, text string) (Seen, bool) {
	text = strings.TrimSpace(text)
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.chatOrEmpty(chat).said
	for i := range said {
		if u := &said[i]; !u.taken && w.within(chat, &u.message) && strings.TrimSpace(u.message.reads()) == text {
			u.taken = true
			return w.see(&u.message), true
		}
	}
	return Seen{}, false
}

// shows names the kind of a message without a text.
func (m *Message) shows() string {
	content, _ := parseObject(marshal(m.Content))
	for _, what := range []string{ // animations also have document, and venues location
		"animation", "document", "audio", "photo", "sticker", "video", "video_note", "voice", "contact", "dice", "game", "invoice",
		"venue", "location", "checklist", "paid_media", "rich_message",
	} {
		if content.has(what) {
			return "<" + what + ">"
		}
	}
	return ""
}
