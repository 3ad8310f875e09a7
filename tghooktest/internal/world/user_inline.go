package world

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// Inline is InlineIn in the user's chat with the bot.
func (w *World) Inline(user int64, text string) string {
	id, _ := w.InlineIn(user, user, text, "") // which fails only without the user
	return id
}

// InlineIn makes the user type a query after the bot's name in a chat. It makes inline_query and
// returns the query's id. offset is the next_offset of the answer before; empty for none.
func (w *World) InlineIn(user, chat int64, text, offset string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c := w.users[user], w.chatOrEmpty(chat)
	if u == nil {
		return "", noUser(user)
	}
	kind := "sender"
	if !c.private() {
		if _, _, err := w.party(user, chat); err != nil {
			return "", err
		}
		kind = c.Type
	}
	q := w.ask(&Query{Kind: "inline_query", From: u, Data: text, chat: chat})
	w.emit("inline_query", struct {
		ID     string `json:"id"`
		From   *User  `json:"from"`
		Chat   string `json:"chat_type"`
		Query  string `json:"query"`
		Offset string `json:"offset"`
	}{q.ID, u, kind, text, offset})
	w.change()
	return q.ID, nil
}

// Query returns the current state of a query. A query that did not begin is the zero Query.
func (w *World) Query(id string) Query {
	w.mu.Lock()
	defer w.mu.Unlock()
	if q := w.queries[id]; q != nil {
		return *q
	}
	return Query{}
}

// Choose makes the user send one of the results that the bot answered an inline query with.
// It makes chosen_inline_result, and the message.
func (w *World) Choose(user int64, query string, index int) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.queries[query]
	if q == nil {
		return Seen{}, errors.New("the inline query did not begin")
	}
	u, _, err := w.party(user, q.chat)
	if err != nil {
		return Seen{}, err
	}
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
	return w.post(user, q.chat, m)
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
