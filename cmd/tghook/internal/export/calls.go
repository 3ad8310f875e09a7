package export

import (
	"encoding/json"
	"strings"
)

// call adds a call of the bot.
func (r *reader) call(c Call) {
	switch {
	case silent(c):
	case c.Err != nil && c.Fault:
		err := *c.Err
		r.before(step{Verb: "fail", Method: c.Method, Err: &err})
	case c.Err != nil:
		r.step(step{Verb: "refused", Method: c.Method, Text: c.Err.Description})
	case queryOf(c) != "":
		r.answer(c)
	default:
		r.told(c)
	}
}

// silent reports whether nobody sees the call: a question, or a setting that a bot makes
// when it starts.
func silent(c Call) bool {
	m := strings.ToLower(c.Method)
	for _, prefix := range []string{"get", "setmy", "deletemy", "setwebhook", "deletewebhook", "setpassport"} {
		if strings.HasPrefix(m, prefix) {
			return true
		}
	}
	return m == "close" || m == "logout" || m == "setchatmenubutton" && c.Params["chat_id"] == ""
}

// answer adds the answer to a query. It belongs to the act that made the query, if no other
// act came between.
func (r *reader) answer(c Call) {
	id := queryOf(c)
	text := c.Params["text"]
	if st := r.presses[id]; st != nil {
		if st == r.act {
			st.Answer = &text
			return
		}
		r.step(step{Verb: "answer", On: st.refer(), Text: text})
		return
	}
	if st := r.queries[id]; st != nil {
		var results []struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal([]byte(c.Params["results"]), &results) // the Server has checked it
		for _, result := range results {
			st.resultIDs = append(st.resultIDs, result.ID)
		}
		st.Answered = true
		r.step(step{Verb: "results", On: st.refer(), Index: len(results)})
		return
	}
	if st := r.pays[id]; st != nil {
		if c.Params["ok"] == "false" || c.Params["ok"] == "" {
			refusal := c.Params["error_message"]
			st.Refusal = &refusal
		}
		return
	}
	r.step(step{Verb: "call", Method: c.Method})
}

// told adds the messages that the bot has sent or edited, or else the call.
func (r *reader) told(c Call) {
	switch {
	case passes(c.Method):
		r.passing(c)
		return
	case c.Method == "createForumTopic":
		var made struct {
			Thread int64  `json:"message_thread_id"`
			Name   string `json:"name"`
		}
		_ = json.Unmarshal(c.Result, &made) // the Server has made it
		r.topics[topicKey{chatID(c.Params["chat_id"]), made.Thread}] = made.Name
	}
	shown := messagesOf(c.Result)
	for i := range shown {
		m := &shown[i]
		e := r.viewer(m)
		if e == nil || m.Rich != nil {
			r.step(step{Verb: "call", Method: c.Method})
			return
		}
		st := r.step(step{Verb: "expect", Seat: e, Text: m.words(), kind: "message"})
		r.remember(m.Chat.ID, m.MessageID, st)
		if m.Invoice != nil {
			r.invoices[c.Params["payload"]] = st
		}
		if m.Poll != nil {
			for _, o := range m.Poll.Options {
				st.Options = append(st.Options, o.Text)
			}
			st.named = m.Poll.Anonymous != nil && !*m.Poll.Anonymous
			r.polls[m.Poll.ID], r.voters[m.Poll.ID] = st, m.Poll.Options
		}
	}
	if len(shown) == 0 {
		r.step(step{Verb: "call", Method: c.Method})
	}
}

// passes reports whether users see what the method does for a moment only.
func passes(method string) bool {
	return method == "sendMessageDraft" || method == "sendRichMessageDraft" || method == "sendChatAction"
}

// passing adds what a user sees for a moment only. A bot may show it more or less often, as
// time passes, so one of it is enough.
func (r *reader) passing(c Call) {
	if c.Method != "sendChatAction" {
		if e := r.last[chatID(c.Params["chat_id"])]; e != nil {
			r.drafts[e.chat] = &step{Verb: "draft", Seat: e, Text: c.Params["text"], kind: "draft"}
		}
	}
	if !r.said[c.Method] {
		r.said[c.Method] = true
		r.step(step{Verb: "call", Method: c.Method})
	}
}

// viewer returns the seat of somebody who sees the message: of the one who acted there last.
func (r *reader) viewer(m *message) *seat {
	e := r.last[m.Chat.ID]
	if e == nil {
		return nil
	}
	thread := threadOf(m)
	if thread != 0 && r.topics[topicKey{m.Chat.ID, thread}] == "" {
		return nil
	}
	return r.seat(&user{ID: e.User.ID}, m.Chat, thread)
}

// messagesOf returns the messages in the result of a call.
func messagesOf(result json.RawMessage) []message {
	var all []message
	if json.Unmarshal(result, &all) == nil {
		return withIDs(all)
	}
	var one message
	if json.Unmarshal(result, &one) == nil {
		return withIDs([]message{one})
	}
	return nil
}

// withIDs returns the messages if they are that: others are objects of another type.
func withIDs(all []message) []message {
	for _, m := range all {
		if m.MessageID == 0 || m.Chat.ID == 0 {
			return nil
		}
	}
	return all
}
