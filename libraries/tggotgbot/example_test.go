package tggotgbot_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/PaulSonOfLars/gotgbot/v2"
	"github.com/PaulSonOfLars/gotgbot/v2/ext"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers"
	"github.com/PaulSonOfLars/gotgbot/v2/ext/handlers/filters/message"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/libraries/tggotgbot"
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
	b, err := gotgbot.NewBot(tg.Token, tggotgbot.Options(transport))
	if err != nil {
		panic(err)
	}
	d := ext.NewDispatcher(nil)
	d.AddHandler(handlers.NewMessage(message.Equal("hi"), func(b *gotgbot.Bot, c *ext.Context) error {
		_, err := b.SendMessage(c.EffectiveChat.Id, "Hello!", nil)
		return err
	}))
	handler, err := tggotgbot.Handler(b, d)
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
