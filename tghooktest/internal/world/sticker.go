package world

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// StickerSet is a set of stickers that the bot made.
type StickerSet struct {
	Name      string     `json:"name"`
	Title     string     `json:"title"`
	Thumbnail *PhotoSize `json:"thumbnail,omitempty"`
	Type      string     `json:"sticker_type"` // regular, mask, custom_emoji
	Stickers  []*Sticker `json:"stickers"`
}

const (
	maxStickers    = 50 // in the call that makes a set
	maxSetStickers = 120
	maxEmoji       = 20 // of a sticker
	maxSetTitle    = 64
)

// setName is the form of the names of sticker sets, without the bot's name at their end.
var setName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// stickerFormats are the MIME types of the formats of stickers.
var stickerFormats = map[string]string{"static": "image/webp", "animated": "application/x-tgsticker", "video": "video/webm", "auto": ""}

// errNoSticker is the error for a call that has no sticker's file.
const errNoSticker = refusal("there is no sticker file in the request")

// inputSticker reads an InputSticker. format is the format of one that names none; empty if
// it must.
func (w *World) inputSticker(p botapi.Params, raw json.RawMessage, format string) (*Sticker, error) {
	o, ok := parseObject(raw)
	if !ok {
		return nil, refusal("InputSticker must be an Object")
	}
	uploaded, isUploaded := p.Attached(o.text("sticker"))
	f, err := w.input("sticker", o.text("sticker"), uploaded, isUploaded)
	switch {
	case err != nil:
		return nil, err
	case f == nil:
		return nil, refusal("sticker not found")
	}
	if format == "" {
		if _, err := o.need("format"); err != nil {
			return nil, err
		}
	}
	emoji, err := parseEmoji(o["emoji_list"])
	if err != nil {
		return nil, err
	}
	return w.sticker(f, cmp.Or(o.text("format"), format), emoji, o["mask_position"])
}

// parseEmoji reads a list of emoji and returns them in one text.
func parseEmoji(raw json.RawMessage) (string, error) {
	var list []string
	switch err := json.Unmarshal(raw, &list); {
	case err != nil:
		return "", refusal("expected an Array of string")
	case len(list) == 0:
		return "", refusal("emoji list must be non-empty")
	case len(list) > maxEmoji:
		return "", refusal("too many emoji specified")
	}
	for _, e := range list {
		if !isEmoji(e) {
			return "", refusal("expected a Unicode emoji")
		}
	}
	return strings.Join(list, ""), nil
}

// isEmoji reports whether text may be an emoji: it has no letters, spaces or punctuation,
// and is not ASCII throughout.
func isEmoji(text string) bool {
	ascii := strings.Trim(text, "0123456789#*\ufe0f\u20e3") != "" && !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
	return text != "" && !ascii && !strings.ContainsFunc(text, isWordNoDigit)
}

func isWordNoDigit(r rune) bool { return isWord(r) && (r < '0' || r > '9') }

// sticker returns the sticker for a file.
func (w *World) sticker(f *File, format, emoji string, mask json.RawMessage) (*Sticker, error) {
	mimeType, ok := stickerFormats[format]
	if !ok {
		return nil, refusal("Invalid sticker format specified")
	}
	f.MIME = cmp.Or(mimeType, f.MIME)
	first, size := utf8.DecodeRuneInString(emoji)
	if first == utf8.RuneError {
		size = 0
	}
	s := *f.content().Sticker
	s.Emoji, s.emoji, s.Mask = emoji[:size], emoji, mask
	return &s, nil
}

// oldSticker reads a sticker from the parameters that addStickerToSet and
// createNewStickerSet had before InputSticker.
func (w *World) oldSticker(p botapi.Params) (*Sticker, error) {
	for _, old := range [][2]string{{"png_sticker", "static"}, {"tgs_sticker", "animated"}, {"webm_sticker", "video"}} {
		name, format := old[0], old[1]
		uploaded, ok := p.File(name)
		value := p.String(name)
		switch {
		case !ok && value == "":
			continue
		case !ok && name == "tgs_sticker":
			return nil, refusal("animated sticker must be uploaded as an InputFile")
		case !ok && name == "webm_sticker":
			return nil, refusal("video sticker must be uploaded as an InputFile")
		}
		f, err := w.input("sticker", value, uploaded, ok)
		switch {
		case err != nil:
			return nil, err
		case f == nil:
			return nil, errNoSticker
		case !isEmoji(p.String("emojis")):
			return nil, refusal("invalid sticker emojis")
		}
		mask, err := maskPosition(p)
		if err != nil {
			return nil, err
		}
		return w.sticker(f, format, p.String("emojis"), mask)
	}
	return nil, errNoSticker
}

// oneSticker reads the sticker of a call, in its new or its old form.
func (w *World) oneSticker(p botapi.Params) (*Sticker, error) {
	if _, uploaded := p.Files["sticker"]; !uploaded && !p.Has("sticker") {
		return w.oldSticker(p)
	}
	text := p.String("sticker")
	if !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse sticker JSON object")
	}
	s, err := w.inputSticker(p, json.RawMessage(text), "auto")
	if err != nil {
		return nil, refusef("Can't parse sticker: %v", err)
	}
	return s, nil
}

// allStickers reads the stickers of createNewStickerSet, in their new or their old form.
func (w *World) allStickers(p botapi.Params) ([]*Sticker, error) {
	if !p.Has("stickers") {
		s, err := w.oldSticker(p)
		return []*Sticker{s}, err
	}
	text := p.String("stickers")
	list, ok := parseArray([]byte(text))
	switch {
	case !json.Valid([]byte(text)):
		return nil, refusal("Can't parse stickers JSON object")
	case !ok:
		return nil, refusal("Expected an Array of InputSticker")
	case len(list) > maxStickers:
		return nil, refusal("Too many stickers specified")
	}
	all := make([]*Sticker, 0, len(list))
	for _, raw := range list {
		s, err := w.inputSticker(p, raw, p.String("sticker_format"))
		if err != nil {
			return nil, refusef("Can't parse InputSticker: %v", err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (w *World) createNewStickerSet(p botapi.Params) (any, error) {
	stickers, err := w.allStickers(p)
	if err != nil {
		return nil, err
	}
	if _, err := w.user(p, "user_id"); err != nil {
		return nil, err
	}
	set := &StickerSet{Name: p.String("name"), Title: strings.TrimSpace(p.String("title")), Type: cmp.Or(p.String("sticker_type"), "regular")}
	if p.Bool("contains_masks") { // its older form
		set.Type = "mask"
	}
	own := "_by_" + strings.ToLower(w.bot.Username)
	switch name := strings.ToLower(set.Name); {
	case !slices.Contains([]string{"regular", "mask", "custom_emoji"}, set.Type):
		return nil, refusal("Unsupported sticker type specified")
	case set.Title == "":
		return nil, refusal("Sticker set title must be non-empty")
	case utf8.RuneCountInString(set.Title) > maxSetTitle:
		return nil, refusal("PACK_TITLE_INVALID")
	case !setName.MatchString(name) || strings.Contains(name, "__") || !strings.HasSuffix(name, own):
		return nil, refusal("invalid sticker set name is specified")
	case w.sets[name] != nil:
		return nil, refusal("sticker set name is already occupied")
	case len(stickers) == 0:
		return nil, refusal("STICKERS_EMPTY")
	}
	w.sets[strings.ToLower(set.Name)] = set
	set.add(w, stickers...)
	return true, nil
}

// add appends stickers to the set.
func (set *StickerSet) add(w *World, stickers ...*Sticker) {
	for _, s := range stickers {
		s.SetName, s.Type = set.Name, set.Type
		if set.Type == "custom_emoji" {
			s.CustomID = w.next("custom_emoji")
		}
		if set.Type != "mask" {
			s.Mask = nil
		}
	}
	set.Stickers = append(set.Stickers, stickers...)
	w.change()
}

// setOf returns the set that a call names, and which the bot made.
func (w *World) setOf(p botapi.Params) (*StickerSet, error) {
	set := w.sets[strings.ToLower(strings.TrimSpace(p.String("name")))]
	if set == nil {
		return nil, refusal("STICKERSET_INVALID")
	}
	return set, nil
}

// getStickerSet knows the sets of the bot, and none of others. A test can answer for those.
func (w *World) getStickerSet(p botapi.Params) (any, error) {
	if _, err := required(p, "name"); err != nil {
		return nil, err
	}
	set, err := w.setOf(p)
	if err != nil && w.answers[p.Method] != nil {
		return nil, nil
	}
	return set, err
}

// inSet returns the set and the index of the sticker that a parameter names.
func (w *World) inSet(p botapi.Params, name string) (*StickerSet, int, error) {
	id := strings.TrimSpace(p.String(name))
	if id == "" {
		return nil, 0, refusal("Sticker is not specified")
	}
	f := w.files[id]
	if f == nil {
		return nil, 0, wrongID(id)
	}
	for _, key := range slices.Sorted(maps.Keys(w.sets)) {
		set := w.sets[key]
		if at := slices.IndexFunc(set.Stickers, func(s *Sticker) bool { return s.UniqueID == f.UniqueID }); at >= 0 {
			return set, at, nil
		}
	}
	return nil, 0, refusal("STICKER_INVALID")
}

func (w *World) addStickerToSet(p botapi.Params) (any, error) {
	s, err := w.oneSticker(p)
	if err != nil {
		return nil, err
	}
	if _, err := w.user(p, "user_id"); err != nil {
		return nil, err
	}
	set, err := w.setOf(p)
	switch {
	case err != nil:
		return nil, err
	case len(set.Stickers) >= maxSetStickers:
		return nil, refusal("STICKERS_TOO_MUCH")
	}
	set.add(w, s)
	return true, nil
}

func (w *World) replaceStickerInSet(p botapi.Params) (any, error) {
	set, at, err := w.inSet(p, "old_sticker")
	if err != nil {
		return nil, err
	}
	s, err := w.oneSticker(p)
	if err != nil {
		return nil, err
	}
	set.add(w, s)
	set.Stickers[at] = s
	set.Stickers = set.Stickers[:len(set.Stickers)-1]
	return true, nil
}

func (w *World) deleteStickerFromSet(p botapi.Params) (any, error) {
	set, at, err := w.inSet(p, "sticker")
	if err != nil {
		return nil, err
	}
	set.Stickers = slices.Delete(set.Stickers, at, at+1)
	w.change()
	return true, nil
}

func (w *World) setStickerPositionInSet(p botapi.Params) (any, error) {
	set, at, err := w.inSet(p, "sticker")
	to := int(p.Int("position"))
	switch {
	case err != nil:
		return nil, err
	case !p.Has("position") || to < 0 || to >= len(set.Stickers):
		return nil, refusal("Wrong sticker position specified")
	}
	s := set.Stickers[at]
	set.Stickers = slices.Insert(slices.Delete(set.Stickers, at, at+1), to, s)
	w.change()
	return true, nil
}

func (w *World) deleteStickerSet(p botapi.Params) (any, error) {
	set, err := w.setOf(p)
	if err != nil {
		return nil, err
	}
	delete(w.sets, strings.ToLower(set.Name))
	w.change()
	return true, nil
}
