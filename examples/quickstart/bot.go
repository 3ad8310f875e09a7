package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook"
)

// update is the part of Telegram's update that this bot uses. With a bot library you
// would use the library's type instead.
type update struct {
	Message *struct {
		Chat struct{ ID int64 }
		From struct {
			FirstName string `json:"first_name"`
		}
	}
	EditedMessage *struct{ Chat struct{ ID int64 } } `json:"edited_message"`
	CallbackQuery *struct{ ID string }               `json:"callback_query"`
	InlineQuery   *struct{ ID string }               `json:"inline_query"`
	Poll          *struct{ Question string }
}

// bot answers some kinds of update. It fails at the first edited message, and takes its
// time for polls.
type bot struct{ failed atomic.Bool }

func (b *bot) handle(_ context.Context, u *update) (tghook.Reply, error) {
	switch {
	case u.Message != nil:
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
			"chat_id": u.Message.Chat.ID,
			"text":    fmt.Sprintf("Hello, %s!", u.Message.From.FirstName),
		}}, nil
	case u.EditedMessage != nil && !b.failed.Swap(true):
		return tghook.NoReply, errors.New("the database is away")
	case u.CallbackQuery != nil:
		return tghook.Reply{Method: "answerCallbackQuery", Params: map[string]string{"callback_query_id": u.CallbackQuery.ID}}, nil
	case u.InlineQuery != nil:
		return tghook.Reply{Method: "answerInlineQuery", Params: map[string]any{
			"inline_query_id": u.InlineQuery.ID, "results": []any{},
		}}, nil
	case u.Poll != nil:
		time.Sleep(2500 * time.Millisecond) // the next delivery gets this run's result
	}
	return tghook.NoReply, nil
}
