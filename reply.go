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
// nothing. A Reply that is returned beside an error is discarded.
type Reply struct {
	// Method is the method's name, such as "sendMessage".
	Method string
	// Params must encode to a JSON object of at most 1 MiB, the method included;
	// nil is an empty one. A [File] anywhere in it makes the reply multipart.
	// Members that are null are left out: Telegram would take them for the text
	// "null".
	//
	// What Telegram would take for something else, or for nothing, is a *[ReplyError]
	// that names the field: an [io.Reader], or an upload of another library, in place
	// of a File; a [time.Duration] or [time.Time], where the Bot API has whole seconds;
	// a member with a capital letter, as of a struct without tags.
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
	params, files, err := r.prepare()
	var body payload
	switch {
	case err != nil:
	case files == nil:
		body, err = encodeJSON(r.Method, params)
	default:
		var m *message
		if m, err = encodeMultipart(r.Method, params, files); err == nil {
			body, err = m.payload()
			return body, unsendable(r.Method, err)
		}
	}
	if err != nil {
		return nil, &ReplyError{r.Method, err}
	}
	return body, nil
}

// unsendable is err as a *ReplyError, if it is the problem of a file.
func unsendable(method string, err error) error {
	if problem, ok := err.(fileError); ok { //nolint:errorlint // it is made here, and others wrap what is the user's
		return &ReplyError{method, problem}
	}
	return err
}

// message is r as it is to be sent, with its files unread. Its error is a
// *ReplyError.
func (r Reply) message() (m *message, err error) {
	params, files, err := r.prepare()
	switch {
	case err != nil:
	case files == nil:
		var body payload
		body, err = encodeJSON(r.Method, params)
		m = &message{contentType: contentTypeJSON, text: [][]byte{body}}
	default:
		m, err = encodeMultipart(r.Method, params, files)
	}
	if err != nil {
		return nil, &ReplyError{r.Method, err}
	}
	return m, nil
}

// prepare encodes Params. files are those that it refers to; nil if it refers to
// none.
func (r Reply) prepare() (params []byte, files map[string]File, err error) {
	if err := checkMethod(r.Method); err != nil {
		return nil, nil, err
	}
	if r.Params == nil {
		return []byte("{}"), nil, nil
	}
	found, err := surveyed(r.Params)
	if err != nil {
		return nil, nil, err
	}
	if params, err = json.Marshal(r.Params); err != nil {
		return nil, nil, fmt.Errorf("encode Params: %w", err)
	}
	if string(params) == "null" { // a nil of some type
		return []byte("{}"), nil, nil
	}
	if params[0] != '{' {
		return nil, nil, fmt.Errorf("encode Params: a %T is no JSON object", r.Params)
	}
	if !bytes.Contains(params, []byte(attachPrefix)) {
		return params, nil, nil
	}
	if params, err = withoutZero(params, found.zero); err != nil || !bytes.Contains(params, []byte(attachPrefix)) {
		return params, nil, err
	}
	if found.files == nil {
		found.files = map[string]File{}
	}
	return params, found.files, nil
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
		if err := wrongKey(key); err != nil {
			return err
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
	return contentTypeMultipart + "; boundary=" + p.boundary()
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
