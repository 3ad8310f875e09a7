package tghooktest_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// greeter is the bot of docs/testing.md.
var greeter = tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
})

func TestGreeting(t *testing.T) {
	tg := tghooktest.NewServer(t)
	hook, err := tghook.New(greeter, tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: tg.Bot(t)}})
	if err != nil {
		t.Fatal(err)
	}
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s"})

	chat := tg.User("Zoë").Chat()
	chat.Send("hi")
	chat.Expect(t, "Hello!")
}

func TestGreetingByPoll(t *testing.T) {
	tg := tghooktest.NewServer(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- tghook.Poll(ctx, tg.Bot(t), greeter, tghook.PollConfig{}) }()

	chat := tg.User("Zoë").Chat()
	chat.Send("hi")
	chat.Expect(t, "Hello!")

	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTheGreetingRidesTheResponse(t *testing.T) {
	tg := tghooktest.NewServer(t)
	hook, err := tghook.New(greeter, tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: tg.Bot(t)}})
	if err != nil {
		t.Fatal(err)
	}
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s"})
	tg.User("Zoë").Chat().Send("hi")

	call := tg.ExpectCall(t, "sendMessage")
	if !call.Reply {
		t.Error("it was an API call")
	}
	tg.WaitDelivered(t)
	if n := len(tg.Calls()); n != 1 {
		t.Errorf("%d calls, want one", n)
	}
}

func TestAGreetingComesOnceThoughItsAnswerIsLost(t *testing.T) {
	tg := tghooktest.NewServer(t)
	var runs atomic.Int64
	counted := tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		runs.Add(1)
		return greeter(ctx, u)
	})
	hook, err := tghook.New(counted, tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: tg.Bot(t)}})
	if err != nil {
		t.Fatal(err)
	}
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s"})

	tg.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
		return tghooktest.DeliveryFault{CutAfter: d.Attempt == 1}
	})
	tg.User("Zoë").Chat().Send("hi")
	tg.WaitDelivered(t)
	if runs.Load() != 1 || len(tg.Calls("sendMessage")) != 1 {
		t.Errorf("%d runs and %d greetings, want one of each", runs.Load(), len(tg.Calls("sendMessage")))
	}
}

func TestAnOutageOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg := tghooktest.NewServer(t, tghooktest.ServerConfig{InMemory: true, Patience: 48 * time.Hour})
		var broken atomic.Bool
		hook, err := tghook.New(greeter, tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: tg.Bot(t)}})
		if err != nil {
			t.Fatal(err)
		}
		tg.Webhook(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if broken.Load() {
				rw.WriteHeader(http.StatusBadGateway)
				return
			}
			hook.ServeHTTP(rw, r)
		}), tghook.WebhookRequest{SecretToken: "s"})

		zoe, ben := tg.User("Zoë").Chat(), tg.User("Ben").Chat()
		broken.Store(true)
		zoe.Send("hi")
		time.Sleep(12 * time.Hour)
		ben.Send("hi")
		time.Sleep(12*time.Hour + time.Minute)
		broken.Store(false)

		ben.Expect(t, "Hello!")
		tg.WaitDelivered(t)
		if n := len(tg.Calls("sendMessage")); n != 1 {
			t.Errorf("%d greetings, want Ben's alone: Telegram gives up a message after a day", n)
		}
	})
}

func TestEveryKindOfUpdate(t *testing.T) {
	tg := tghooktest.NewServer(t)
	hook, err := tghook.New(greeter, tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: tg.Bot(t)}})
	if err != nil {
		t.Fatal(err)
	}
	tg.Webhook(t, hook, tghook.WebhookRequest{
		SecretToken:    "s",
		AllowedUpdates: []string{"message", "chat_member", "message_reaction"},
	})
	for _, name := range []string{"message", "chat_member", "message_reaction"} {
		if _, err := tg.Deliver(tghooktest.Update(name)); err != nil {
			t.Error(err)
		}
	}
	tg.WaitDelivered(t)
}

func TestTelegramsLimit(t *testing.T) {
	tg := tghooktest.NewServer(t)
	tg.FailCalls(2, tghooktest.CallError{Code: 429, RetryAfter: time.Second}, "sendMessage")
	bot, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, Local: true, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	tg.User("Zoë").Chat().Send("/start")
	chat := map[string]any{"chat_id": tg.User("Zoë").ID, "text": "Hello!"}
	if err := bot.Call(t.Context(), "sendMessage", chat, nil); err != nil {
		t.Error(err)
	}
	if n := len(tg.Calls("sendMessage")); n != 3 {
		t.Errorf("%d calls, want two that Telegram refused and one more", n)
	}
}

// The documentation shows what is run here.
func TestTheDocumentationShowsTheseTests(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(doc), "```go\n")[1:]
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		for part := range strings.SplitSeq(block, "\t// ...\n") {
			if !strings.Contains(string(source), part) {
				t.Errorf("docs/testing.md shows what is not run:\n%s", part)
			}
		}
	}
	if len(blocks) < 5 {
		t.Errorf("docs/testing.md shows %d pieces of code only", len(blocks))
	}
}

func ExampleStart() {
	tg, err := tghooktest.Start(tghooktest.ServerConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tg.Close()
	bot, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, Local: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	me, err := bot.GetMe(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(me.Username)
	// Output: stand_in_bot
}
