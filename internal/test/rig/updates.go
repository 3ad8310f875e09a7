package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

// Clamp is the longest Retry-After that an update of kind k survives.
func Clamp(k tghook.Kind) int {
	switch k {
	case tghook.KindInlineQuery:
		return 3
	case tghook.KindCallbackQuery, tghook.KindShippingQuery, tghook.KindPreCheckoutQuery:
		return 15
	case tghook.KindChosenInlineResult:
		return 60
	default:
		return 3600
	}
}

// Parsed is the update in body.
func Parsed(tb testing.TB, body string) *tghook.Update {
	tb.Helper()
	u, err := tghook.ParseUpdate([]byte(body))
	if u == nil {
		tb.Fatal(err)
	}
	return u
}

// MessageIn is a message in a private chat, as Telegram sends it.
func MessageIn(chat, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"from\":{\"id\":%[2]d},\"chat\":{\"id\":%[2]d,\"type\":\"private\"},\"text\":\"hi\"}}", id, chat)
}

// CallbackIn is a callback query of a user under a message in chat.
func CallbackIn(chat, user, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"callback_query\":{\"id\":\"1\",\"from\":{\"id\":%d},\"message\":{\"chat\":{\"id\":%d}}}}", id, user, chat)
}

// KindBy is an update of a kind that has a user and no chat.
func KindBy(kind tghook.Kind, user, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"%s\":{\"id\":\"1\",\"from\":{\"id\":%d}}}", id, kind, user)
}

// ClampedKinds has a kind for each result of [Clamp], and one that is not known.
var ClampedKinds = []tghook.Kind{
	tghook.KindMessage, tghook.KindInlineQuery, tghook.KindCallbackQuery, tghook.KindShippingQuery,
	tghook.KindPreCheckoutQuery, tghook.KindChosenInlineResult, "a_kind_to_come",
}

// Hello is a reply, and [HelloBody] the body of the response that carries it.
var Hello = tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 7, "text": "hello"}}

// What comes of [Hello]: the body and the answer that carry it, and the call that makes it.
const (
	HelloBody   = `{"method":"sendMessage","chat_id":7,"text":"hello"}`
	HelloAnswer = "200 application/json " + HelloBody
	HelloCall   = `sendMessage{"chat_id":7,"text":"hello"}`
)

// ErrBroken is the error of a handler that fails.
var ErrBroken = errors.New("broken")

// Nothing is a handler that succeeds at once.
func Nothing(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// Taking is a handler that takes d, and does not look at its context.
func Taking(d time.Duration, reply tghook.Reply, err error) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) {
		time.Sleep(d)
		return reply, err
	}
}

// A JSONBy marshals itself by a function.
type JSONBy func() ([]byte, error)

// MarshalJSON implements [json.Marshaler].
func (f JSONBy) MarshalJSON() ([]byte, error) { return f() }

// HookSecret is the secret of [FromTelegram], and TelegramsAddr the address that it comes from.
const (
	HookSecret    = "hook-secret_0123456789"
	TelegramsAddr = "149.154.167.220:40312"
)

// FromTelegram is a request as Telegram makes it, for Serve.
func FromTelegram(body []byte) tghook.Request {
	return tghook.Request{
		Method: http.MethodPost, Host: "bot.example.org", Path: "/hook", ContentType: "application/json",
		Secret: []string{HookSecret}, RemoteAddr: TelegramsAddr,
		ContentLength: int64(len(body)), Body: bytes.NewReader(body),
	}
}
