package main

import (
	"context"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

// update has the fields of an update that the bot needs.
type update struct {
	Message struct {
		Chat struct{ ID int64 }
		Text string
	}
}

// newHandler answers with a Reply, which rides, that is, is sent in the HTTP response. All
// other calls are made before it, by client.
func newHandler(client *tghook.Client, greet greeting.Func) tghook.Handler {
	return tghook.Kinds{tghook.KindMessage: tghook.Typed(func(ctx context.Context, u *update) (tghook.Reply, error) {
		switch u.Message.Text {
		case "hi":
			text, err := greet(ctx)
			return say(u, text), err
		case "bye":
			goodbye := say(u, "Goodbye!")
			err := client.Call(ctx, goodbye.Method, goodbye.Params, nil)
			return say(u, "Come again!"), err
		}
		return tghook.NoReply, nil
	})}
}

func say(u *update, text string) tghook.Reply {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.Message.Chat.ID, "text": text}}
}
