package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
	"github.com/tghook/tghook/tghooktest"
)

// docs/libraries.md shows mount to users who have a server.
func mount(ctx context.Context, mux *http.ServeMux, handler tghook.Handler, client *tghook.Client, token, url string) error {
	secret := tghook.SecretFor(token, url)
	hook, err := tghook.New(handler, tghook.Config{
		Secret: secret,
		Dispatch: tghook.DispatchConfig{
			Bot:    client.Bot(), // ReplyTransport needs it
			Caller: client,       // sends a Reply that is late
		},
	})
	if err != nil {
		return err
	}
	mux.Handle("POST /telegram", hook)
	return client.SetWebhook(ctx, tghook.WebhookRequest{URL: url, SecretToken: secret})
}

func TestTheBotOnAServerOfYours(t *testing.T) {
	t.Parallel()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	client := tg.Bot(t)
	handler, err := newHandler(tg.Token, &tghook.ReplyTransport{Client: client, AllowNoResult: true}, greeting.Polite)
	require.NoError(t, err)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	require.NoError(t, mount(t.Context(), mux, handler, client, tg.Token, server.URL+"/telegram"))

	tg.User("Zoë").Chat().Send("bye")
	tg.WaitDelivered(t)
	sent := tg.Calls("sendMessage")
	require.Len(t, sent, 2)
	assert.False(t, sent[0].Reply)
	assert.True(t, sent[1].Reply, "the second message is in the response")
}
