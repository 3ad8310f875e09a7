package tghooktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Expect waits until the bot sends, or edits, a message with this text in the chat, and
// returns the message. It returns messages and edits in the order in which the bot made
// them, each of them once.
//
// The text is the whole text, the caption, or the question of a poll, as users read it:
// without the marks of Markdown or HTML, and without spaces at its ends, which Telegram
// removes. "" is a message without a text, such as a photo without a caption. Of a rich
// message it is a line for each block and list item, with the labels of items, and with the
// cells of a table between bars.
//
// If no such message comes within ServerConfig.Patience, the test fails, and the message
// lists what the bot did instead. A message that was edited or deleted in the meantime is
// returned as it was.
//
//	chat.Send("/start")
//	m := chat.Expect(t, "Hello!")
//	m.Press("Next")
//	chat.Expect(t, "Page 2") // the same message, edited
func (c *Chat) Expect(tb testing.TB, text string) *Message {
	tb.Helper()
	var m world.Seen
	s := c.user.server
	if !s.await(func() bool {
		var said bool
		m, said = s.world.Take(c.at(), text)
		return said
	}) {
		tb.Fatalf("tghooktest: in %s: the bot did not say %q within %v%s%s", c.place, text, s.cfg.Patience, c.said(), s.troubles())
		return nil
	}
	return c.message(m)
}

// await calls found after each change in the world until it returns true, or until Patience
// has passed.
func (s *Server) await(found func() bool) bool {
	late := time.NewTimer(s.cfg.Patience)
	defer late.Stop()
	for {
		changed := s.world.Changed()
		if found() {
			return true
		}
		select {
		case <-changed:
		case <-late.C:
			return false
		}
	}
}

// wait calls found after each change in the world until it returns true, or until ctx or the
// bot ends.
func (s *Server) wait(ctx context.Context, found func() bool) error {
	for {
		changed := s.world.Changed()
		if found() {
			return nil
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return errClosed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

var errClosed = errors.New("the Server is closed")

// waited begins a message about a wait in vain. With so little patience that nobody waits, it
// is empty.
func (s *Server) waited() string {
	if s.cfg.Patience < time.Millisecond {
		return ""
	}
	return fmt.Sprintf("waited %v: ", s.cfg.Patience)
}

// said lists what the bot said in the chat.
func (c *Chat) said() string {
	all := c.world().Said(c.at())
	lines := make([]string, 0, len(all))
	for _, said := range all {
		line := strconv.Quote(said.Text)
		if said.Edit {
			line += " (an edit)"
		}
		if said.Taken {
			line += " (returned by an earlier Expect)"
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return "\n\tin this chat it said nothing"
	}
	return bullets("in this chat it said", lines)
}

// troubles lists possible reasons why the bot did not do what the test expected.
func (s *Server) troubles() string {
	var failed, idle []string
	for _, c := range s.Calls() {
		switch {
		case c.Note == onlyAccepted && !slices.Contains(idle, c.Method):
			idle = append(idle, c.Method)
		case c.Err == nil:
		case c.Params["chat_id"] != "":
			failed = append(failed, fmt.Sprintf("%s to chat %s: %d %s", c.Method, c.Params["chat_id"], c.Err.Code, c.Err.Description))
		default:
			failed = append(failed, fmt.Sprintf("%s: %d %s", c.Method, c.Err.Code, c.Err.Description))
		}
	}
	text := ""
	if len(failed) > 0 {
		text = bullets("its calls that failed", failed)
	}
	if len(idle) > 0 {
		text += "\n\tmethods that it called, of which nothing is simulated: " + strings.Join(idle, ", ")
	}
	if overlooked := s.overlooked(); len(overlooked) > 0 {
		text += bullets("its webhook replies that Telegram ignored", overlooked)
	}
	if unheard := s.world.Unheard(); len(unheard) > 0 {
		text += "\n\tupdates it did not get, because its allowed_updates do not name them: " + strings.Join(unheard, ", ")
	}
	if hidden := s.world.Hidden(); hidden > 0 {
		text += fmt.Sprintf("\n\tmessages it did not get, because its privacy mode is on and it is not an administrator: %d", hidden)
	}
	if s.queue.Len() > 0 {
		text += "\n\t" + s.whatWaits()
	}
	return text
}

// bullets formats lines as a list with a title, for a message to the test. It keeps the
// newest lines.
func bullets(what string, lines []string) string {
	const enough = 20
	if more := len(lines) - enough; more > 0 {
		lines = append([]string{fmt.Sprintf("(%d older ones left out)", more)}, lines[more:]...)
	}
	return "\n\t" + what + ":\n\t\t" + strings.Join(lines, "\n\t\t")
}
