package botapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tghook/tghook/internal/envelope"
)

// MaxParams is how many bytes the parameters of a call may have. Source:
// tdlib/telegram-bot-api, which refuses more.
const MaxParams = 1 << 20

// The media types of a body, and the beginning of a body in JSON.
const (
	TypeJSON      = "application/json"
	TypeMultipart = "multipart/form-data"
	bodyStart     = `{"method":"`
)

// HasFiles reports whether a body is multipart. An empty body has no files.
func HasFiles(body []byte) bool { return len(body) > 0 && body[0] != '{' }

// ContentType returns the Content-Type of a body, which is not empty.
func ContentType(body []byte) string {
	if !HasFiles(body) {
		return TypeJSON
	}
	return TypeMultipart + "; boundary=" + boundary(body)
}

// Decode returns the call that body was made of. file makes a value for params of each
// file. If body is empty, method is empty and params is nil.
func Decode(body []byte, file func(File) any) (method string, params any, err error) {
	switch {
	case len(body) == 0:
		return "", nil, nil
	case body[0] != '{':
		return decodeMultipart(body, file)
	}
	rest, ok := bytes.CutPrefix(body, []byte(bodyStart))
	name, rest, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed || len(rest) == 0 {
		return "", nil, fmt.Errorf("tghook: this is not a stored reply: %q", envelope.Excerpt(body, 0))
	}
	encoded := append([]byte{'{'}, bytes.TrimPrefix(rest, []byte(","))...)
	return string(name), json.RawMessage(encoded), nil
}

// CheckMethod says what is wrong with the name of a method.
func CheckMethod(method string) error {
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

// fields calls f for each member of params that is not null. It returns an error for a member
// that must not be sent.
func fields(params []byte, f func(key, value []byte) error) error {
	return envelope.Members(params, func(key, value []byte) error {
		if strings.EqualFold(string(key), "method") {
			return fmt.Errorf("the member %q of Params names a method; give that in Reply.Method only", key)
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

// JSON makes the body of a call of params, a JSON object.
func JSON(method string, params []byte) ([]byte, error) {
	body := make([]byte, 0, len(bodyStart)+len(method)+len(`",`)+len(params))
	body = append(body, bodyStart...) // the method comes first, because Telegram takes the first of equal keys
	body = append(body, method...)
	body = append(body, '"')
	err := fields(params, func(key, value []byte) error {
		if len(bytes.Trim(key, "abcdefghijklmnopqrstuvwxyz_")) > 0 { // the names of Telegram's parameters need no escapes
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
	if len(body) > MaxParams {
		return nil, fmt.Errorf("%d bytes of JSON are more than the %d that Telegram takes", len(body), MaxParams)
	}
	return body, nil
}

// wrongKey returns an error if key has a capital letter, because Telegram would ignore it.
func wrongKey(key []byte) error {
	if !bytes.ContainsFunc(key, func(c rune) bool { return 'A' <= c && c <= 'Z' }) {
		return nil
	}
	return fmt.Errorf("the member %q of Params has a capital letter, and no parameter of the Bot API has one; give the field a tag, such as `json:%q`", key, snake(key))
}

// snake returns a Go name as the Bot API would write it: chat_id for ChatID.
func snake(name []byte) string {
	var b strings.Builder
	upper := func(i int) bool { return i < len(name) && 'A' <= name[i] && name[i] <= 'Z' }
	for i, c := range name {
		if upper(i) && i > 0 && (!upper(i-1) || i+1 < len(name) && !upper(i+1)) && name[i-1] != '_' {
			_ = b.WriteByte('_')
		}
		if upper(i) {
			c |= 0x20
		}
		_ = b.WriteByte(c)
	}
	return b.String()
}
