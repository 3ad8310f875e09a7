package world

import (
	"cmp"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

func (w *World) setStickerSetTitle(p botapi.Params) (any, error) {
	set, err := w.setOf(p)
	title := strings.TrimSpace(p.String("title"))
	switch {
	case err != nil:
		return nil, err
	case title == "":
		return nil, refusal("Sticker set title must be non-empty")
	case utf8.RuneCountInString(title) > maxSetTitle:
		return nil, refusal("PACK_TITLE_INVALID")
	}
	set.Title = title
	w.change()
	return true, nil
}

// setStickerSetThumbnail reads thumb too, the older name of thumbnail. Before there was a
// format, Telegram found it out.
func (w *World) setStickerSetThumbnail(p botapi.Params) (any, error) {
	if _, ok := stickerFormats[cmp.Or(p.String("format"), "auto")]; !ok {
		return nil, refusal("Invalid sticker format specified")
	}
	if _, err := w.user(p, "user_id"); err != nil {
		return nil, err
	}
	set, err := w.setOf(p)
	if err != nil {
		return nil, err
	}
	var thumbnail *PhotoSize
	for _, name := range []string{"thumb", "thumbnail"} {
		uploaded, ok := p.File(name)
		f, err := w.input("sticker", p.String(name), uploaded, ok)
		switch {
		case err != nil:
			return nil, err
		case f != nil:
			thumbnail = &PhotoSize{f.FileInfo, frame{100, 100}}
		}
	}
	set.Thumbnail = thumbnail
	w.change()
	return true, nil
}

func (w *World) setCustomEmojiStickerSetThumbnail(p botapi.Params) (any, error) {
	set, err := w.setOf(p)
	id := p.String("custom_emoji_id")
	if err != nil || id == "" || id == "0" {
		return true, err
	}
	for _, s := range set.Stickers {
		if s.CustomID == id {
			set.Thumbnail = &PhotoSize{s.FileInfo, frame{100, 100}}
			w.change()
			return true, nil
		}
	}
	return nil, refusal("STICKER_INVALID")
}

// setStickerEmojiList changes the emoji of a sticker.
func (w *World) setStickerEmojiList(p botapi.Params) (any, error) {
	text := p.String("emoji_list")
	if !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse emoji list JSON array")
	}
	emoji, err := parseEmoji(json.RawMessage(text))
	if err != nil {
		return nil, refusef("Can't parse emoji list: %v", err)
	}
	set, at, err := w.inSet(p, "sticker")
	if err != nil {
		return nil, err
	}
	s := *set.Stickers[at]
	_, size := utf8.DecodeRuneInString(emoji)
	s.Emoji, s.emoji = emoji[:size], emoji
	set.Stickers[at] = &s
	w.change()
	return true, nil
}

// setStickerKeywords checks the keywords, which nobody sees.
func (w *World) setStickerKeywords(p botapi.Params) (any, error) {
	if text := p.String("keywords"); p.Has("keywords") {
		list, ok := parseArray([]byte(text))
		switch {
		case !json.Valid([]byte(text)):
			return nil, refusal("Can't parse keywords JSON object")
		case !ok:
			return nil, refusal(`Field "keywords" must be an Array`)
		}
		for _, raw := range list {
			var keyword string
			if json.Unmarshal(raw, &keyword) != nil {
				return nil, refusal("keyword must be a string")
			}
		}
	}
	_, _, err := w.inSet(p, "sticker")
	return true, err
}

// maskPosition reads the parameter mask_position.
func maskPosition(p botapi.Params) (json.RawMessage, error) {
	text := p.String("mask_position")
	if text != "" && !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse mask position JSON object")
	}
	return json.RawMessage(text), nil
}

func (w *World) setStickerMaskPosition(p botapi.Params) (any, error) {
	mask, err := maskPosition(p)
	if err != nil {
		return nil, err
	}
	set, at, err := w.inSet(p, "sticker")
	if err != nil {
		return nil, err
	}
	s := *set.Stickers[at]
	s.Mask = mask
	set.Stickers[at] = &s
	w.change()
	return true, nil
}

// getCustomEmojiStickers leaves out those that do not exist.
func (w *World) getCustomEmojiStickers(p botapi.Params) (any, error) {
	text, err := required(p, "custom_emoji_ids")
	if err != nil {
		return nil, err
	}
	list, ok := parseArray([]byte(text))
	switch {
	case !json.Valid([]byte(text)):
		return nil, refusal("Can't parse custom emoji identifiers JSON object")
	case !ok:
		return nil, refusal("Expected an Array of custom emoji identifiers")
	}
	found := []*Sticker{}
	for _, raw := range list {
		var id string
		if json.Unmarshal(raw, &id) != nil {
			return nil, refusal("Custom emoji identifier must be of type String")
		}
		for _, set := range w.sets {
			for _, s := range set.Stickers {
				if s.CustomID == id {
					found = append(found, s)
				}
			}
		}
	}
	return found, nil
}

// setChatStickerSet knows the sets that getStickerSet knows.
func (w *World) setChatStickerSet(p botapi.Params) (any, error) {
	c, err := w.managed(p, toSetStickers)
	if err != nil {
		return nil, err
	}
	if c.Type != "supergroup" {
		return nil, refusal("method is available only for supergroups")
	}
	name := p.String("sticker_set_name")
	if _, err := w.getStickerSet(botapi.Params{Method: "getStickerSet", Values: map[string]string{"name": name}}); err != nil {
		return nil, err
	}
	c.stickerSet = name
	w.change()
	return true, nil
}

func (w *World) deleteChatStickerSet(p botapi.Params) (any, error) {
	c, err := w.managed(p, toSetStickers)
	switch {
	case err != nil:
		return nil, err
	case c.Type != "supergroup":
		return nil, refusal("method is available only for supergroups")
	}
	c.stickerSet = ""
	w.change()
	return true, nil
}
