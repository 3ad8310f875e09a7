package tgtelego_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/mymmrac/telego"
	"github.com/mymmrac/telego/telegohandler"
	"github.com/mymmrac/telego/telegoutil"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/libraries/tgtelego"
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
	b, err := telego.NewBot(tg.Token, tgtelego.Options(transport)...)
	if err != nil {
		panic(err)
	}
	h, err := telegohandler.NewBotHandler(b, nil)
	if err != nil {
		panic(err)
	}
	h.Handle(func(ctx *telegohandler.Context, u telego.Update) error {
		_, err := ctx.Bot().SendMessage(ctx, telegoutil.Message(u.Message.Chat.ChatID(), "Hello!"))
		return err
	}, telegohandler.TextEqual("hi"))
	handler, err := tgtelego.Handler(b, h)
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
