package tgtelebot_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"gopkg.in/telebot.v4"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/libraries/tgtelebot"
	"github.com/tghook/tghook/tghooktest"
)

// A bot that answers "hi", on a simulated Telegram.
func Example() {
	tg, err := tghooktest.Start(tghooktest.ServerConfig{})
	if err != nil {
		panic(err)
	}
	defer tg.Close()
	client, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, Local: true})
	if err != nil {
		panic(err)
	}
	transport := &tghook.ReplyTransport{Client: client, AllowNoResult: true}
	b, err := telebot.NewBot(tgtelebot.Settings(transport, telebot.Settings{Token: tg.Token}))
	if err != nil {
		panic(err)
	}
	b.Handle("hi", func(c telebot.Context) error { return c.Send("Hello!") })
	handler, err := tgtelebot.Handler(b)
	if err != nil {
		panic(err)
	}
	hook, err := tghook.New(handler, tghook.Config{Secret: "my-secret", Dispatch: tghook.DispatchConfig{Bot: client.Bot()}})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(hook)
	defer server.Close()
	ctx := context.Background()
	if err := client.SetWebhook(ctx, tghook.WebhookRequest{URL: server.URL, SecretToken: "my-secret"}); err != nil {
		panic(err)
	}

	tg.User("Zoë").Chat().Send("hi")
	if err := tg.Delivered(ctx); err != nil {
		panic(err)
	}
	for _, call := range tg.Calls("sendMessage") {
		fmt.Println(call.Params["text"], "In the HTTP response:", call.Reply)
	}
	// Output: Hello! In the HTTP response: true
}
