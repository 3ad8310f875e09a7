package tghooktest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// A test of a bot that answers each message. It needs no token, tunnel or network. In your own
// package the test is called TestHello, and go test runs it.
func ExampleNewServer() {
	_ = testHello
	// Output:
}

func testHello(t *testing.T) {
	tg := tghooktest.NewServer(t) // a simulated Telegram, which ends with the test

	// Your bot: a webhook with a secret, and a client for its API calls.
	hook, err := tghook.New(tghook.HandlerFunc(hello), tghook.Config{
		Secret:   "s",
		Dispatch: tghook.DispatchConfig{Caller: tg.Bot(t)},
	})
	if err != nil {
		t.Fatal(err)
	}

	// Serve the webhook, and set it in the simulated Telegram.
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s"})

	chat := tg.User("Zoë").Chat()
	chat.Send("/start")
	chat.Expect(t, "Hello!")
}

// A program that is not a test, such as one that shows a bot, lets users act by Try.
func ExampleServer_Try() {
	tg, err := tghooktest.Start(tghooktest.ServerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tg.Close()
	err = tg.Try(func(_ testing.TB, tg *tghooktest.Server) {
		zoe := tg.User("Zoë")
		team := zoe.Join(tg.Group("Team"))
		team.Send("hi")
		zoe.Leave(tg.Group("Team"))
		team.Send("Is anybody there?")
	})
	fmt.Println(err)
	// Output: tghooktest: in the group "Team": Zoë is not in the group "Team"; call Join first
}

// Two bots behind one address. With ServerConfig.AnyToken, the first call with any token adds
// its bot.
func ExampleServer_AddBot() {
	shop, err := tghooktest.Start(tghooktest.ServerConfig{Username: "shop_bot"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer shop.Close()
	help, err := shop.AddBot(tghooktest.BotConfig{Username: "help_bot"})
	if err != nil {
		fmt.Println(err)
		return
	}
	help.User("Zoë").Chat().Send("Where is my tea?")
	fmt.Println(shop.URL == help.URL, shop.Pending(), help.Pending())
	// Output: true 0 1
}

func hello(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
}
