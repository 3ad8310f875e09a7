package tghooktest

import (
	"errors"
	"testing"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Press is that of a button by a user.
type Press struct {
	chat   *Chat
	button string
	query  string // id of the callback query; empty: the button sent its text
}

// Press presses the button of that text below the newest message that has one, or else in
// the keyboard that the bot has put in place of the user's own, which sends the text. It
// waits for such a button as Expect does. The button must be one that the bot hears of:
// the press of a link makes no update.
//
//	chat.Send("/order")
//	chat.Press("Pay").Expect(t, "Paid")
func (c *Chat) Press(button string) *Press {
	c.test().Helper()
	return c.press(0, button)
}

// Press presses the button of that text below the message as it is now. It waits for the
// button as Expect does.
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
		p.query, err = c.world().Press(c.user.ID, c.ID, message, button)
		return !errors.Is(err, world.ErrNoButton)
	})
	switch s := c.user.server; {
	case errors.Is(err, world.ErrNoButton):
		tb.Fatalf("tghooktest: in %s: after %v %v%s%s", c.place, s.cfg.Patience, err, c.said(), s.troubles())
	case err != nil:
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
	return p
}

// Expect waits until the bot has answered the press by answerCallbackQuery, as long as
// [Chat.Expect], and fails unless the answer reads text: "" for one without a text.
func (p *Press) Expect(tb testing.TB, text string) {
	tb.Helper()
	if p.query == "" {
		tb.Fatalf("tghooktest: in %s: the button %q sent its text, to which there is no answerCallbackQuery: expect a message", p.chat.place, p.button)
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
		tb.Fatalf("tghooktest: in %s: the bot answered the press of %q by %q, not by %q", p.chat.place, p.button, answer.Text, text)
	}
}
