package tghooktest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Expect waits for the oldest message or edit of the bot in this chat that reads text, or
// has it as caption or as a poll's question, and that no Expect has returned before. That is
// all of the text, as users read it: without marks of Markdown or HTML, and without spaces at
// its ends, of which Telegram keeps none; "" is a message without any, such as a photo. Expect
// waits ServerConfig.Patience, then it fails and tells what the bot did instead. A message
// that was edited or deleted meanwhile is returned as it was.
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
		m, said = s.world.Take(c.ID, text)
		return said
	}) {
		tb.Fatalf("tghooktest: in %s: the bot did not say %q within %v%s%s", c.place, text, s.cfg.Patience, c.said(), s.troubles())
		return nil
	}
	return c.message(m)
}

// await asks found at each change in the world until it is true, or patience ends.
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

// said tells what the bot said in the chat.
func (c *Chat) said() string {
	all := c.world().Said(c.ID)
	lines := make([]string, 0, len(all))
	for _, said := range all {
		line := strconv.Quote(said.Text)
		if said.Edit {
			line += ", by an edit"
		}
		if said.Taken {
			line += ", which an Expect has returned"
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return "\n\tthere it said nothing"
	}
	return bullets("there it said", lines)
}

// troubles tells what may be why the bot did not do what was expected.
func (s *Server) troubles() string {
	var failed []string
	for _, c := range s.Calls() {
		switch {
		case c.Err == nil:
		case c.Params["chat_id"] != "":
			failed = append(failed, fmt.Sprintf("%s to chat %s: %d %s", c.Method, c.Params["chat_id"], c.Err.Code, c.Err.Description))
		default:
			failed = append(failed, fmt.Sprintf("%s: %d %s", c.Method, c.Err.Code, c.Err.Description))
		}
	}
	text := ""
	if len(failed) > 0 {
		text = bullets("calls of it that failed", failed)
	}
	if overlooked := s.overlooked(); len(overlooked) > 0 {
		text += bullets("replies that Telegram overlooked", overlooked)
	}
	if unheard := s.world.Unheard(); len(unheard) > 0 {
		text += "\n\tit did not get " + strings.Join(unheard, ", ") + ", for which it has not asked by allowed_updates"
	}
	if s.queue.Len() > 0 {
		text += "\n\t" + s.whatWaits()
	}
	return text
}

// bullets is a list for what a test is told: the newest lines, with what they are.
func bullets(what string, lines []string) string {
	const enough = 20
	if more := len(lines) - enough; more > 0 {
		lines = append([]string{fmt.Sprintf("(%d older ones)", more)}, lines[more:]...)
	}
	return "\n\t" + what + ":\n\t\t" + strings.Join(lines, "\n\t\t")
}
