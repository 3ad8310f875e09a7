package world

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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
		for _, k := range c.keys(user) {
			if k.Text == button {
				_, err := w.strike(u, c, k)
				return "", err
			}
			there = append(there, k.Text)
		}
	}
	return "", noButton(button, there)
}

// Buttons returns the rows of buttons below a message.
func (w *World) Buttons(chat, message int64) [][]Button {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.chatOrEmpty(chat).message(message)
	if m == nil || m.ReplyMarkup == nil {
		return nil
	}
	return m.ReplyMarkup.Rows // which are never changed
}

// PressAt presses the button at a place below a message, if it has the text and the value still.
// It returns what Press returns.
func (w *World) PressAt(user, chat, message int64, row, column int, text, value string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	if err != nil {
		return "", err
	}
	m := c.message(message)
	if m == nil {
		return "", missingf(ErrNoMessage, "there is no message %d with a button to press", message)
	}
	if m.ReplyMarkup != nil && row < len(m.ReplyMarkup.Rows) && column < len(m.ReplyMarkup.Rows[row]) {
		b := m.ReplyMarkup.Rows[row][column]
		if _, now := b.Action(); b.Text == text && now == value {
			return w.press(u, c, m, b)
		}
	}
	return "", fmt.Errorf("%w %q any more: the bot has changed the message", ErrNoButton, text)
}

// Action returns the name of what the button does, and the value of that.
func (b Button) Action() (name, value string) {
	field := func(raw json.RawMessage, name string) string {
		o, _ := parseObject(raw)
		return o.text(name)
	}
	switch {
	case b.URL != "":
		return "url", b.URL
	case b.CallbackGame != nil:
		return "game", ""
	case b.Pay:
		return "pay", ""
	case b.SwitchInline != nil:
		return "switch_inline_query", *b.SwitchInline
	case b.SwitchInlineHere != nil:
		return "switch_inline_query_current_chat", *b.SwitchInlineHere
	case b.SwitchInlineOther != nil:
		return "switch_inline_query_chosen_chat", field(b.SwitchInlineOther, "query")
	case b.LoginURL != nil:
		return "login_url", field(b.LoginURL, "url")
	case b.WebApp != nil:
		return "web_app", field(b.WebApp, "url")
	case b.CopyText != nil:
		return "copy_text", field(b.CopyText, "text")
	}
	return "callback", b.CallbackData
}

// press presses an inline button. w.mu is held.
func (w *World) press(u *User, c *Chat, m *Message, b Button) (string, error) {
	if b.Pay {
		_, err := w.pay(u, m, Order{})
		return "", err
	}
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
