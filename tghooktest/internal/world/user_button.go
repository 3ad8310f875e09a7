package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrNoButton means that no button has the text yet.
var ErrNoButton = errors.New("there is no button")

// Press presses the button with the text. If message is not 0, the button is below that
// message. If message is 0, it is the one below the newest message that has it, or else the
// one in the reply keyboard. Press returns the id of the callback query; "" if the button
// sent its text.
func (w *World) Press(user, chat, message int64, button string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	if err != nil {
		return "", err
	}
	var there []string
	for _, m := range slices.Backward(c.messages) {
		if m.deleted || m.ReplyMarkup == nil || message != 0 && m.ID != message {
			continue
		}
		for _, b := range slices.Concat(m.ReplyMarkup.Rows...) {
			if b.Text == button {
				return w.press(u, c, m, b)
			}
			there = append(there, b.Text)
		}
	}
	if message == 0 {
		var keys keyboard
		_ = json.Unmarshal(c.keyboards[user], &keys) // without a keyboard there are no keys
		for _, k := range slices.Concat(keys.Rows...) {
			if k.Text == button {
				return "", w.strike(u, c, k, keys.Once)
			}
			there = append(there, k.Text)
		}
	}
	return "", fmt.Errorf("%w %q to press; the buttons are: %s", ErrNoButton, button, list(there))
}

// press presses an inline button. w.mu is held.
func (w *World) press(u *User, c *Chat, m *Message, b Button) (string, error) {
	if b.CallbackData == "" && b.CallbackGame == nil {
		return "", fmt.Errorf("the button %q makes no update when it is pressed; see what it does in the message's Raw", b.Text)
	}
	q := w.ask(&Query{Kind: "callback_query", From: u, Message: m, InlineID: m.inlineID, Data: b.CallbackData})
	instance := int64(w.draw("chat_instance", c.ID)) //nolint:gosec // bits are all that matters
	update := callback{ID: q.ID, From: u, Message: m, Instance: strconv.FormatInt(instance, 10), Data: b.CallbackData}
	if m.inlineID != "" {
		update.Message, update.InlineID = nil, m.inlineID
	}
	if b.CallbackGame != nil {
		var game struct {
			Title string `json:"title"` // sendGame put the short name there
		}
		_ = json.Unmarshal(m.Game, &game)
		update.Game = game.Title
	}
	w.tell(c, "callback_query", update)
	w.change()
	return q.ID, nil
}

// callback is a CallbackQuery.
type callback struct {
	ID       string   `json:"id"`
	From     *User    `json:"from"`
	Message  *Message `json:"message,omitempty"`
	InlineID string   `json:"inline_message_id,omitempty"`
	Instance string   `json:"chat_instance"`
	Data     string   `json:"data,omitempty"`
	Game     string   `json:"game_short_name,omitempty"`
}

// keyboard is a reply keyboard: the keys that a user has in place of their own, and whether
// they disappear after the first press.
type keyboard struct {
	Rows [][]key `json:"keyboard"`
	Once bool    `json:"one_time_keyboard"`
}

type key struct {
	Text string
	asks []string // fields that ask for something other than the text
}

// UnmarshalJSON reads a key, which is an object or only its text.
func (k *key) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &k.Text) == nil {
		return nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for name := range all {
		if strings.HasPrefix(name, "request_") || name == "web_app" {
			k.asks = append(k.asks, name)
		}
	}
	return json.Unmarshal(all["text"], &k.Text)
}

// strike presses a key of the reply keyboard, which sends its text. w.mu is held.
func (w *World) strike(u *User, c *Chat, k key, once bool) error {
	if len(k.asks) > 0 {
		return fmt.Errorf("the button %q does not send a text; it asks for %s, so send that, for example with SendContact or SendLocation", k.Text, k.asks[0])
	}
	if once {
		delete(c.keyboards, u.ID)
	}
	_, err := w.post(u.ID, c.ID, &Message{Content: Content{Text: k.Text, Entities: findEntities(k.Text)}})
	return err
}

// list names the choices that there are.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	quoted := make([]string, 0, len(names))
	for _, n := range names {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	return strings.Join(quoted, ", ")
}
