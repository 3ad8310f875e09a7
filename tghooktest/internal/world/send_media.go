package world

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// media holds a file and the fields that describe it, from the parameters of a call or from
// an InputMedia.
type media struct {
	file     *File
	thumb    *File
	number   func(string) int64
	text     func(string) string
	flag     func(string) bool
	entities json.RawMessage
}

// sends makes the methods that send a file. kind is the kind of file and the name of its
// parameter.
func sends(kind string) func(*World, botapi.Params) (any, error) {
	return sender(func(w *World, p botapi.Params) (Content, error) {
		uploaded, ok := p.File(kind)
		f, err := w.input(kind, p.String(kind), uploaded, ok)
		switch {
		case err != nil:
			return Content{}, err
		case f == nil:
			return Content{}, refusal("There is no " + strings.ReplaceAll(kind, "_", " ") + " in the request")
		}
		m := media{
			file: f, number: p.Int, text: p.String, flag: p.Bool,
			entities: json.RawMessage(p.String("caption_entities")),
		}
		if m.thumb, err = w.thumbnail(p, "", ""); err != nil {
			return Content{}, err
		}
		return w.content(m)
	})
}

// thumbnail returns an uploaded thumbnail; nil if there is none. Telegram ignores those
// that are not uploaded. value and older are the fields thumbnail and thumb, its older name,
// of an InputMedia. The parameters of these names come after them.
func (w *World) thumbnail(p botapi.Params, value, older string) (*File, error) {
	uploaded, ok := p.Attached(cmp.Or(value, older))
	for _, name := range []string{"thumbnail", "thumb"} {
		if !ok {
			uploaded, ok = p.File(name)
		}
	}
	if !ok {
		return nil, nil
	}
	return w.input("thumbnail", "", uploaded, true)
}

// content makes the content of a message with the file. It sets the file's description if
// this is the first message with it.
func (w *World) content(m media) (Content, error) {
	f := m.file
	if !f.described {
		f.described = true
		f.duration, f.title, f.performer, f.emoji = int(m.number("duration")), m.text("title"), m.text("performer"), m.text("emoji")
		if m.thumb != nil {
			f.thumbnail = &PhotoSize{m.thumb.FileInfo, frame{m.thumb.width, m.thumb.height}}
		}
		for name, side := range map[string]*int{"width": &f.width, "height": &f.height, "length": &f.width} {
			if n := m.number(name); n > 0 && f.Kind != "photo" {
				*side = int(n)
			}
		}
	}
	c := f.content()
	switch f.Kind {
	case "photo", "video", "animation":
		c.Spoiler = m.flag("has_spoiler")
	case "sticker", "video_note":
		return c, nil
	}
	err := w.caption(&c, m.text("caption"), m.text("parse_mode"), m.entities, m.flag("show_caption_above_media"))
	return c, err
}

// inputMedia reads an InputMedia.
func (w *World) inputMedia(p botapi.Params, raw json.RawMessage, album bool) (Content, error) {
	o, ok := parseObject(raw)
	if !ok {
		return Content{}, refusal("Can't parse InputMedia: expected an Object")
	}
	kind, err := o.need("type")
	if err != nil {
		return Content{}, refusef("Can't parse InputMedia: %v", err)
	}
	switch kind {
	case "photo", "video", "audio", "document":
	case "animation":
		if album {
			return Content{}, refusal(`Can't parse InputMedia: type "animation" can't be used in sendMediaGroup`)
		}
	default:
		return Content{}, refusef("Can't parse InputMedia: type %q is unsupported", kind)
	}
	uploaded, ok := p.Attached(o.text("media"))
	f, err := w.input(kind, o.text("media"), uploaded, ok)
	switch {
	case err != nil:
		return Content{}, err
	case f == nil:
		return Content{}, refusal("Can't parse InputMedia: media not found")
	}
	m := media{file: f, number: o.integer, text: o.text, flag: o.flag, entities: o["caption_entities"]}
	if m.thumb, err = w.thumbnail(p, o.text("thumbnail"), o.text("thumb")); err != nil {
		return Content{}, err
	}
	return w.content(m)
}
