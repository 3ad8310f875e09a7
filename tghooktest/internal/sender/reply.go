package sender

import (
	"fmt"
	"net/http"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Reply is a webhook reply: the call in a 2xx answer, or something that looks like one.
type Reply struct {
	botapi.Params // Method is empty if Telegram executes nothing
	UpdateID      int64
	Overlooked    string // why Telegram silently ignores it, or part of it; empty if it does not
	Excerpt       string // the beginning of the answer's body, unpacked
}

// unframed says why Telegram ignores an answer that ends with its connection.
const unframed = "the answer has neither Content-Length nor chunks, so Telegram takes its body for empty"

// answered executes the webhook reply in an answer to update, and then reports the answer.
// A request in the place of an answer is a failure that ends the connection.
func (c *connection) answered(update int64, a answer) {
	if a.request != "" {
		c.sender.inbox.put(event{connection: c, failure: wrongAnswer + a.request, ended: true})
		return
	}
	r := a.reply
	a.reply = Reply{}
	e := event{connection: c, answered: true, answer: a}
	r.UpdateID = update
	if a.unframed && botapi.Calls(a.contentType) {
		r.Overlooked = unframed
	}
	if a.delivered() && (r.Method != "" || r.Overlooked != "") && c.ctx.Err() == nil {
		e.execution = c.sender.cfg.Reply(r)
		e.method = r.Method
	}
	c.sender.inbox.put(e)
}

// refuse answers the webhook with an error, as Telegram does for an answer that it cannot
// read, and ends c.
func (c *connection) refuse(r *refusal) {
	_, _ = fmt.Fprintf(c.conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", r.code, http.StatusText(r.code))
	c.sender.inbox.put(event{connection: c, failure: r.text, ended: true})
	c.close()
}
