package tghook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tghook/tghook/internal/envelope"
)

// Reply is at most one Bot API method with which a handler answers. It rides
// the HTTP response where that is possible, else it goes by
// DispatchConfig.Caller; either way its result is not seen. The zero Reply says
// nothing.
type Reply struct {
	// Method is the method's name, such as "sendMessage".
	Method string
	// Params must encode to a JSON object of at most 1 MiB, the method included;
	// nil is an empty one. A [File] anywhere in it makes the reply multipart.
	// Members that are null are left out: Telegram would take them for the text
	// "null".
	Params any
}

// NoReply is the zero Reply.
var NoReply Reply

// Caller calls a method of the Bot API. params encodes to a JSON object, and may
// hold a [File]; result is decoded into unless it is nil. A Caller must be safe
// for concurrent use.
//
// A reply is sent again after an error that has an *[APIError] of code 429 or 5xx in it,
// or an error of a connection ([net.Error], [io.EOF]), or [context.DeadlineExceeded], while
// that makes sense: 15 seconds for the methods that begin with answer, 5 for sendChatAction,
// else 2 minutes. It waits as long as APIError.RetryAfter says, and is given up at once if
// that is too long. It goes once to the supergroup of APIError.MigrateToChatID, where its
// chat_id is that of a group. The next updates of its lane wait meanwhile. Telegram may
// have executed a call whose answer was lost, so that it executes such a reply twice.
//
// Each call has 30 seconds, or all of the time where there are files. Where the Caller is
// a [Client], its Patience does not count. A Caller that has not returned 10 seconds after
// the end of its ctx is left alone, and the reply is given up.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
}

// maxReply bounds a reply's parameters: tdlib/telegram-bot-api refuses more.
const maxReply = 1 << 20

// ridesResponse reports whether Telegram executes method when it is answered
// with. Source: tdlib/telegram-bot-api, WebhookActor::handle.
func ridesResponse(method string) bool {
	method = strings.ToLower(method)
	switch method {
	case "setwebhook", "deletewebhook", "close", "logout":
		return false
	}
	return !strings.HasPrefix(method, "get")
}

// encode makes the payload of r. Its error is a *ReplyError if no repetition
// could help, and another if reading a file failed.
func (r Reply) encode() (payload, error) {
	p, err := r.payload()
	var read *readError
	if err != nil && !errors.As(err, &read) {
		err = &ReplyError{r.Method, err}
	}
	return p, err
}

func (r Reply) payload() (payload, error) {
	if err := checkMethod(r.Method); err != nil {
		return nil, err
	}
	params := []byte("{}")
	if r.Params != nil {
		var err error
		if params, err = json.Marshal(r.Params); err != nil {
			return nil, fmt.Errorf("encode Params: %w", err)
		}
		if string(params) == "null" { // a nil of some type
			params = []byte("{}")
		}
		if params[0] != '{' {
			return nil, fmt.Errorf("encode Params: a %T is no JSON object", r.Params)
		}
	}
	if bytes.Contains(params, []byte(attachPrefix)) {
		return encodeMultipart(r.Method, params, collectFiles(r.Params))
	}
	return encodeJSON(r.Method, params)
}

func checkMethod(method string) error {
	if method == "" {
		return errors.New("there are Params but no Method")
	}
	for _, c := range []byte(method) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return errors.New("a method's name consists of letters")
		}
	}
	return nil
}

// fields calls f for each member of params that may be sent.
func fields(params []byte, f func(key, value []byte) error) error {
	return envelope.Members(params, func(key, value []byte) error {
		if strings.EqualFold(string(key), "method") {
			return fmt.Errorf("a member %q in Params: the method is Reply.Method alone", key)
		}
		if string(value) == "null" {
			return nil
		}
		return f(key, value)
	})
}

func encodeJSON(method string, params []byte) (payload, error) {
	body := make([]byte, 0, len(payloadStart)+len(method)+len(`",`)+len(params))
	body = append(body, payloadStart...) // the method first: of equal keys Telegram takes the first
	body = append(body, method...)
	body = append(body, '"')
	err := fields(params, func(key, value []byte) error {
		if len(bytes.Trim(key, "abcdefghijklmnopqrstuvwxyz_")) > 0 { // Telegram's need no escapes
			quoted, err := json.Marshal(string(key))
			if err != nil {
				return err
			}
			key = quoted[1 : len(quoted)-1]
		}
		body = append(body, `,"`...)
		body = append(body, key...)
		body = append(body, `":`...)
		body = append(body, value...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	body = append(body, '}')
	if len(body) > maxReply {
		return nil, fmt.Errorf("%d bytes of JSON are more than the %d that Telegram takes", len(body), maxReply)
	}
	return body, nil
}

// payload is a reply in the form that it is sent, kept and stored in: the body
// of a response. nil is no reply. A payload is never changed.
type payload []byte

const (
	contentTypeJSON = "application/json"
	payloadStart    = `{"method":"`
)

func (p payload) contentType() string {
	if p[0] == '{' {
		return contentTypeJSON
	}
	return "multipart/form-data; boundary=" + p.boundary()
}

// reply returns p as a Reply again: Params encode to what p was made of.
func (p payload) reply() (Reply, error) {
	switch {
	case len(p) == 0:
		return NoReply, nil
	case p[0] != '{':
		return decodeMultipart(p)
	}
	rest, ok := bytes.CutPrefix(p, []byte(payloadStart))
	method, rest, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed || len(rest) == 0 {
		return NoReply, fmt.Errorf("tghook: not a stored reply: %q", excerpt(p, 0))
	}
	params := append([]byte{'{'}, bytes.TrimPrefix(rest, []byte(","))...)
	return Reply{string(method), json.RawMessage(params)}, nil
}
