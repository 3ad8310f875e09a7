package tghooktest_test

import (
	"context"
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

func hello(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
}
