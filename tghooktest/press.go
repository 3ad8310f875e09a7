package tghooktest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Press is one press of a button by a user.
type Press struct {
	chat   *Chat
	button string
	query  string // id of the callback query; empty if the press made none
}

// Press presses the button with that text. It waits for the button as long as Expect waits
// for a message.
//
// The button is the one below the newest message that has it. If no message has it, it is
// the one in the reply keyboard, which the bot shows in place of the user's own keyboard;
// such a button sends its text, or the user's contact or location if it asks for that.
//
// A Pay button pays the invoice, as Message.Pay does. The bot gets pre_checkout_query, or
// shipping_query first if the price is flexible.
//
// A button that makes no update, such as a link, fails the test. So does a button that asks
// for a choice: see ShareUsers, ShareChat, SendPoll and SendWebAppData.
//
//	chat.Send("/order")
//	chat.Press("Pay").Expect(t, "Paid")
func (c *Chat) Press(button string) *Press {
	c.test().Helper()
	return c.press(0, button)
}

// Press presses the button with that text below the message in its current state. It waits
// for the button as long as Expect waits for a message.
func (m *Message) Press(button string) *Press {
	m.chat.test().Helper()
	return m.chat.press(m.ID, button)
}

func (c *Chat) press(message int64, button string) *Press {
	tb := c.test()
	tb.Helper()
	p := &Press{chat: c, button: button}
	var err error
	c.user.server.await(func() bool {
		p.query, err = c.world().Press(c.user.ID, c.at(), message, button)
		return !errors.Is(err, world.ErrNoButton)
	})
	switch s := c.user.server; {
	case errors.Is(err, world.ErrNoButton):
		tb.Fatalf("tghooktest: in %s: %s%v%s%s", c.place, s.waited(), err, c.said(), s.troubles())
	case err != nil:
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
	return p
}

// CallbackAnswer is the bot's answer to a press of a button.
type CallbackAnswer struct {
	Text      string
	ShowAlert bool // the user sees the text as an alert, and not as a note that disappears
	URL       string
}

// Answer waits until the bot has answered the press by answerCallbackQuery, or until ctx ends.
func (p *Press) Answer(ctx context.Context) (CallbackAnswer, error) {
	if p.query == "" {
		return CallbackAnswer{}, fmt.Errorf("tghooktest: in %s: the press of %q made no callback_query, so no answerCallbackQuery can come", p.chat.place, p.button)
	}
	var now world.Query
	if err := p.chat.user.server.wait(ctx, func() bool {
		now = p.chat.world().Query(p.query)
		return now.Answered
	}); err != nil {
		return CallbackAnswer{}, fmt.Errorf("tghooktest: in %s: the bot has not answered the press of %q: %w", p.chat.place, p.button, err)
	}
	return CallbackAnswer{now.Text, now.Alert, now.URL}, nil
}

// Expect waits until the bot has answered the press by answerCallbackQuery. The test fails
// if the answer has another text, or if none comes within ServerConfig.Patience. For an
// answer without a text, pass "".
func (p *Press) Expect(tb testing.TB, text string) {
	tb.Helper()
	if p.query == "" {
		tb.Fatalf("tghooktest: in %s: the press of %q made no callback_query, so no answerCallbackQuery can come; use Chat.Expect, or Message.Pay for a payment", p.chat.place, p.button)
		return
	}
	var answer world.Query
	s := p.chat.user.server
	answered := s.await(func() bool {
		answer = s.world.Query(p.query)
		return answer.Answered
	})
	switch {
	case !answered:
		tb.Fatalf("tghooktest: in %s: the bot did not answer the press of %q within %v%s", p.chat.place, p.button, s.cfg.Patience, s.troubles())
	case answer.Text != text:
		tb.Fatalf("tghooktest: in %s: the bot answered the press of %q with %q, want %q", p.chat.place, p.button, answer.Text, text)
	}
}
