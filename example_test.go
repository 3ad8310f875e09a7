package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

const exampleToken = "AAH-stand_in_token_0123456789abcdefg"

// post delivers a message as Telegram would and prints the answer.
func post(url, update string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(update))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", "my-secret")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		panic(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.TrimSpace(res.Status + " " + string(body))) //nolint:forbidigo // the examples' output
}

// serve is a server with one bot, for the examples.
func serve(h tghook.Handler, cfg tghook.Config) *httptest.Server {
	cfg.Secret = "my-secret"
	hook, err := tghook.New(h, cfg)
	if err != nil {
		panic(err)
	}
	return httptest.NewServer(hook)
}

// A bot that greets whoever writes to it, mounted on a ServeMux. What it returns
// is sent to Telegram in the answer to the update.
func Example() {
	greet := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.Kind != tghook.KindMessage {
			return tghook.NoReply, nil
		}
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
			"chat_id": u.ChatID,
			"text":    "Hello!",
		}}, nil
	}
	hook, err := tghook.New(tghook.HandlerFunc(greet), tghook.Config{
		Secret: "my-secret", // the secret_token of setWebhook; keep yours out of the code
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/telegram", hook)
	server := httptest.NewServer(mux) // in service: http.ListenAndServe(":8080", mux)
	defer server.Close()

	post(server.URL+"/telegram", `{"update_id":1,"message":{"chat":{"id":42},"text":"/start"}}`)
	post(server.URL+"/telegram", `{"update_id":2,"poll":{"id":"7"}}`)
	// Output:
	// 200 OK {"method":"sendMessage","chat_id":42,"text":"Hello!"}
	// 200 OK
}

// New names every mistake at once.
func ExampleNew_mistakes() {
	_, err := tghook.New(nil, tghook.Config{MaxBody: -1})
	fmt.Println(err)
	// Output:
	// tghook: Handler: is nil: give one
	// tghook: Config.Secret: is empty, so that anybody could post updates: give the secret_token of setWebhook
	// tghook: Config.MaxBody: is negative: give a number of bytes, or 0 for the default
}

// Typed decodes updates into a type of your own, or into the one of the bot
// library that you use.
func ExampleTyped() {
	type update struct {
		Message *struct {
			Text string `json:"text"`
		} `json:"message"`
	}
	echo := tghook.Typed(func(ctx context.Context, u *update) (tghook.Reply, error) {
		if u.Message == nil {
			return tghook.NoReply, nil
		}
		envelope, _ := tghook.FromContext(ctx)
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
			"chat_id": envelope.ChatID,
			"text":    "You said: " + u.Message.Text,
		}}, nil
	})
	server := serve(echo, tghook.Config{})
	defer server.Close()

	post(server.URL, `{"update_id":1,"message":{"chat":{"id":42},"text":"hi"}}`)
	// Output:
	// 200 OK {"method":"sendMessage","chat_id":42,"text":"You said: hi"}
}

// An error has Telegram deliver the update again; RetryAfter says when.
func ExampleRetryAfter() {
	busy := true
	book := func(context.Context, *tghook.Update) (tghook.Reply, error) {
		if busy {
			busy = false
			return tghook.NoReply, tghook.RetryAfter(30*time.Second, errors.New("the calendar is down"))
		}
		return tghook.NoReply, nil
	}
	server := serve(tghook.HandlerFunc(book), tghook.Config{Dispatch: tghook.DispatchConfig{
		Observe: func(_ context.Context, v tghook.Delivery) {
			fmt.Printf("attempt %d: %s, %v\n", v.Attempt, v.Outcome, v.Err)
		},
	}})
	defer server.Close()

	post(server.URL, `{"update_id":1,"message":{"chat":{"id":42}}}`)
	post(server.URL, `{"update_id":1,"message":{"chat":{"id":42}}}`) // half a minute later
	// Output:
	// attempt 1: failed, retry after 30s: the calendar is down
	// 503 Service Unavailable
	// attempt 2: handled, <nil>
	// 200 OK
}

// Drop gives up on an update: it is kept as a dead letter, and Telegram does not
// deliver it again.
func ExampleDrop() {
	strict := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.Kind == tghook.KindChannelPost {
			return tghook.NoReply, tghook.Drop(errors.New("not made for channels"))
		}
		return tghook.NoReply, nil
	}
	server := serve(tghook.HandlerFunc(strict), tghook.Config{Dispatch: tghook.DispatchConfig{
		Observe: func(context.Context, tghook.Delivery) {},
		DeadLetter: func(_ context.Context, u *tghook.Update, err error) error {
			fmt.Printf("dead letter %d: %v\n", u.ID, err) // keep u.Raw somewhere
			return nil
		},
	}})
	defer server.Close()

	post(server.URL, `{"update_id":1,"channel_post":{"chat":{"id":-42}}}`)
	// Output:
	// dead letter 1: dropped: not made for channels
	// 200 OK
}

// Middleware is what surrounds every handler. The first in the chain sees an
// update first, and its outcome last.
func ExampleChain() {
	logged := func(next tghook.Handler) tghook.Handler {
		return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			reply, err := next.HandleUpdate(ctx, u)
			fmt.Printf("%s: answered with %q, error %v\n", u.Kind, reply.Method, err)
			return reply, err
		})
	}
	onlyMe := func(next tghook.Handler) tghook.Handler {
		return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.UserID != 42 {
				return tghook.NoReply, nil
			}
			return next.HandleUpdate(ctx, u)
		})
	}
	bot := tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "At your service."}}, nil
	})
	server := serve(tghook.Chain(bot, logged, onlyMe), tghook.Config{})
	defer server.Close()

	post(server.URL, `{"update_id":1,"message":{"chat":{"id":42},"from":{"id":42}}}`)
	post(server.URL, `{"update_id":2,"message":{"chat":{"id":77},"from":{"id":77}}}`)
	// Output:
	// message: answered with "sendMessage", error <nil>
	// 200 OK {"method":"sendMessage","chat_id":42,"text":"At your service."}
	// message: answered with "", error <nil>
	// 200 OK
}

// Most updates get eight seconds, and come again when they are late. Here button
// presses are answered at once, and handled behind: their handler must send what
// it has to say through a client of its own.
func ExampleConfig_deadline() {
	rest := make(chan struct{})
	finished := make(chan string)
	slow := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.Kind == tghook.KindCallbackQuery {
			<-rest // it takes its time
			finished <- "the press is handled"
		}
		return tghook.NoReply, nil
	}
	server := serve(tghook.HandlerFunc(slow), tghook.Config{
		Deadline: func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.Kind == tghook.KindCallbackQuery {
				return 10 * time.Millisecond, tghook.LateAck
			}
			return 0, tghook.LateDefault // as configured
		},
		Dispatch: tghook.DispatchConfig{Observe: func(context.Context, tghook.Delivery) {}},
	})
	defer server.Close()

	post(server.URL, `{"update_id":1,"callback_query":{"id":"5","from":{"id":42}}}`)
	close(rest)
	fmt.Println(<-finished)
	// Output:
	// 200 OK
	// the press is handled
}

// A forum's topics run at once, each in order. This has an effect by long poll. By webhook
// Telegram sends a chat's next message only when it has the answer to the one before:
// there it takes LateAck, which answers before the handler has finished.
func ExampleDispatchConfig_lane() {
	release := make(chan struct{})
	topics := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ThreadID == 5 {
			<-release // topic 5 takes its time
		}
		fmt.Printf("update %d of topic %d\n", u.ID, u.ThreadID)
		return tghook.NoReply, nil
	}
	bot, err := tghook.NewDispatcher(tghook.HandlerFunc(topics), tghook.DispatchConfig{
		Lane: func(u *tghook.Update) string {
			if u.ChatID != 0 {
				return fmt.Sprintf("chat %d topic %d", u.ChatID, u.ThreadID)
			}
			return fmt.Sprintf("%s of %d", u.Kind, u.UserID) // queries and the like
		},
	})
	if err != nil {
		panic(err)
	}
	give := func(update string) chan error {
		u, err := tghook.ParseUpdate([]byte(update))
		if err != nil {
			panic(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := bot.Do(context.Background(), u)
			done <- err
		}()
		return done
	}

	slow := give(`{"update_id":1,"message":{"chat":{"id":-100},"message_thread_id":5}}`)
	<-give(`{"update_id":2,"message":{"chat":{"id":-100},"message_thread_id":6}}`) // does not wait for topic 5
	close(release)
	<-slow
	// Output:
	// update 2 of topic 6
	// update 1 of topic 5
}

// A File in the parameters makes the reply multipart: no second request is needed
// to upload it.
func ExampleFile() {
	report := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendDocument", Params: map[string]any{
			"chat_id":  u.ChatID,
			"document": tghook.File{Name: "report.csv", Body: strings.NewReader("day,visits\nmonday,7\n")},
		}}, nil
	}
	hook, err := tghook.New(tghook.HandlerFunc(report), tghook.Config{Secret: "my-secret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	res := hook.Serve(context.Background(), tghook.Request{
		Method: "POST", ContentType: "application/json", Secret: []string{"my-secret"}, ContentLength: -1,
		Body: strings.NewReader(`{"update_id":1,"message":{"chat":{"id":42}}}`),
	})
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	fmt.Println(res.Status, mediaType, strings.Contains(string(res.Body), "monday,7"))
	// Output:
	// 200 multipart/form-data true
}

// Another bot library's calls ride the response too: here one that posts JSON with
// the ctx that it is given. It is told at once that the call succeeded.
func ExampleReplyTransport() {
	client, err := tghook.NewClient("42:"+exampleToken, tghook.ClientConfig{})
	if err != nil {
		panic(err)
	}
	library := &http.Client{Transport: &tghook.ReplyTransport{Client: client}} // give this to yours

	press := func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.telegram.org/bot42:"+exampleToken+"/answerCallbackQuery",
			strings.NewReader(`{"callback_query_id":"5","text":"Saved."}`))
		if err != nil {
			return tghook.NoReply, err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := library.Do(req)
		if err != nil {
			return tghook.NoReply, err
		}
		defer func() { _ = res.Body.Close() }()
		answer, err := io.ReadAll(res.Body)
		fmt.Println("the library gets:", string(answer))
		return tghook.NoReply, err
	}
	server := serve(tghook.HandlerFunc(press), tghook.Config{Dispatch: tghook.DispatchConfig{Bot: client.Bot()}})
	defer server.Close()

	post(server.URL, `{"update_id":1,"callback_query":{"id":"5","from":{"id":42}}}`)
	// Output:
	// the library gets: {"ok":true,"result":true}
	// 200 OK {"method":"answerCallbackQuery","callback_query_id":"5","text":"Saved."}
}

// Shut the webhook down before its server, which it needs to answer the updates
// that are still on their way.
func ExampleWebhook_Shutdown() {
	hook, err := tghook.New(tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, nil
	}), tghook.Config{Secret: "example-secret"})
	if err != nil {
		panic(err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Handler: hook, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	go func() { _ = server.Serve(listener) }()

	// In a program: ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// and then <-ctx.Done().

	grace, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	fmt.Println("webhook:", hook.Shutdown(grace))
	fmt.Println("server:", server.Shutdown(grace))
	// Output:
	// webhook: <nil>
	// server: <nil>
}

// To remove a bot while the program goes on, delete its webhook first: from then on
// Telegram keeps what comes. Then shut down what has received.
func ExampleMounted_Shutdown() {
	tg, err := tghooktest.Start(tghooktest.ServerConfig{}) // in place of Telegram
	if err != nil {
		panic(err)
	}
	defer tg.Close()
	api := tghook.ClientConfig{BaseURL: tg.URL, Local: true}

	handled := make(chan bool)
	handler := tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		handled <- true
		return tghook.NoReply, nil
	})
	mux := http.NewServeMux() // of the whole site
	server := httptest.NewServer(mux)
	defer server.Close()
	bot, err := tghook.Mount(handler, tghook.RunConfig{Token: tg.Token, URL: server.URL + "/bots/first", Client: api})
	if err != nil {
		panic(err)
	}
	mux.Handle(bot.Path(), bot)
	received := make(chan error)
	go func() { received <- bot.Receive(context.Background()) }()
	chat := tg.User("Ann").Chat()
	chat.Send("hi")
	<-handled

	client, err := tghook.NewClient(tg.Token, api)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = errors.Join(tg.Delivered(ctx), client.DeleteWebhook(ctx, false), bot.Shutdown(ctx), <-received)
	chat.Send("are you there?")
	fmt.Println(err, tg.Pending())
	// Output: <nil> 1
}

func TestTheProgramInTheREADMEBuilds(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, program, _ := strings.Cut(string(readme), "```go\n")
	program, _, found := strings.Cut(program, "```\n")
	if lines := strings.Count(program, "\n"); !found || lines > 25 {
		t.Errorf("%d lines, want at most 25", lines)
	}
	root, err := os.Getwd()
	require.NoError(t, err)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go": program,
		"go.mod": "module example.com/bot\n\ngo 1.25.0\n\nrequire github.com/tghook/tghook v0.0.0\n\n" +
			"replace github.com/tghook/tghook => " + root + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	cmd := exec.CommandContext(t.Context(), "go", "vet", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
