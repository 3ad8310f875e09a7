package tghooktest

import (
	"encoding/json"
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
	return &InlineQuery{u.Chat(), query, u.server.world.Inline(u.ID, query)}
}

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
	var raw []json.RawMessage
	_ = json.Unmarshal(answer.Results, &raw) // answerInlineQuery has checked it
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
