package main

import (
	"cmp"
	"context"
	"sync"

	"github.com/NicoNex/echotron/v3"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/discreet"
	"github.com/tghook/tghook/examples/libraries/greeting"
)

// newHandler passes each update to the session of its chat, as the library's Dispatcher
// does, and waits for it.
func newHandler(cfg tghook.RunConfig, greet greeting.Func) tghook.Handler {
	server := cmp.Or(cfg.Client.BaseURL, "https://api.telegram.org")
	api := echotron.CustomAPI(server+"/bot"+cfg.Token+"/", cfg.Token)
	var sessions sync.Map
	return tghook.Typed(func(ctx context.Context, u *echotron.Update) (tghook.Reply, error) {
		envelope, _ := tghook.FromContext(ctx)
		if envelope.ChatID == 0 || envelope.Kind == tghook.KindPollAnswer {
			return tghook.NoReply, nil // such updates are not in the lane of a chat
		}
		s, _ := sessions.LoadOrStore(envelope.ChatID, &session{api: api, chatID: envelope.ChatID, greet: greet})
		reply, err := s.(*session).Update(ctx, u)
		return reply, discreet.Error(err, cfg.Token)
	})
}

// session holds the state of one chat; echotron calls it a Bot. It needs no mutex, because
// a chat's updates come one at a time.
type session struct {
	api    echotron.API
	chatID int64
	greet  greeting.Func
}

// Update is like the method of echotron.Bot, but with a context, a Reply and an error.
func (s *session) Update(ctx context.Context, u *echotron.Update) (tghook.Reply, error) {
	if u.Message == nil {
		return tghook.NoReply, nil
	}
	switch u.Message.Text {
	case "hi":
		text, err := s.greet(ctx)
		return s.say(text), err
	case "bye":
		_, err := s.api.SendMessage("Goodbye!", s.chatID, nil)
		return s.say("Come again!"), err
	}
	return tghook.NoReply, nil
}

func (s *session) say(text string) tghook.Reply {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": s.chatID, "text": text}}
}
