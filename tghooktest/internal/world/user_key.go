package world

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// key is a key of a reply keyboard, which a user has in place of their own.
type key struct {
	Text string
	asks string // the field that asks for something other than the text; empty if there is none
	what object // the value of that field
	once bool   // the keyboard disappears after a press
}

// UnmarshalJSON reads a key, which is an object or only its text.
func (k *key) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &k.Text) == nil {
		return nil
	}
	all, _ := parseObject(data)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := all[name]
		if strings.HasPrefix(name, "request_") && string(value) != "false" || name == "web_app" {
			k.asks = name
			k.what, _ = parseObject(value)
		}
	}
	k.Text = all.text("text")
	return nil
}

// keys returns the keys of the reply keyboard that the user has in the chat.
func (c *Chat) keys(user int64) []key { return keysOf(c.keyboards[user]) }

// keysOf returns the keys of a reply_markup.
func keysOf(markup json.RawMessage) []key {
	var keyboard struct {
		Rows [][]key `json:"keyboard"`
		Once bool    `json:"one_time_keyboard"`
	}
	_ = json.Unmarshal(markup, &keyboard) // without a keyboard there are no keys
	keys := slices.Concat(keyboard.Rows...)
	for i := range keys {
		keys[i].once = keyboard.Once
	}
	return keys
}

// privateOnly has what a key may ask for in private chats only, in the words of Telegram.
var privateOnly = map[string]string{
	"request_contact":  "Phone number can be requested in private chats only",
	"request_location": "Location can be requested in private chats only",
	"request_poll":     "Poll can be requested in private chats only",
	"request_users":    "Users can be requested in private chats only",
	"request_user":     "Users can be requested in private chats only",
	"request_chat":     "Chats can be requested in private chats only",
	"web_app":          "Web App buttons can be used in private chats only",
}

// noRequests refuses keys that only a private chat can have.
func noRequests(markup json.RawMessage) error {
	for _, k := range keysOf(markup) {
		if text := privateOnly[k.asks]; text != "" {
			return refusal(text)
		}
	}
	return nil
}

// instead says how a user does what a key asks for, when a press is not enough.
var instead = map[string]string{
	"request_users":       "call ShareUsers",
	"request_user":        "call ShareUsers",
	"request_chat":        "call ShareChat",
	"request_poll":        "call SendPoll",
	"web_app":             "call SendWebAppData",
	"request_managed_bot": "no user here can make a bot, so deliver the update with Deliver",
}

// Greenwich is where users are who send no location of their own.
const greenwichLatitude, greenwichLongitude = 51.4779, -0.0015

// strike presses a key of the reply keyboard. It sends the key's text, or the contact or
// location that the key asks for. w.mu is held.
func (w *World) strike(u *User, c *Chat, k key) (Seen, error) {
	var content Content
	switch k.asks {
	case "":
		content = Content{Text: k.Text, Entities: findEntities(k.Text)}
	case "request_contact":
		content = own(u, u.phone())
	case "request_location":
		content = at(greenwichLatitude, greenwichLongitude)
	default:
		return Seen{}, fmt.Errorf("the button %q does not send its text; it asks for %s, so %s", k.Text, k.asks, instead[k.asks])
	}
	return w.answerKey(u, c, k, content)
}

// Strike presses the key of the reply keyboard with the text.
func (w *World) Strike(user, chat int64, button string) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	if err != nil {
		return Seen{}, err
	}
	var there []string
	for _, k := range c.keys(user) {
		if k.Text == button {
			return w.strike(u, c, k)
		}
		there = append(there, k.Text)
	}
	return Seen{}, noButton(button, there)
}

// noButton is the error for a button that is not among those that are there.
func noButton(button string, there []string) error {
	return fmt.Errorf("%w %q to press; the buttons are: %s", ErrNoButton, button, list(there))
}

// answerKey sends what a key asks for. w.mu is held.
func (w *World) answerKey(u *User, c *Chat, k key, content Content) (Seen, error) {
	seen, err := w.post(u.ID, c.ID, &Message{Content: content})
	if err == nil && k.once {
		delete(c.keyboards, u.ID)
		w.noteKeyboard(c, u.ID)
	}
	return seen, err
}

// asking returns the key with the text, which must ask for one of the fields. w.mu is held.
func (w *World) asking(user, chat int64, button string, fields ...string) (*User, *Chat, key, error) {
	u, c, err := w.party(user, chat)
	if err != nil {
		return nil, nil, key{}, err
	}
	var there []string
	for _, k := range c.keys(user) {
		if k.Text == button {
			if !slices.Contains(fields, k.asks) {
				return nil, nil, key{}, fmt.Errorf("the button %q does not ask for %s", button, fields[0])
			}
			return u, c, k, nil
		}
		there = append(there, k.Text)
	}
	return nil, nil, key{}, noButton(button, there)
}
