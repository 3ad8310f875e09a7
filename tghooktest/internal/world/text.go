package world

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a text without its marks, in characters.
const (
	maxText    = 4096
	maxCaption = 1024
)

// parseModes parse the marks of a text.
var parseModes = map[string]func(string) (string, []Entity, error){
	"markdown": parseMarkdown, "markdownv2": parseMarkdownV2, "html": parseHTML,
}

// format parses the marks of a text, or takes the entities that came with it, adds the
// entities that Telegram finds, and trims the text. entities is a JSON array; anything else
// is ignored.
func (w *World) format(text, parseMode string, entities json.RawMessage) (string, []Entity, error) {
	if len(text) > 1<<15 {
		return "", nil, refusal("Text is too long")
	}
	mode := strings.ToLower(parseMode)
	parse, known := parseModes[mode]
	var marks []Entity
	var err error
	switch {
	case text == "":
	case known:
		if text, marks, err = parse(text); err != nil {
			err = refusef("Can't parse entities: %v", err)
		}
	case mode == "" || mode == "none":
		marks, err = given(entities)
	default:
		err = refusal("Unsupported parse_mode")
	}
	if err != nil {
		return "", nil, err
	}
	text, marks = trim(text, w.mentioned(marks))
	return text, withFound(text, marks), nil
}

// given reads entities that came as JSON, without those that Telegram finds itself.
func given(entities json.RawMessage) ([]Entity, error) {
	list, _ := parseArray(entities)
	var marks []Entity
	for _, raw := range list {
		e, ignored, err := parseEntity(raw)
		switch {
		case err != nil:
			return nil, err
		case ignored:
		case e.Offset < 0 || e.Offset > 1e6:
			return nil, refusef("Receive an entity with incorrect offset %d", e.Offset)
		case e.Length < 0 || e.Length > 1e6:
			return nil, refusef("Receive an entity with incorrect length %d", e.Length)
		default:
			marks = append(marks, e)
		}
	}
	return marks, nil
}

// parseEntity reads a MessageEntity. ignored is true for one that Telegram finds itself.
func parseEntity(raw json.RawMessage) (e Entity, ignored bool, _ error) {
	o, ok := parseObject(raw)
	if !ok {
		return e, false, refusal("Can't parse MessageEntity: expected an Object")
	}
	for _, field := range []string{"offset", "length", "type"} {
		if _, err := o.need(field); err != nil {
			return e, false, refusef("Can't parse MessageEntity: %v", err)
		}
	}
	e = Entity{Offset: int(o.integer("offset")), Length: int(o.integer("length")), Type: o.text("type")}
	switch e.Type {
	case "bold", "italic", "underline", "strikethrough", "spoiler", "code", "blockquote", "expandable_blockquote":
	case "pre":
		e.Language = o.text("language")
	case "custom_emoji":
		e.CustomEmojiID = o.text("custom_emoji_id")
	case "text_link":
		if e.URL, ok = checkedLink(o.text("url")); !ok {
			return e, false, refusef("Entity URL '%s' is invalid: Wrong HTTP URL", o.text("url"))
		}
	case "text_mention":
		user, _ := parseObject(o["user"])
		e.URL = user.text("id")
	case "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number":
		return e, true, nil
	default:
		return e, false, refusal("Can't parse MessageEntity: Unsupported type specified")
	}
	return e, false, nil
}

// mentioned replaces the id of a text_mention by the user. It drops those of unknown users.
func (w *World) mentioned(marks []Entity) []Entity {
	var kept []Entity
	for _, e := range marks {
		if e.Type == "text_mention" {
			id, _ := strconv.ParseInt(e.URL, 10, 64) // on error 0, which is no user's id
			e.User, e.URL = w.users[id], ""
		}
		if e.Type != "text_mention" || e.User != nil {
			kept = append(kept, e)
		}
	}
	return kept
}

// trim removes space from the ends of a text, and shortens the entities.
func trim(text string, marks []Entity) (string, []Entity) {
	text = strings.TrimRight(text, " \t\r\n")
	first := len(text)
	for _, e := range marks {
		first = min(first, e.Offset)
	}
	cut := 0
	for cut < first && (text[cut] == ' ' || text[cut] == '\n') {
		cut++
	}
	text = text[cut:]
	end := units(text)
	var kept []Entity
	for _, e := range marks {
		e.Offset -= cut
		e.Length = min(e.Length, end-e.Offset)
		if e.Length > 0 {
			kept = append(kept, e)
		}
	}
	return text, kept
}

// withFound adds the entities that Telegram finds, except inside entities that cannot
// contain others. Outer entities come before inner ones.
func withFound(text string, marks []Entity) []Entity {
	for _, found := range findEntities(text) {
		if !slices.ContainsFunc(marks, func(e Entity) bool { return whole(e.Type) && overlap(e, found) }) {
			marks = append(marks, found)
		}
	}
	slices.SortStableFunc(marks, func(a, b Entity) int { return cmp.Or(a.Offset-b.Offset, b.Length-a.Length) })
	return marks
}

// whole reports whether an entity of the kind cannot contain others.
func whole(kind string) bool {
	switch kind {
	case "code", "pre", "text_link", "text_mention", "custom_emoji":
		return true
	}
	return false
}

func overlap(a, b Entity) bool {
	return a.Offset < b.Offset+b.Length && b.Offset < a.Offset+a.Length
}

// checkedLink completes a link as Telegram does. It returns false for a link to a host
// without a dot.
func checkedLink(link string) (string, bool) {
	if link = strings.TrimSpace(link); link == "" {
		return "", false
	}
	if !strings.Contains(link, "://") {
		link = "http://" + link
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", false
	}
	switch strings.ToLower(u.Scheme) {
	case "tg", "ton", "tonsite":
		return link, true
	case "http", "https":
	default:
		return "", false
	}
	if !strings.Contains(strings.Trim(u.Hostname(), "."), ".") {
		return "", false
	}
	if u.Path == "" {
		at := len(u.Scheme) + len("://") + strings.IndexAny(link[len(u.Scheme)+len("://"):]+"/", "/?#")
		link = link[:at] + "/" + link[at:]
	}
	return link, true
}

// errTooLong refuses the text of a new message. An edit is refused in other words.
const errTooLong = refusal("Message is too long")

// text makes the content of a text message.
func (w *World) text(text, parseMode string, entities json.RawMessage) (Content, error) {
	if text == "" {
		return Content{}, refusal("Message text is empty")
	}
	plain, marks, err := w.format(text, parseMode, entities)
	switch {
	case err != nil:
		return Content{}, err
	case plain == "":
		return Content{}, refusal("Text must be non-empty")
	case utf8.RuneCountInString(plain) > maxText:
		return Content{}, errTooLong
	}
	return Content{Text: plain, Entities: marks}, nil
}

// caption sets the caption of the content.
func (w *World) caption(c *Content, text, parseMode string, entities json.RawMessage, above bool) error {
	plain, marks, err := w.format(text, parseMode, entities)
	switch {
	case err != nil:
		return err
	case utf8.RuneCountInString(plain) > maxCaption:
		return refusal("Message caption is too long")
	}
	c.Caption, c.CaptionEnts, c.CaptionTop = plain, marks, above && plain != ""
	return nil
}
