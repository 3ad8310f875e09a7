package world

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Inline makes the user type a query after the bot's name, in their chat with it. It makes
// inline_query and returns the query's id.
func (w *World) Inline(user int64, text string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[user]
	q := w.ask(&Query{Kind: "inline_query", From: u, Data: text})
	w.emit("inline_query", struct {
		ID     string `json:"id"`
		From   *User  `json:"from"`
		Chat   string `json:"chat_type"`
		Query  string `json:"query"`
		Offset string `json:"offset"`
	}{q.ID, u, "sender", text, ""})
	w.change()
	return q.ID
}

// Query returns the current state of a query.
func (w *World) Query(id string) Query {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *w.queries[id]
}

// Choose makes the user send one of the results that the bot answered an inline query with.
// It makes chosen_inline_result, and the message.
func (w *World) Choose(user int64, query string, index int) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, _, err := w.party(user, user)
	if err != nil {
		return Seen{}, err
	}
	q := w.queries[query]
	var results []json.RawMessage
	_ = json.Unmarshal(q.Results, &results) // answerInlineQuery has checked it
	if index < 0 || index >= len(results) {
		return Seen{}, fmt.Errorf("the inline query %q has %d results, so there is no result at index %d", q.Data, len(results), index)
	}
	content, markup, err := w.resultContent(results[index])
	if err != nil {
		return Seen{}, fmt.Errorf("the result at index %d cannot be sent: %w", index, err)
	}
	m := w.byInline(content, markup)
	var about struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(results[index], &about)
	w.emit("chosen_inline_result", struct {
		From     *User  `json:"from"`
		InlineID string `json:"inline_message_id,omitempty"`
		Query    string `json:"query"`
		Result   string `json:"result_id"`
	}{u, m.inlineID, q.Data, about.ID})
	return w.post(user, user, m)
}

// byInline makes a message that a user sends by way of the bot. The bot can edit it if it has
// a keyboard. w.mu is held.
func (w *World) byInline(content Content, markup *InlineKeyboard) *Message {
	m := &Message{Content: content, ReplyMarkup: markup, ViaBot: w.bot}
	if markup != nil {
		m.inlineID = base64.RawURLEncoding.EncodeToString([]byte(w.next("inline_message")))
		w.inline[m.inlineID] = m
	}
	return m
}
