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

// clamp is the longest Retry-After that an update of kind k survives.
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

func Parsed(tb testing.TB, body string) *tghook.Update {
	tb.Helper()
	u, err := tghook.ParseUpdate([]byte(body))
	if u == nil {
		tb.Fatal(err)
	}
	return u
}

func MessageIn(chat, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"from\":{\"id\":%[2]d},\"chat\":{\"id\":%[2]d,\"type\":\"private\"},\"text\":\"hi\"}}", id, chat)
}

func CallbackIn(chat, user, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"callback_query\":{\"id\":\"1\",\"from\":{\"id\":%d},\"message\":{\"chat\":{\"id\":%d}}}}", id, user, chat)
}

// kindBy is an update of a kind that has a user and no chat.
func KindBy(kind tghook.Kind, user, id int64) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"%s\":{\"id\":\"1\",\"from\":{\"id\":%d}}}", id, kind, user)
}

var ClampedKinds = []tghook.Kind{
	tghook.KindMessage, tghook.KindInlineQuery, tghook.KindCallbackQuery, tghook.KindShippingQuery,
	tghook.KindPreCheckoutQuery, tghook.KindChosenInlineResult, "a_kind_to_come",
}

// hello is a reply, and helloBody what rides a response for it.
var Hello = tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 7, "text": "hello"}}

const (
	HelloBody   = `{"method":"sendMessage","chat_id":7,"text":"hello"}`
	HelloAnswer = "200 application/json " + HelloBody
	HelloCall   = `sendMessage{"chat_id":7,"text":"hello"}`
)

var ErrBroken = errors.New("broken")

// nothing is a handler that succeeds at once.
func Nothing(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// taking is a handler that does not look at its ctx.
func Taking(d time.Duration, reply tghook.Reply, err error) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) {
		time.Sleep(d)
		return reply, err
	}
}

// jsonBy marshals as it is told.
type JsonBy func() ([]byte, error)

func (f JsonBy) MarshalJSON() ([]byte, error) { return f() }

const (
	HookSecret    = "hook-secret_0123456789"
	TelegramsAddr = "149.154.167.220:40312"
)

// fromTelegram is a request as Telegram makes it, for Serve.
func FromTelegram(body []byte) tghook.Request {
	return tghook.Request{
		Method: http.MethodPost, Host: "bot.example.org", Path: "/hook", ContentType: "application/json",
		Secret: []string{HookSecret}, RemoteAddr: TelegramsAddr,
		ContentLength: int64(len(body)), Body: bytes.NewReader(body),
	}
}
