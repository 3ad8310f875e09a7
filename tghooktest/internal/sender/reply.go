package sender

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// answered has the method executed that an answer calls, before it is taken for what
// it says about the update. Calls in other answers have to be well-formed all the same.
func (c *connection) answered(a answer) {
	e := event{connection: c, answered: true, answer: a}
	if len(a.body) > 0 {
		params, err := botapi.ReadReply(http.Header{"Content-Type": {a.contentType}, "Content-Encoding": {a.encoding}}, bytes.NewReader(a.body))
		e.answer.body = nil
		var bad *botapi.Error
		switch {
		case errors.As(err, &bad):
			c.refuse(&refusal{bad.Code, bad.Description})
			return
		case a.delivered() && params.Method != "" && c.ctx.Err() == nil:
			c.sender.cfg.Reply(params)
			e.method = params.Method
		}
	}
	c.sender.inbox.put(e)
}

// refuse tells the webhook that its answer is none, as Telegram does, and ends c.
func (c *connection) refuse(r *refusal) {
	_, _ = fmt.Fprintf(c.conn, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", r.code, http.StatusText(r.code))
	c.sender.inbox.put(event{connection: c, failure: r.text, ended: true})
	c.close()
}
