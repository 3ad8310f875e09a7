package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Draft is a message that the bot is still writing, as a user sees it.
type Draft struct {
	ID      int64
	Text    string
	CanStop bool // there is a Stop button
}

// thinking is what users see of a draft without a text.
const thinking = "Thinking…"

// draftLife is how long users see a draft that the bot does not change.
const draftLife = 30 * time.Second

// manyDrafts is how many states of drafts a chat keeps for TakeDraft.
const manyDrafts = 1000

// draft is the state of a draft.
type draft struct {
	Draft
	thread int64
	until  time.Time
	keep   bool // it stays when the user presses Stop
	taken  bool // TakeDraft has returned it
}

// ShownDraft is a draft with the thread in which it is.
type ShownDraft struct {
	Draft
	Thread int64
	Until  time.Time // when it disappears, unless the bot changes it
}

// drafts are the drafts of a chat.
type drafts struct {
	now  map[int64]*draft // those that users see, by thread
	seen []*draft         // all of them, oldest first
}

func (w *World) sendMessageDraft(p botapi.Params) (any, error) {
	text, _, err := w.format(p.String("text"), p.String("parse_mode"), json.RawMessage(p.String("entities")))
	switch {
	case err != nil:
		return nil, err
	case len([]rune(text)) > maxText:
		return nil, refusal("Message is too long")
	case text == "":
		text = thinking
	}
	return w.draft(p, text)
}

func (w *World) sendRichMessageDraft(p botapi.Params) (any, error) {
	c, err := w.richContent(p, true)
	if err != nil {
		return nil, err
	}
	return w.draft(p, c.read)
}

// draft shows a draft to the user. It replaces the one in its thread.
func (w *World) draft(p botapi.Params, text string) (any, error) {
	c, err := w.chat(p.String("chat_id"), toWrite)
	switch {
	case err != nil:
		return nil, err
	case !c.private():
		return nil, refusal("TEXTDRAFT_PEER_INVALID")
	case p.Int("draft_id") == 0:
		return nil, refusal("Invalid draft_id specified")
	}
	d := &draft{
		Draft:  Draft{ID: p.Int("draft_id"), Text: text, CanStop: p.Bool("can_stop")},
		thread: p.Int("message_thread_id"), until: w.cfg.Now().Add(draftLife), keep: p.Bool("keep_on_stop"),
	}
	maps.DeleteFunc(c.drafts.now, func(_ int64, d *draft) bool { return w.cfg.Now().After(d.until) })
	if c.drafts.now == nil {
		c.drafts.now = map[int64]*draft{}
	}
	c.drafts.now[d.thread] = d
	if c.drafts.seen = append(c.drafts.seen, d); len(c.drafts.seen) > manyDrafts {
		c.drafts.seen = c.drafts.seen[len(c.drafts.seen)-manyDrafts:]
	}
	w.noteDraft(c, d.thread)
	w.change()
	return true, nil
}

// TakeDraft returns the oldest state of a draft in a chat that reads text and that
// TakeDraft has not returned before.
func (w *World) TakeDraft(chat int64, text string) (Draft, bool) {
	text = strings.TrimSpace(text)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.chatOrEmpty(chat).drafts.seen {
		if !d.taken && strings.TrimSpace(d.Text) == text {
			d.taken = true
			return d.Draft, true
		}
	}
	return Draft{}, false
}

// Drafts returns all states of drafts that a user saw in the chat, oldest first.
func (w *World) Drafts(chat int64) []Draft {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.chatOrEmpty(chat).drafts.seen
	all := make([]Draft, 0, len(seen))
	for _, d := range seen {
		all = append(all, d.Draft)
	}
	return all
}

// Draft returns the draft that a user sees in the chat now, outside of its topics.
func (w *World) Draft(chat int64) (Draft, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.chatOrEmpty(chat).drafts.now[0]
	if d == nil || w.cfg.Now().After(d.until) {
		return Draft{}, false
	}
	return d.Draft, true
}

// Stop makes the user press the Stop button of a draft. The bot gets
// stopped_message_generation.
func (w *World) Stop(user, chat, id int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, c, err := w.party(user, chat)
	if err != nil {
		return err
	}
	for thread, d := range c.drafts.now {
		if d.ID != id || w.cfg.Now().After(d.until) {
			continue
		}
		if !d.CanStop {
			return fmt.Errorf("the draft %d has no Stop button; the bot must send it with can_stop", id)
		}
		d.CanStop = false
		if !d.keep {
			delete(c.drafts.now, thread)
		}
		w.noteDraft(c, thread)
		w.emit("stopped_message_generation", struct {
			Chat   *Chat `json:"chat"`
			Thread int64 `json:"message_thread_id,omitempty"`
			ID     int64 `json:"draft_id"`
		}{c, d.thread, d.ID})
		w.change()
		return nil
	}
	return errors.New("the draft is gone; it disappears when the bot sends the message, or after 30s without a change")
}
