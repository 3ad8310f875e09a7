package world

import (
	"errors"
	"time"
)

// errNoContent means that a user wants to send a file without content.
var errNoContent = errors.New("the file is empty; Telegram does not send an empty file")

// Media is a file that a user sends.
type Media struct {
	Kind     string // a key of kinds
	Name     string // of audio and documents
	MIME     string // if empty, it follows from the name or the content
	Caption  string
	Emoji    string // of a sticker
	Duration time.Duration
	Content  []byte
}

// SendMedia sends a user's file.
func (w *World) SendMedia(user, chat int64, m Media) (Seen, error) {
	if len(m.Content) == 0 {
		return Seen{}, errNoContent
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.upload(m.Kind, m.Name, m.MIME, m.Content)
	f.described, f.duration, f.emoji = true, int(m.Duration/time.Second), m.Emoji
	switch m.Kind {
	case "sticker":
		f.width, f.height = 512, 512
	case "video_note":
		f.width, f.height = 384, 384
	}
	content := f.content()
	content.Caption, content.CaptionEnts = m.Caption, findEntities(m.Caption)
	return w.post(user, chat, &Message{Content: content})
}
