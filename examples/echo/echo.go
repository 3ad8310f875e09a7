// Package echo is a bot that says what it is told. It does not know how its
// updates come: see the three programs beside it.
package echo

import (
	"context"

	"github.com/tghook/tghook"
)

// Bot answers messages, and notices the buttons that are pressed.
var Bot = tghook.Kinds{
	tghook.KindMessage:       tghook.Typed(message),
	tghook.KindCallbackQuery: tghook.Typed(press),
}

type update struct {
	Message struct {
		Chat struct{ ID int64 }
		Text string
	}
	CallbackQuery struct{ ID string } `json:"callback_query"`
}

func message(_ context.Context, u *update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.Message.Chat.ID,
		"text":    u.Message.Text,
	}}, nil
}

func press(_ context.Context, u *update) (tghook.Reply, error) {
	return tghook.Reply{Method: "answerCallbackQuery", Params: map[string]any{
		"callback_query_id": u.CallbackQuery.ID,
	}}, nil
}
