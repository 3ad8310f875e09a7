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
		for _, k := range c.keys(user) {
			if k.Text == button {
				return "", w.strike(u, c, k)
			}
			there = append(there, k.Text)
		}
	}
	return "", fmt.Errorf("%w %q to press; the buttons are: %s", ErrNoButton, button, list(there))
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
