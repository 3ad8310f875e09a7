package world

import (
	"cmp"
	"encoding/json"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Me returns the bot as a User.
func (w *World) Me() json.RawMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return marshal(w.bot)
}

func (w *World) getMe(botapi.Params) (any, error) {
	return struct {
		*User
		CanJoin      bool `json:"can_join_groups"`
		ReadsAll     bool `json:"can_read_all_group_messages"`
		Guests       bool `json:"supports_guest_queries"`
		Inline       bool `json:"supports_inline_queries"`
		Business     bool `json:"can_connect_to_business"`
		MainWebApp   bool `json:"has_main_web_app"`
		HasTopics    bool `json:"has_topics_enabled"`
		UsersTopics  bool `json:"allows_users_to_create_topics"`
		CanManageOwn bool `json:"can_manage_bots"`
		JoinRequests bool `json:"supports_join_request_queries"`
	}{User: w.bot, CanJoin: true, Business: len(w.accounts) > 0, ReadsAll: w.cfg.ReadsAll, Inline: true}, nil
}

// aboutBot are the texts about the bot, with the most characters that they may have, and
// the error for more. The documentation has the limits; the errors are those that Telegram
// has for a user's profile.
var aboutBot = map[string]struct {
	most    int
	tooLong refusal
}{"name": {64, "FIRSTNAME_INVALID"}, "description": {512, "DESCRIPTION_TOO_LONG"}, "short_description": {120, "ABOUT_TOO_LONG"}}

// sets makes the methods that set a text about the bot in a language.
func sets(name string) func(*World, botapi.Params) (any, error) {
	return func(w *World, p botapi.Params) (any, error) {
		if about := aboutBot[name]; utf8.RuneCountInString(p.String(name)) > about.most {
			return nil, about.tooLong
		}
		w.settings[name+" "+p.String("language_code")] = p.String(name)
		if name == "name" && p.String("language_code") == "" {
			w.bot.FirstName = cmp.Or(p.String(name), firstName)
		}
		if w.watched() {
			w.note(Event{Kind: "bot", Object: marshal(w.bot)})
		}
		w.change()
		return true, nil
	}
}

// tells makes the methods that get a text about the bot in a language. Without a text in
// that language, it is the text for all languages.
func tells(name string) func(*World, botapi.Params) (any, error) {
	return func(w *World, p botapi.Params) (any, error) {
		text := w.settings[name+" "+p.String("language_code")]
		if text == "" {
			text = w.settings[name+" "]
		}
		if text == "" && name == "name" {
			text = w.bot.FirstName
		}
		return map[string]string{name: text}, nil
	}
}

// actionLife is how long users see a chat action.
const actionLife = 5 * time.Second

// action is what users see the bot do in a chat.
type action struct {
	name  string
	until time.Time
}

// sendChatAction shows an action until it ends, or until the bot sends a message.
func (w *World) sendChatAction(p botapi.Params) (any, error) {
	name := strings.ToLower(p.String("action"))
	switch name {
	case "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice", "record_audio", "upload_audio",
		"upload_document", "choose_sticker", "find_location", "pick_up_location", "record_video_note", "upload_video_note", "cancel":
	default:
		return nil, refusal("Wrong parameter action in request")
	}
	c, err := w.destination(p)
	if err != nil {
		return nil, err
	}
	w.act(c, p.Int("message_thread_id"), name)
	return true, nil
}

// act shows an action of the bot in a thread of a chat. w.mu is held.
func (w *World) act(c *Chat, thread int64, name string) {
	if c.actions == nil {
		c.actions = map[int64]action{}
	}
	maps.DeleteFunc(c.actions, func(_ int64, a action) bool { return !a.until.After(w.cfg.Now()) })
	if name == "cancel" {
		delete(c.actions, thread)
	} else {
		c.actions[thread] = action{name, w.cfg.Now().Add(actionLife)}
	}
	if w.watched() {
		w.note(Event{Kind: "action", Chat: c.ID, Business: c.connection(), Thread: thread, User: w.bot.ID, Text: name})
	}
	w.change()
}

// uploadStickerFile makes a file that no message has. png_sticker is the older name of
// sticker.
func (w *World) uploadStickerFile(p botapi.Params) (any, error) {
	if _, err := w.user(p, "user_id"); err != nil {
		return nil, err
	}
	uploaded, ok := p.File("sticker")
	switch _, known := stickerFormats[p.String("sticker_format")]; {
	case !ok && !p.Has("sticker"):
		uploaded, ok = p.File("png_sticker")
	case !known:
		return nil, refusal("Invalid sticker format specified")
	}
	f, err := w.input("sticker", "", uploaded, ok)
	switch {
	case err != nil:
		return nil, err
	case f == nil:
		return nil, refusal("There is no sticker file in the request")
	}
	return f.FileInfo, nil
}
