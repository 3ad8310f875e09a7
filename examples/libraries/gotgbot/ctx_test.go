package main

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// A call with a context of its own ends with that. A call without one ends with the update's.
func TestACallKeepsTheCtxThatItIsGiven(t *testing.T) {
	t.Parallel()
	tg := tghooktest.NewServer(t)
	client := tg.Bot(t)
	library := &gotgbot.BaseBotClient{
		Client:             http.Client{Transport: &tghook.ReplyTransport{Client: client, AllowNoResult: true}},
		DefaultRequestOpts: &gotgbot.RequestOpts{APIURL: tg.URL},
	}
	handler := tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		b := gotgbot.Bot{Token: tg.Token, BotClient: boundClient{library, ctx}}
		ended, cancel := context.WithDeadline(ctx, time.Unix(0, 0))
		defer cancel()
		if _, err := b.SendMessageWithContext(ended, u.ChatID, "too late", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a ctx that has ended the error is %v", err)
		}
		own, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if _, err := b.SendMessageWithContext(own, u.ChatID, "with a context", nil); err != nil {
			t.Error(err)
		}
		_, err := b.SendMessage(u.ChatID, "without", nil)
		return tghook.NoReply, err
	})
	secret := tghook.SecretFor(tg.Token, "")
	hook, err := tghook.New(handler, tghook.Config{Secret: secret, Dispatch: tghook.DispatchConfig{Bot: client.Bot()}})
	require.NoError(t, err)
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: secret})

	tg.User("Zoë").Chat().Send("hi")
	tg.WaitDelivered(t)
	sent := tg.Calls("sendMessage")
	require.Len(t, sent, 2)
	assert.Equal(t, "with a context", sent[0].Params["text"])
	assert.False(t, sent[0].Reply)
	assert.Equal(t, "without", sent[1].Params["text"])
	assert.True(t, sent[1].Reply, "the second message is in the response")
}
