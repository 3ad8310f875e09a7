package world

import (
	"encoding/base64"
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// meetQueries learns of the queries in an update for which there are no Queries: those of
// guests, and those about join requests. w.mu is held.
func (w *World) meetQueries(update any) {
	o, _ := update.(map[string]any)
	for _, field := range []string{"guest_query_id", "query_id", "chat_join_request_query_id"} {
		if id, _ := o[field].(string); id != "" {
			w.foreign[id] = nil
		}
	}
}

// answersForeign makes the methods that answer such a query, with the result. last is true
// if the answer ends the query.
func answersForeign(id, result string, last bool) func(*World, botapi.Params) (any, error) {
	return func(w *World, p botapi.Params) (any, error) {
		method, _ := botapi.Lookup(p.Method)
		if err := w.needs(p, method); err != nil {
			return nil, err
		}
		if _, asked := w.foreign[p.String(id)]; !asked {
			return nil, errOldQuery
		}
		if last {
			delete(w.foreign, p.String(id))
		}
		w.change()
		return json.RawMessage(result), nil
	}
}

// WebAppQuery makes the user open a web app, and returns the query_id that the app gets.
func (w *World) WebAppQuery(user int64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.next("web_app_query")
	w.foreign[id] = w.users[user]
	return id
}

// answerWebAppQuery sends a message by way of the bot, in the user's chat with it.
func (w *World) answerWebAppQuery(p botapi.Params) (any, error) {
	text := p.String("result")
	switch {
	case text == "":
		return nil, refusal("Result isn't specified")
	case !json.Valid([]byte(text)):
		return nil, refusal("Can't parse JSON encoded web view query results")
	}
	content, keyboard, err := w.resultContent(json.RawMessage(text))
	if err != nil {
		return nil, err
	}
	id := p.String("web_app_query_id")
	u := w.foreign[id]
	if u == nil {
		return nil, errOldQuery
	}
	delete(w.foreign, id)
	m := &Message{Content: content, ReplyMarkup: keyboard, ViaBot: w.bot}
	if keyboard != nil {
		m.inlineID = base64.RawURLEncoding.EncodeToString([]byte(w.next("inline_message")))
		w.inline[m.inlineID] = m
	}
	if _, err := w.post(u.ID, u.ID, m); err != nil {
		return nil, errOldQuery // the user has blocked the bot
	}
	return struct {
		InlineID string `json:"inline_message_id,omitempty"`
	}{m.inlineID}, nil
}
