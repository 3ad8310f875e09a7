package world

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Query is a callback, inline, shipping or pre-checkout query: a question that the bot has to
// answer in time.
type Query struct {
	ID       string
	Kind     string // callback_query, inline_query, shipping_query, pre_checkout_query
	From     *User
	Message  *Message // of a callback query
	InlineID string   // of a callback query of a message sent by an inline result
	Data     string   // of a callback query; the text of an inline one
	Until    time.Time

	Answered bool
	Text     string          // the bot's answer to a callback query
	Alert    bool            // of it
	URL      string          // of it
	Results  json.RawMessage // the bot's answer to an inline query, an array
}

// queryLife is how long the bot may answer, and how long the update is kept.
var queryLife = map[string]time.Duration{
	"callback_query":     150 * time.Second,
	"inline_query":       30 * time.Second,
	"shipping_query":     150 * time.Second,
	"pre_checkout_query": 150 * time.Second,
}

// ask registers a query, with its id and time. w.mu is held. It makes no update.
func (w *World) ask(q *Query) *Query {
	q.ID, q.Until = w.next(q.Kind), w.cfg.Now().Add(queryLife[q.Kind])
	w.queries[q.ID] = q
	return q
}

// question is the query with the id, if it can still be answered.
func (w *World) question(id, kind string) (*Query, error) {
	q := w.queries[id]
	if q == nil || q.Kind != kind || w.cfg.Now().After(q.Until) {
		return nil, refusal("query is too old and response timeout expired or query ID is invalid")
	}
	return q, nil
}

// answerCallbackQuery can be called again, which does nothing: the user has seen the first answer.
func (w *World) answerCallbackQuery(p botapi.Params) (any, error) {
	q, err := w.question(p.String("callback_query_id"), "callback_query")
	switch {
	case err != nil:
		return nil, err
	case utf8.RuneCountInString(p.String("text")) > 200:
		return nil, refusal("MESSAGE_TOO_LONG")
	case !q.Answered:
		q.Answered, q.Text, q.Alert, q.URL = true, p.String("text"), p.Bool("show_alert"), p.String("url")
		w.change()
	}
	return true, nil
}

// decides makes the methods by which the bot takes or refuses an order.
func decides(kind, id string) func(*World, botapi.Params) (any, error) {
	return func(w *World, p botapi.Params) (any, error) {
		if !p.Bool("ok") {
			if _, err := required(p, "error_message"); err != nil {
				return nil, err
			}
		}
		q, err := w.question(p.String(id), kind)
		if err != nil {
			return nil, err
		}
		q.Answered, q.Text = true, p.String("error_message")
		w.change()
		return true, nil
	}
}
