package tghooktest

import (
	"strconv"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Draft is a message that the bot is still writing, as the user sees it. It does not change:
// the next sendMessageDraft or sendRichMessageDraft makes a new Draft.
type Draft struct {
	ID      int64 // draft_id
	Text    string
	CanStop bool // it has a Stop button
	// ThreadID and Until are the message_thread_id and the end of a draft of Chat.State. Each
	// change of the draft puts its end off.
	ThreadID int64
	Until    time.Time

	chat *Chat
}

// ExpectDraft waits until the bot shows a draft with this text in the chat, and returns it.
// It returns drafts in the order in which the bot made them, each of them once. The text is
// as in Expect. A draft without a text reads Thinking….
//
// If no such draft comes within ServerConfig.Patience, the test fails.
//
//	draft := chat.ExpectDraft(t, "Once upon")
//	draft.Stop()
func (c *Chat) ExpectDraft(tb testing.TB, text string) *Draft {
	tb.Helper()
	var d world.Draft
	s := c.user.server
	if !s.await(func() bool {
		var shown bool
		d, shown = s.world.TakeDraft(c.ID, text)
		return shown
	}) {
		tb.Fatalf("tghooktest: in %s: the bot did not show the draft %q within %v%s%s", c.place, text, s.cfg.Patience, c.drafted(), s.troubles())
	}
	return c.draft(d)
}

// drafted lists the drafts that the bot showed in the chat.
func (c *Chat) drafted() string {
	all := c.world().Drafts(c.ID)
	lines := make([]string, 0, len(all))
	for _, d := range all {
		lines = append(lines, strconv.Quote(d.Text))
	}
	if len(lines) == 0 {
		return "\n\tin this chat it showed no draft"
	}
	return bullets("in this chat it showed the drafts", lines)
}

// Draft returns the draft that the user sees in the chat now; nil if there is none. A draft
// disappears when the bot sends a message, and 30 seconds after its last change.
func (c *Chat) Draft() *Draft {
	d, ok := c.world().Draft(c.ID)
	if !ok {
		return nil
	}
	return c.draft(d)
}

func (c *Chat) draft(d world.Draft) *Draft {
	return &Draft{ID: d.ID, Text: d.Text, CanStop: d.CanStop, chat: c}
}

// Stop presses the draft's Stop button. The bot gets stopped_message_generation. The draft
// disappears, unless the bot sent it with keep_on_stop. A draft that has no such button, or
// has disappeared, fails the test.
func (d *Draft) Stop() {
	d.chat.test().Helper()
	d.chat.StopDraft(d.ID)
}

// StopDraft presses the Stop button of the draft with the draft_id, as Draft.Stop does.
func (c *Chat) StopDraft(id int64) {
	c.test().Helper()
	c.done(c.world().Stop(c.user.ID, c.ID, id))
}
