package tghooktest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

func TestTheExampleOfNewServer(t *testing.T) { testHello(t) }

func TestGreetingWithoutATest(t *testing.T) {
	srv, failure := tghooktest.Start(tghooktest.ServerConfig{})
	if failure != nil {
		t.Fatal(failure)
	}
	defer srv.Close()
	bot := srv.Bot(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- tghook.Poll(ctx, bot, greeter, tghook.PollConfig{}) }()

	err := srv.Try(func(tb testing.TB, srv *tghooktest.Server) {
		chat := srv.User("Zoë").Chat()
		chat.Send("hi")
		chat.Expect(tb, "Hello!")
	})
	if err != nil {
		t.Error(err)
	}

	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
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

// order has the fields of an update that cafe reads.
type order struct {
	Message *struct {
		Chat struct{ ID int64 }
		Text string
	}
	CallbackQuery *struct {
		ID, Data string
		Message  struct {
			ID   int64 `json:"message_id"`
			Chat struct{ ID int64 }
		}
	} `json:"callback_query"`
}

// cafe asks with buttons, and replaces the question by the answer.
func cafe(bot *tghook.Client) tghook.Handler {
	return tghook.Typed(func(ctx context.Context, u *order) (tghook.Reply, error) {
		switch {
		case u.Message != nil && u.Message.Text == "/order":
			tea := map[string]any{"text": "Tea", "callback_data": "tea"}
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{
				"chat_id": u.Message.Chat.ID, "text": "What would you like?",
				"reply_markup": map[string]any{"inline_keyboard": [][]any{{tea}}},
			}}, nil
		case u.CallbackQuery != nil:
			asked := u.CallbackQuery.Message
			answer := map[string]any{"callback_query_id": u.CallbackQuery.ID, "text": "Thank you!"}
			if err := bot.Call(ctx, "answerCallbackQuery", answer, nil); err != nil {
				return tghook.NoReply, err
			}
			return tghook.Reply{Method: "editMessageText", Params: map[string]any{
				"chat_id": asked.Chat.ID, "message_id": asked.ID, "text": "One " + u.CallbackQuery.Data + " is on its way.",
			}}, nil
		}
		return tghook.NoReply, nil
	})
}

func TestAnOrder(t *testing.T) {
	tg := tghooktest.NewServer(t)
	bot := tg.Bot(t)
	hook, err := tghook.New(cafe(bot), tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: bot}})
	if err != nil {
		t.Fatal(err)
	}
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s"})

	chat := tg.User("Zoë").Chat()
	chat.Send("/order")
	question := chat.Expect(t, "What would you like?")
	question.Press("Tea").Expect(t, "Thank you!")
	chat.Expect(t, "One tea is on its way.")

	seen := chat.Messages()
	if len(seen) != 2 || seen[1].ID != question.ID || seen[1].Text != "One tea is on its way." {
		t.Errorf("Zoë sees %d messages, want her own and the answer in place of the question", len(seen))
	}
	chat.Send("nonsense")
	tg.WaitDelivered(t)
	if seen := chat.Messages(); seen[len(seen)-1].FromBot {
		t.Errorf("the bot answered %q to nonsense", seen[len(seen)-1].Text)
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

func TestAPhotoIsSentAndDownloaded(t *testing.T) {
	tg := tghooktest.NewServer(t)
	bot := tg.Bot(t)
	chat := tg.User("Zoë").Chat()
	chat.Send("/start")
	upload := map[string]any{"chat_id": chat.ID, "photo": tghook.File{Name: "tea.jpg", Body: strings.NewReader("GIF89a picture")}, "caption": "Tea"}
	if err := bot.Call(t.Context(), "sendPhoto", upload, nil); err != nil {
		t.Fatal(err)
	}

	photo := chat.Expect(t, "Tea")
	call := tg.ExpectCall(t, "sendPhoto")
	if string(call.Files["photo"].Content) != "GIF89a picture" {
		t.Error("it is another picture")
	}
	var sent struct {
		Photo []json.RawMessage `json:"photo"`
	}
	if err := json.Unmarshal(photo.Raw, &sent); err != nil || len(sent.Photo) == 0 {
		t.Errorf("there is no photo in the message %s", photo.Raw)
	}
}

// nameless forgets the chat_id of its reply.
var nameless = tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": "Hello!"}}, nil
})

func TestAWrongReply(t *testing.T) {
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{AllowRefusedReplies: true})
	hook, err := tghook.New(nameless, tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: tg.Bot(t)}})
	if err != nil {
		t.Fatal(err)
	}
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s"})
	tg.User("Zoë").Chat().Send("hi")
	tg.WaitDelivered(t)
	if refused := tg.RefusedReplies(); len(refused) != 1 {
		t.Errorf("Telegram refused %v", refused)
	}
}

func TestWhileYouDevelop(t *testing.T) {
	tg := tghooktest.NewServer(t)
	bot := tg.Bot(t)
	hook, err := tghook.New(greeter, tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: bot, AlwaysCall: true}})
	if err != nil {
		t.Fatal(err)
	}
	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s"})
	chat := tg.User("Zoë").Chat()
	chat.Send("hi")
	chat.Expect(t, "Hello!")
}

func TestAFailureTellsWhatHappened(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tg := tghooktest.NewServer(t, tghooktest.ServerConfig{InMemory: true})
		hook, err := tghook.New(greeter, tghook.Config{Secret: "s"})
		if err != nil {
			t.Fatal(err)
		}
		tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s"})
		chat := tg.User("Zoë").Chat()
		text := failure(t, func(tb testing.TB) {
			tb.Helper()
			chat.React(chat.Send("hi"), "👍")
			chat.Expect(tb, "Hello, Zoë!")
		})
		assert.Contains(t, page(t), "```text\n"+text+"\n```\n", "docs/testing.md shows another failure")
	})
}

func TestARefusedReplyIsToldAsDocumented(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tb := &watched{TB: t}
		tg := tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true})
		hook, err := tghook.New(nameless, tghook.Config{Secret: "s"})
		if err != nil {
			t.Fatal(err)
		}
		tg.Webhook(tb, hook, tghook.WebhookRequest{SecretToken: "s"})
		tg.User("Zoë").Chat().Send("hi")
		tg.WaitDelivered(t)
		text, _ := tb.told()
		tb.end()
		assert.Contains(t, page(t), "```text\n"+text+"\n```\n", "docs/testing.md shows another failure")
	})
}

// The documentation shows the code of these tests.
func TestTheDocumentationShowsTheseTests(t *testing.T) {
	t.Parallel()
	var source []byte
	for _, name := range []string{"example_test.go", "example_queue_test.go"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		source = append(source, text...)
	}
	blocks := strings.Split(page(t), "```go\n")[1:]
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		for part := range strings.SplitSeq(block, "\t// ...\n") {
			assert.Contains(t, string(source), part, "docs/testing.md shows code that no test runs")
		}
	}
	assert.GreaterOrEqual(t, len(blocks), 5, "pieces of code in docs/testing.md")
}

// page returns docs/testing.md.
func page(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("../docs/testing.md")
	require.NoError(t, err)
	return string(doc)
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
