package tghooktest

import (
	"fmt"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// ButtonAction is what a button below a message does when it is pressed.
type ButtonAction string

// The actions of buttons. Beside each stands what Button.Value is.
const (
	ButtonCallback     ButtonAction = "callback"                         // callback_data
	ButtonGame         ButtonAction = "game"                             // empty
	ButtonPay          ButtonAction = "pay"                              // empty
	ButtonURL          ButtonAction = "url"                              // the URL
	ButtonLogin        ButtonAction = "login_url"                        // the URL
	ButtonWebApp       ButtonAction = "web_app"                          // the URL of the Mini App
	ButtonCopy         ButtonAction = "copy_text"                        // the text to copy
	ButtonSwitch       ButtonAction = "switch_inline_query"              // the query, in a chat of the user's choice
	ButtonSwitchHere   ButtonAction = "switch_inline_query_current_chat" // the query, in this chat
	ButtonSwitchChosen ButtonAction = "switch_inline_query_chosen_chat"  // the query, in a chat of certain kinds
)

// Button is a button below a message at one time.
type Button struct {
	Text   string
	Action ButtonAction
	Value  string

	row, column int
	message     *Message
}

// Buttons returns the rows of buttons below the message, as they are now. It returns none if
// the message was deleted.
func (m *Message) Buttons() [][]Button {
	rows := m.chat.world().Buttons(m.chat.at(), m.ID)
	all := make([][]Button, 0, len(rows))
	for i, row := range rows {
		buttons := make([]Button, 0, len(row))
		for j, b := range row {
			action, value := b.Action()
			buttons = append(buttons, Button{b.Text, ButtonAction(action), value, i, j, m})
		}
		all = append(all, buttons)
	}
	return all
}

// Press presses the button. It does not wait. The bot gets callback_query; for a Pay button,
// what it gets for Message.Pay. Other buttons make no update, which is an error. If the
// message has another button there by now, the error is ErrNoButton.
func (b Button) Press() (*Press, error) {
	if b.message == nil {
		return nil, fmt.Errorf("tghooktest: the Button is empty; get it from Buttons: %w", world.ErrNoButton)
	}
	c := b.message.chat
	query, err := c.world().PressAt(c.user.ID, c.at(), b.message.ID, b.row, b.column, b.Text, b.Value)
	if err != nil {
		return nil, fmt.Errorf("tghooktest: in %s: %w", c.place, err)
	}
	return &Press{chat: c, button: b.Text, query: query}, nil
}

// PressKey presses a key of the reply keyboard, which the bot shows in place of the user's
// own. It waits for the key as long as Expect waits for a message. The key sends its text, or
// the user's contact or location if it asks for that. A key that asks for a choice fails the
// test: see ShareUsers, ShareChat, SendPoll and SendWebAppData.
func (c *Chat) PressKey(text string) *Message {
	c.test().Helper()
	return c.answerKey(func() (world.Seen, error) { return c.world().Strike(c.user.ID, c.at(), text) })
}
