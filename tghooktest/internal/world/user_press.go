package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrNoButton says that there is no button of a text, for now.
var ErrNoButton = errors.New("there is no button")

// Press has the user press the button of the text, below a message or, with 0, below the
// newest that has one, or in the keyboard that they have for typing. It returns the id of
// the callback query, "" where the button sent its text.
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
		_ = json.Unmarshal(c.keyboards[user], &keys) // none is no keys
		for _, k := range slices.Concat(keys.Rows...) {
			if k.Text == button {
				return "", w.strike(u, c, k, keys.Once)
			}
			there = append(there, k.Text)
		}
	}
	return "", fmt.Errorf("%w %q to press: there are %s", ErrNoButton, button, list(there))
}

// press is that of an inline button. w.mu is held.
func (w *World) press(u *User, c *Chat, m *Message, b Button) (string, error) {
	if b.CallbackData == "" && b.CallbackGame == nil {
		return "", fmt.Errorf("the bot is not told when the button %q is pressed: read what it does in the message's Raw", b.Text)
	}
	q := w.ask(&Query{Kind: "callback_query", From: u, Message: m, InlineID: m.inlineID, Data: b.CallbackData})
	instance := int64(w.draw("chat_instance", c.ID)) //nolint:gosec // bits are all that matters
	update := callback{ID: q.ID, From: u, Message: m, Instance: strconv.FormatInt(instance, 10), Data: b.CallbackData}
	if m.inlineID != "" {
		update.Message, update.InlineID = nil, m.inlineID
	}
	if b.CallbackGame != nil {
		var game struct {
			Title string `json:"title"` // as which sendGame put the short name
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

// keyboard are the keys in place of a user's own, and whether they go away with the first
// that is used. What a key asks for, other than that its text be sent, is in asks.
type keyboard struct {
	Rows [][]key `json:"keyboard"`
	Once bool    `json:"one_time_keyboard"`
}

type key struct {
	Text string
	asks []string
}

// UnmarshalJSON reads what may be just the text.
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

// strike has the user send the text of a key. w.mu is held.
func (w *World) strike(u *User, c *Chat, k key, once bool) error {
	if len(k.asks) > 0 {
		return fmt.Errorf("the button %q sends no text, but asks for %s: send what the bot wants of it, as by SendContact and SendLocation", k.Text, k.asks[0])
	}
	if once {
		delete(c.keyboards, u.ID)
	}
	_, err := w.post(u.ID, c.ID, &Message{Content: Content{Text: k.Text, Entities: findEntities(k.Text)}})
	return err
}

// list names what there is in place of what was sought.
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
