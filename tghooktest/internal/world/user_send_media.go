package world

import (
	"errors"
	"fmt"
	"time"
)

// errNoContent means that a user wants to send a file without content.
var errNoContent = errors.New("the file is empty; Telegram does not send an empty file")

// Media is a file that a user sends.
type Media struct {
	Kind     string // photo, document, video, animation, audio, voice, video_note or sticker
	Name     string // of audio and documents
	MIME     string // if empty, it follows from the name or the content
	Caption  string
	Emoji    string // of a sticker
	Duration time.Duration
	Content  []byte
}

// SendMedia sends a user's file.
func (w *World) SendMedia(user, chat int64, m Media) (Seen, error) {
	if err := m.check(); err != nil {
		return Seen{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.post(user, chat, &Message{Content: w.contentOf(m)})
}

// SendAlbumOf sends a user's files as an album: photos and videos, or documents, or audio.
func (w *World) SendAlbumOf(user, chat int64, media ...Media) ([]Seen, error) {
	if len(media) < 2 || len(media) > 10 {
		return nil, fmt.Errorf("an album has 2 to 10 files, not %d", len(media))
	}
	for _, m := range media {
		if err := m.check(); err != nil {
			return nil, err
		}
		if albumOf[m.Kind] == "" || albumOf[m.Kind] != albumOf[media[0].Kind] {
			return nil, fmt.Errorf("an album has photos and videos, or documents, or audio; it cannot have %s together with %s", media[0].Kind, m.Kind)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.next("album")
	album := make([]Seen, 0, len(media))
	for _, m := range media {
		seen, err := w.post(user, chat, &Message{AlbumID: id, Content: w.contentOf(m)})
		if err != nil {
			return nil, err
		}
		album = append(album, seen)
	}
	return album, nil
}

// albumOf has the kinds of files that an album may have, with what they may stand together
// with.
var albumOf = map[string]string{"photo": "pictures", "video": "pictures", "document": "documents", "audio": "audio"}

func (m Media) check() error {
	switch _, known := kinds[m.Kind]; {
	case !known || m.Kind == "thumbnail":
		return fmt.Errorf("%q is not a kind of file; the kinds are photo, document, video, animation, audio, voice, video_note and sticker", m.Kind)
	case len(m.Content) == 0:
		return errNoContent
	case units(m.Caption) > maxCaption:
		return fmt.Errorf("the caption has %d characters; it has at most %d", units(m.Caption), maxCaption)
	}
	return nil
}

// contentOf uploads a file, and returns the content of a message with it. w.mu is held.
func (w *World) contentOf(m Media) Content {
	if m.MIME == "" && m.Name == "" && m.Kind != "photo" && m.Kind != "document" {
		m.MIME = usualType[m.Kind]
	}
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
	return content
}
