package desk

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest"
)

// Types of rows.
const (
	rowDelivery = "delivery"
	rowCall     = "call"
	rowPoll     = "poll"
	rowReply    = "reply"
	rowWarning  = "warning"
)

// Row is a line of the inspector: an attempt to deliver an update, a call, or a warning.
type Row struct {
	ID       string    `json:"id"`
	Seq      int64     `json:"seq"` // of the event that told of the row's newest state
	Bot      int64     `json:"bot"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`
	TookMS   *float64  `json:"took_ms,omitempty"`
	WaitedMS *float64  `json:"waited_ms,omitempty"`
	Running  bool      `json:"running,omitempty"`

	Chat      int64   `json:"chat,omitempty"`
	User      int64   `json:"user,omitempty"`
	UpdateID  int64   `json:"update_id,omitempty"`
	UpdateIDs []int64 `json:"update_ids,omitempty"` // of a poll
	Kind      string  `json:"kind,omitempty"`       // of the update
	Via       string  `json:"via,omitempty"`        // poll, if the bot fetched the update
	Method    string  `json:"method,omitempty"`
	Cause     string  `json:"cause,omitempty"` // the row of the delivery that made the bot call
	Attempt   int     `json:"attempt,omitempty"`
	Attempts  int     `json:"attempts,omitempty"`

	Status  int       `json:"status,omitempty"`
	OK      bool      `json:"ok"`
	Error   string    `json:"error,omitempty"`
	Dropped bool      `json:"dropped,omitempty"`
	Reply   *RowReply `json:"reply,omitempty"`
	Note    string    `json:"note,omitempty"`
	Unknown []string  `json:"unknown_params,omitempty"`
	Fault   string    `json:"fault,omitempty"`
	Summary string    `json:"summary"`
}

// RowReply is the call in the answer to a delivery.
type RowReply struct {
	Method  string `json:"method"`
	Rode    bool   `json:"rode"`
	Refused string `json:"refused,omitempty"`
	Row     string `json:"row,omitempty"`
}

// RowDetail is a row with all that was on the wire.
type RowDetail struct {
	Row
	Attempts []Row           `json:"attempts"`
	Request  *Request        `json:"request"`
	Response *Response       `json:"response"`
	Update   json.RawMessage `json:"update"`
	Updates  []any           `json:"updates,omitempty"` // of a poll
}

// Request is an HTTP request.
type Request struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	body
}

// Response is an answer to an HTTP request.
type Response struct {
	Status  int         `json:"status"`
	Headers [][2]string `json:"headers"`
	body
}

// body is the body of a request or an answer.
type body struct {
	Text      string `json:"body"`
	Base64    bool   `json:"base64,omitempty"`
	Truncated bool   `json:"truncated,omitempty"`
	Size      int    `json:"size"`
}

// record is a row in the journal, with its details.
type record struct {
	row      Row
	exchange *tghooktest.Exchange
	update   int64 // the update whose body the row shows; 0 if none
	params   map[string]string
	size     int
}

// fixedSize is about how many bytes a record takes apart from what differs.
const fixedSize = 1000

// measure sets the record's size.
func (r *record) measure() {
	r.size = fixedSize + len(r.row.Summary) + len(r.row.Error)
	for name, value := range r.params {
		r.size += len(name) + len(value)
	}
	if x := r.exchange; x != nil {
		r.size += len(x.Body) + len(x.Answer) + len(x.URL)
		for _, h := range x.Header {
			r.size += len(h[0]) + len(h[1])
		}
		for _, h := range x.AnswerHeader {
			r.size += len(h[0]) + len(h[1])
		}
	}
}

// request returns the request of the row; nil if none was recorded.
func (r *record) request(hide *strings.Replacer) *Request {
	if r.exchange == nil {
		return nil
	}
	x := r.exchange
	return &Request{x.Method, hide.Replace(x.URL), hidden(x.Header, hide), bodyOf(x.Body, x.BodySize, hide)}
}

// response returns the answer of the row; nil if there was none.
func (r *record) response(hide *strings.Replacer) *Response {
	if r.exchange == nil || r.exchange.Status == 0 {
		return nil
	}
	x := r.exchange
	return &Response{x.Status, hidden(x.AnswerHeader, hide), bodyOf(x.Answer, x.AnswerSize, hide)}
}

// hidden returns headers without secrets.
func hidden(headers [][2]string, hide *strings.Replacer) [][2]string {
	out := make([][2]string, 0, len(headers))
	for _, h := range headers {
		value := hide.Replace(h[1])
		if strings.EqualFold(h[0], secretHeader) {
			value = "<secret>"
		}
		out = append(out, [2]string{h[0], value})
	}
	return out
}

// bodyOf returns a body without secrets.
func bodyOf(content []byte, size int, hide *strings.Replacer) body {
	b := body{Size: max(size, len(content)), Truncated: size > len(content)}
	if b.Truncated { // it may end in the middle of a character
		for n := 0; n < utf8.UTFMax && !utf8.Valid(content) && len(content) > 0; n++ {
			content = content[:len(content)-1]
		}
	}
	if utf8.Valid(content) {
		b.Text = hide.Replace(string(content))
	} else {
		b.Text, b.Base64 = base64.StdEncoding.EncodeToString([]byte(hide.Replace(string(content)))), true
	}
	return b
}

// about is what an update is about.
type about struct {
	kind, text string
	chat, user int64
	name       string
	query      string // id of a query that the bot can answer
}

// readUpdate returns what an update is about.
func readUpdate(update []byte) about {
	var members map[string]json.RawMessage
	if json.Unmarshal(update, &members) != nil {
		return about{}
	}
	for kind, object := range members {
		if kind != "update_id" && bytes.HasPrefix(object, []byte("{")) {
			return readObject(kind, object)
		}
	}
	return about{}
}

// party is a chat or a user in an update.
type party struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name"`
	Title     string `json:"title"`
}

func readObject(kind string, object json.RawMessage) about {
	var o struct {
		ID            any    `json:"id"`
		Chat          *party `json:"chat"`
		From          *party `json:"from"`
		User          *party `json:"user"`
		SenderChat    *party `json:"sender_chat"`
		NewChatMember struct {
			User party `json:"user"`
		} `json:"new_chat_member"`
		Message struct {
			Chat *party `json:"chat"`
		} `json:"message"`
		Text    string `json:"text"`
		Caption string `json:"caption"`
		Data    string `json:"data"`
		Query   string `json:"query"`
		Payload string `json:"invoice_payload"`
	}
	_ = json.Unmarshal(object, &o) // what cannot be read stays empty
	a := about{kind: kind, text: beginning(cmp.Or(o.Text, o.Caption, o.Data, o.Query, o.Payload))}
	a.query, _ = o.ID.(string)
	if chat := cmp.Or(o.Chat, o.Message.Chat); chat != nil {
		a.chat = chat.ID
	}
	if user := cmp.Or(o.From, o.User, o.SenderChat); user != nil {
		a.user, a.name = user.ID, cmp.Or(user.FirstName, user.Title)
	}
	return a
}

// beginning returns as much of a text as a fault can match and a line can show.
func beginning(text string) string {
	const enough = 16 << 10 // bytes; a message has at most 4096 characters
	return strings.Clone(strings.ToValidUTF8(text[:min(len(text), enough)], ""))
}

// summary is a line about an update.
func (a about) summary() string {
	line := a.kind
	if a.text != "" {
		line += " " + quoted(a.text)
	}
	if a.name != "" {
		line += " from " + a.name
	}
	return line
}

// summaryOf is a line about a call.
func summaryOf(c *tghooktest.Call) string {
	line := c.Method
	var lineSb256 strings.Builder
	for _, name := range []string{"text", "caption", "question", "action", "url", "emoji"} {
		if value := c.Params[name]; value != "" {
			lineSb256.WriteString(" " + quoted(value))
			break
		}
	}
	line += lineSb256.String()
	if to := c.Params["chat_id"]; to != "" {
		line += " to " + short(to)
	}
	return line
}

// quoted returns the beginning of a text in quotation marks.
func quoted(text string) string { return fmt.Sprintf("“%s”", short(text)) }

// short returns the beginning of a text on one line.
func short(text string) string {
	const enough = 80
	text = strings.Join(strings.Fields(text[:min(len(text), 10*enough)]), " ")
	if utf8.RuneCountInString(text) > enough {
		text = string([]rune(text)[:enough]) + "…"
	}
	return text
}

// ms returns a length of time in milliseconds.
func ms(d time.Duration) *float64 {
	n := float64(max(d, 0).Microseconds()) / 1000
	return &n
}
