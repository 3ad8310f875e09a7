package tghooktest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// InlineQuery is a query that a user has typed after the bot's name.
type InlineQuery struct {
	chat *Chat
	text string
	id   string
}

// InlineResult is a result that the bot offers to a user.
type InlineResult struct {
	ID    string
	Title string
	Raw   json.RawMessage // the whole InlineQueryResult
}

// Inline makes the user type the query after the bot's name, in their chat with the bot.
// The bot gets inline_query.
//
//	results := srv.User("Zoë").Inline("weather")
//	results.Expect(t)
//	results.Choose(0)
func (u *User) Inline(query string) *InlineQuery {
	u.server.test().Helper()
	return u.Chat().Inline(query)
}

// Inline makes the user type the query after the bot's name in the chat, where Choose sends a
// result. The bot gets inline_query with the type of the chat.
func (c *Chat) Inline(query string) *InlineQuery {
	c.test().Helper()
	return c.inline(query, "")
}

// InlineFrom is Inline for the results from an offset on, which is the next_offset of the
// bot's answer to the same query before.
func (c *Chat) InlineFrom(query, offset string) *InlineQuery {
	c.test().Helper()
	return c.inline(query, offset)
}

// More asks for the results after those of the bot's answer, with its next_offset. It waits
// for that answer, like Expect.
func (q *InlineQuery) More() *InlineQuery {
	tb := q.chat.test()
	tb.Helper()
	q.Expect(tb)
	return q.chat.inline(q.text, q.chat.world().Query(q.id).NextOffset)
}

func (c *Chat) inline(query, offset string) *InlineQuery {
	c.test().Helper()
	id, err := c.world().InlineIn(c.user.ID, c.at(), query, offset)
	c.done(err)
	return &InlineQuery{c, query, id}
}

// InlineAnswer is the bot's answer to an inline query.
type InlineAnswer struct {
	Results    []InlineResult
	NextOffset string          // empty if there are no more results
	Button     json.RawMessage // the InlineQueryResultsButton; nil if there is none
}

// Answer waits until the bot has answered the query, or until ctx ends.
func (q *InlineQuery) Answer(ctx context.Context) (InlineAnswer, error) {
	var now world.Query
	if err := q.chat.user.server.wait(ctx, func() bool {
		now = q.chat.world().Query(q.id)
		return now.Answered || now.ID == ""
	}); err != nil || now.ID == "" {
		return InlineAnswer{}, fmt.Errorf("tghooktest: the bot has not answered the inline query %q: %w", q.text, cmp.Or(err, errNotBegun))
	}
	return InlineAnswer{resultsOf(now.Results), now.NextOffset, now.Button}, nil
}

var errNotBegun = errors.New("the query could not be sent")

// Expect waits until the bot has answered the query by answerInlineQuery, and returns the
// results in their order. If no answer comes within ServerConfig.Patience, the test fails.
func (q *InlineQuery) Expect(tb testing.TB) []InlineResult {
	tb.Helper()
	var answer world.Query
	s := q.chat.user.server
	if !s.await(func() bool {
		answer = s.world.Query(q.id)
		return answer.Answered
	}) {
		tb.Fatalf("tghooktest: the bot did not answer the inline query %q of %q within %v%s", q.text, q.chat.user.Name, s.cfg.Patience, s.troubles())
		return nil
	}
	return resultsOf(answer.Results)
}

// resultsOf returns the results of an answer that answerInlineQuery has checked.
func resultsOf(array json.RawMessage) []InlineResult {
	var raw []json.RawMessage
	_ = json.Unmarshal(array, &raw)
	results := make([]InlineResult, 0, len(raw))
	for _, r := range raw {
		var about struct {
			ID    string `json:"id"`
			Title string `json:"title"`
		}
		_ = json.Unmarshal(r, &about)
		results = append(results, InlineResult{about.ID, about.Title, r})
	}
	return results
}

// Choose waits for the bot's answer, like Expect, and sends the result at the index. The
// bot gets chosen_inline_result, which Telegram sends to bots with inline feedback turned
// on, and a message with via_bot.
func (q *InlineQuery) Choose(index int) *Message {
	tb := q.chat.test()
	tb.Helper()
	q.Expect(tb)
	return q.chat.sent(q.chat.world().Choose(q.chat.user.ID, q.id, index))
}
