package world

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Query is a callback, inline, shipping or pre-checkout query, which the bot must answer in
// time.
type Query struct {
	ID       string
	Kind     string // callback_query, inline_query, shipping_query, pre_checkout_query
	From     *User
	Message  *Message // message of a callback query
	InlineID string   // for a callback query of a message that an inline result sent
	Data     string   // data of a callback query, or text of an inline query
	Until    time.Time

	Answered bool
	Text     string          // the bot's answer to a callback query
	Alert    bool            // show_alert of that answer
	URL      string          // url of that answer
	Results  json.RawMessage // the bot's answer to an inline query, an array

	NextOffset string          // next_offset of that answer
	Button     json.RawMessage // button of that answer; nil if it has none

	chat    int64    // where an inline query was typed
	payment *payment // the one that a shipping or pre-checkout query is about; nil if no user here made it
}

// queryLife is how long the bot may answer a query. Its update may be kept longer.
var queryLife = map[string]time.Duration{
	"callback_query":     150 * time.Second,
	"inline_query":       30 * time.Second,
	"shipping_query":     150 * time.Second,
	"pre_checkout_query": 10 * time.Second,
}

// ask registers a query with a new id, and makes no update. w.mu is held.
func (w *World) ask(q *Query) *Query {
	q.ID, q.Until = w.next(q.Kind), w.cfg.Now().Add(queryLife[q.Kind])
	w.queries[q.ID] = q
	return q
}

// errOldQuery is the error for an answer to a query that does not exist or no longer waits.
const errOldQuery = refusal("query is too old and response timeout expired or query ID is invalid")

// question returns the query with the id, if the bot can still answer it.
func (w *World) question(id, kind string) (*Query, error) {
	q := w.queries[id]
	if q == nil || q.Kind != kind || w.cfg.Now().After(q.Until) {
		return nil, errOldQuery
	}
	return q, nil
}

// answerCallbackQuery has no effect when it is called again, because the user has seen the
// first answer.
func (w *World) answerCallbackQuery(p botapi.Params) (any, error) {
	q, err := w.question(p.String("callback_query_id"), "callback_query")
	switch {
	case err != nil:
		return nil, err
	case utf8.RuneCountInString(p.String("text")) > 200:
		return nil, refusal("MESSAGE_TOO_LONG")
	case !q.Answered:
		q.Answered, q.Text, q.Alert, q.URL = true, p.String("text"), p.Bool("show_alert"), p.String("url")
		w.noteAnswer("answer", q)
		w.change()
	}
	return true, nil
}
