package tghook_test

import (
	"context"
	"encoding/json"
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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

const exampleToken = "AAH-stand_in_token_0123456789abcdefg"

// post delivers an update as Telegram does, and prints the answer.
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

// exampleTelegram is a simulated Telegram, for the examples. In memory it has no sockets.
func exampleTelegram(cfg tghooktest.ServerConfig) (tg *tghooktest.Server, api tghook.ClientConfig) {
	tg, err := tghooktest.Start(cfg)
	if err != nil {
		panic(err)
	}
	return tg, tghook.ClientConfig{BaseURL: tg.URL, Local: !cfg.Cloud, HTTP: tg.Client()}
}

// A bot that greets everybody who writes to it, mounted on a ServeMux. The HTTP response
// to the update carries its reply to Telegram.
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
		Secret: "my-secret", // the secret_token given to setWebhook; keep yours out of the code
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

// New returns every mistake at once.
func ExampleNew_mistakes() {
	_, err := tghook.New(nil, tghook.Config{MaxBody: -1})
	fmt.Println(err)
	// Output:
	// tghook: Handler: nil; give a Handler, such as a HandlerFunc
	// tghook: Config.Secret: empty; pass the secret_token given to setWebhook (or set InsecureNoSecret)
	// tghook: Config.MaxBody: -1 is negative; give a number of bytes, or 0 for 1 MiB
}

// Typed decodes updates into a type of yours, or into the type of your bot library.
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

// After an error Telegram delivers the update again. RetryAfter says when.
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

// Drop gives an update up. DeadLetter gets it, and Telegram does not deliver it again.
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

// A Middleware surrounds a handler. The first in the chain sees an update first, and its
// outcome last.
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

// Deadline sets LateAfter and Late for one update. Here a button press is answered 200
// after 10 ms, while its handler goes on. Without a Caller its reply would be lost, so it
// has none. All other updates have the 8 seconds of the default.
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

// The topics of a forum run at once, each in order. By long poll this is enough. By
// webhook Telegram sends a chat's next message when it has the answer to the one before.
// So a webhook needs LateAck too, which answers before the handler has finished.
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
			return fmt.Sprintf("%s of %d", u.Kind, u.UserID) // such as an inline query
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

// A File in the parameters makes the reply multipart. The response uploads the file, and
// no second request is needed.
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

// The last call of another bot library goes out in the HTTP response too. Here the
// "library" posts JSON with the context of the handler. It gets a success at once.
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

// Shut the webhook down before its server. It needs the server to answer the updates that
// it has taken.
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

// To remove a bot while the program goes on, delete its webhook first: Telegram keeps new
// updates from then on. Then shut the bot down.
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

// Run receives updates until its context ends. Without a URL it polls, as here. With one
// it sets the webhook and serves it, and the handler stays as it is.
func ExampleRun() {
	tg, api := exampleTelegram(tghooktest.ServerConfig{InMemory: true})
	defer tg.Close()
	// In a program: signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	greet := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		stop() // one update is enough for an example
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
	}
	chat := tg.User("Ann").Chat()
	chat.Send("hi")

	err := tghook.Run(ctx, tghook.HandlerFunc(greet), tghook.RunConfig{
		Token:  tg.Token, // yours: os.Getenv("TELEGRAM_TOKEN")
		Client: api,      // leave it out: then Run calls Telegram
		// URL: "https://bot.example.org/telegram",
	})
	for _, message := range chat.Messages() {
		fmt.Println(message.Text)
	}
	fmt.Println(err)
	// Output:
	// hi
	// Hello!
	// <nil>
}

// Poll asks Telegram for updates until its context ends. It confirms an update when the
// update and all before it have been handled, so a crash loses nothing.
func ExamplePoll() {
	tg, api := exampleTelegram(tghooktest.ServerConfig{InMemory: true})
	defer tg.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	client, err := tghook.NewClient(tg.Token, api)
	if err != nil {
		panic(err)
	}
	for _, text := range []string{"one", "two", "three"} {
		tg.User("Ann").Chat().Send(text)
	}
	count := tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		var update struct{ Message struct{ Text string } }
		if err := u.Decode(&update); err != nil {
			return tghook.NoReply, err
		}
		fmt.Println(update.Message.Text) // in order, because it is one chat
		if update.Message.Text == "three" {
			stop()
		}
		return tghook.NoReply, nil
	})
	err = tghook.Poll(ctx, client, count, tghook.PollConfig{})
	fmt.Println(err, tg.Pending(), "left")
	// Output:
	// one
	// two
	// three
	// <nil> 0 left
}

// A Dispatcher is for updates that come neither by webhook nor by poll, here from a
// queue. When Do returns nil, take the update off the queue. The queue delivers one
// update twice: the handler runs once, and Do returns the same reply again.
func ExampleNewDispatcher() {
	greet := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		fmt.Println("the handler runs for update", u.ID)
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
	}
	bot, err := tghook.NewDispatcher(tghook.HandlerFunc(greet), tghook.DispatchConfig{})
	if err != nil {
		panic(err)
	}
	queue := []string{
		`{"update_id":1,"message":{"chat":{"id":42}}}`,
		`{"update_id":1,"message":{"chat":{"id":42}}}`,
		`{"update_id":2,"message":{"chat":{"id":42}}}`,
	}
	for _, body := range queue {
		u, err := tghook.ParseUpdate([]byte(body))
		if err != nil {
			panic(err)
		}
		reply, err := bot.Do(context.Background(), u) // send the reply with a Client
		fmt.Println(reply.Method, err)
	}
	fmt.Println(bot.Shutdown(context.Background()))
	// Output:
	// the handler runs for update 1
	// sendMessage <nil>
	// sendMessage <nil>
	// the handler runs for update 2
	// sendMessage <nil>
	// <nil>
}

// Two replicas share a Store. Telegram delivers an update to one of them, does not see
// the answer, and delivers it to the other: that one answers from the Store.
func ExampleStore() {
	store := newExampleStore() // yours is a database that all replicas reach
	replica := func(name string) *httptest.Server {
		return serve(tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			fmt.Println("handled by", name)
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
		}), tghook.Config{Dispatch: tghook.DispatchConfig{Bot: 42, Store: store}}) // Bot: the number before the token's colon
	}
	first, second := replica("the first"), replica("the second")
	defer first.Close()
	defer second.Close()

	post(first.URL, `{"update_id":1,"message":{"chat":{"id":42}}}`)
	post(second.URL, `{"update_id":1,"message":{"chat":{"id":42}}}`)
	// Output:
	// handled by the first
	// 200 OK {"method":"sendMessage","chat_id":42,"text":"Hello!"}
	// 200 OK {"method":"sendMessage","chat_id":42,"text":"Hello!"}
}

// exampleStore is a whole Store, for one process. It forgets nothing, so it grows.
type exampleStore struct {
	mu   sync.Mutex
	rows map[tghook.Key]*exampleRow
}

type exampleRow struct {
	fence       string    // of the claim that holds the update, if one does
	until       time.Time // when its lease runs out
	failed      int
	doneBy      string // the fence of the claim that has succeeded, if one has
	note, reply []byte
}

func newExampleStore() *exampleStore { return &exampleStore{rows: make(map[tghook.Key]*exampleRow)} }

func (s *exampleStore) Claim(_ context.Context, c tghook.Claim, lease, _ time.Duration) (tghook.ClaimResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, now := s.rows[c.Key], time.Now()
	if row == nil {
		row = &exampleRow{}
		s.rows[c.Key] = row
	}
	if row.doneBy != "" {
		return tghook.ClaimResult{State: tghook.ClaimDone, Reply: row.reply}, nil
	}
	if row.fence != "" && row.fence != c.Fence {
		if now.Before(row.until) {
			return tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: row.until.Sub(now)}, nil
		}
		row.failed++ // the process that held it has crashed
	}
	row.fence, row.until = c.Fence, now.Add(lease)
	return tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: row.failed + 1, Note: row.note}, nil
}

func (s *exampleStore) Renew(_ context.Context, c tghook.Claim, lease time.Duration) error {
	return s.held(c, func(row *exampleRow) { row.until = time.Now().Add(lease) })
}

func (s *exampleStore) Done(_ context.Context, c tghook.Claim, reply []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.rows[c.Key]
	if row != nil && row.doneBy == c.Fence {
		return nil // it is repeated, because the answer to the first Done was lost
	}
	if row == nil || row.fence != c.Fence {
		return tghook.ErrClaimLost
	}
	row.fence, row.doneBy, row.reply = "", c.Fence, reply
	return nil
}

func (s *exampleStore) Fail(_ context.Context, c tghook.Claim, note []byte) error {
	return s.held(c, func(row *exampleRow) { row.fence, row.failed, row.note = "", row.failed+1, note })
}

func (s *exampleStore) Release(_ context.Context, c tghook.Claim) error {
	return s.held(c, func(row *exampleRow) { row.fence = "" })
}

// held changes the row of a claim that holds.
func (s *exampleStore) held(c tghook.Claim, change func(*exampleRow)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.rows[c.Key]
	if row == nil || row.fence != c.Fence {
		return tghook.ErrClaimLost
	}
	change(row)
	return nil
}

// Kinds gives each kind of update its own handler. Run, Poll and SetWebhook can tell
// Telegram which kinds to send. Other kinds are acknowledged and not handled.
func ExampleKinds() {
	say := func(text string) tghook.Handler {
		return tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": text}}, nil
		})
	}
	bot := tghook.Kinds{
		tghook.KindMessage:       say("You wrote."),
		tghook.KindEditedMessage: say("You changed your mind."),
	}
	fmt.Println(bot.AllowedUpdates())

	server := serve(bot, tghook.Config{})
	defer server.Close()
	post(server.URL, `{"update_id":1,"message":{"chat":{"id":42}}}`)
	post(server.URL, `{"update_id":2,"edited_message":{"chat":{"id":42}}}`)
	post(server.URL, `{"update_id":3,"channel_post":{"chat":{"id":-42}}}`)
	// Output:
	// [edited_message message]
	// 200 OK {"method":"sendMessage","chat_id":42,"text":"You wrote."}
	// 200 OK {"method":"sendMessage","chat_id":42,"text":"You changed your mind."}
	// 200 OK
}

// Download writes a file that a user has sent.
func ExampleClient_Download() {
	tg, cfg := exampleTelegram(tghooktest.ServerConfig{})
	defer tg.Close()
	client, err := tghook.NewClient(tg.Token, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	sent := tg.User("Ann").Chat().SendDocument("report.txt", []byte("All is well.\n"))
	var message struct {
		Document struct {
			FileID string `json:"file_id"`
		} `json:"document"`
	}
	if err := json.Unmarshal(sent.Raw, &message); err != nil {
		fmt.Println(err)
		return
	}
	file := os.Stdout
	ctx := context.Background()

	err = client.Download(ctx, message.Document.FileID, file)
	if err != nil {
		fmt.Println(err)
	}
	// Output: All is well.
}

// SetWebhook checks the request first, because Telegram deletes the old webhook before
// it refuses a new one. Call it at every start: Telegram does nothing if nothing changed.
func ExampleClient_SetWebhook() {
	tg, api := exampleTelegram(tghooktest.ServerConfig{InMemory: true, Cloud: true})
	defer tg.Close()
	listener, err := tg.Listen("bot.example.org:443") // the bot's server, which exists
	if err != nil {
		panic(err)
	}
	defer func() { _ = listener.Close() }()
	client, err := tghook.NewClient(tg.Token, api) // yours: tghook.NewClient(token, tghook.ClientConfig{})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()

	webhook := tghook.WebhookRequest{
		URL:            "https://bot.example.org:5000/telegram", // Telegram does not connect to this port
		SecretToken:    "my-secret",                             // Config.Secret has the same
		AllowedUpdates: []string{"message", "callback_query"},
	}
	var mistake *tghook.ConfigError
	if err := client.SetWebhook(ctx, webhook); errors.As(err, &mistake) {
		fmt.Println("nothing was sent: look at", mistake.Field)
	}

	webhook.URL = "https://bot.example.org/telegram"
	fmt.Println(client.SetWebhook(ctx, webhook))
	info, err := client.GetWebhookInfo(ctx)
	fmt.Println(info.URL, info.AllowedUpdates, err)
	// Output:
	// nothing was sent: look at WebhookRequest.URL
	// <nil>
	// https://bot.example.org/telegram [message callback_query] <nil>
}

// With LateAck a slow update is answered 200 while its handler goes on. Then Caller sends
// the reply. A crash in between loses the update.
func ExampleLatePolicy_lateAck() {
	tg, api := exampleTelegram(tghooktest.ServerConfig{InMemory: true})
	defer tg.Close()
	client, err := tghook.NewClient(tg.Token, api)
	if err != nil {
		panic(err)
	}
	answered := make(chan bool)
	report := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		<-answered // the report takes its time
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "The report is ready."}}, nil
	}
	hook, err := tghook.New(tghook.HandlerFunc(report), tghook.Config{
		Secret:    "my-secret",
		Late:      tghook.LateAck,
		LateAfter: 10 * time.Millisecond, // 8 seconds if not set
		Dispatch:  tghook.DispatchConfig{Caller: client},
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(hook)
	defer server.Close()

	chat := tg.User("Ann").Chat()
	chat.Send("report, please")
	post(server.URL, fmt.Sprintf(`{"update_id":1,"message":{"chat":{"id":%d}}}`, chat.ID))
	close(answered)
	fmt.Println(hook.Shutdown(context.Background())) // waits for the handler
	for _, message := range chat.Messages() {
		fmt.Println(message.Text)
	}
	// Output:
	// 200 OK
	// <nil>
	// report, please
	// The report is ready.
}

func TestTheREADMETakesAMinuteToRead(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if words := len(strings.Fields(string(readme))); words > 900 {
		t.Errorf("%d words, want at most 900", words)
	}
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

// A bot whose handler takes minutes: updates are kept in a Queue of one of the modules in
// backends, and handled from there.
func ExampleConsume() {
	var queue tghook.Queue // such as one of tgpostgres
	ctx := context.Background()
	cfg := tghook.DispatchConfig{Bot: 123456}

	publisher, err := tghook.NewPublisher(queue, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	webhook, err := tghook.New(publisher, tghook.Config{Secret: os.Getenv("TELEGRAM_SECRET"), Dispatch: cfg})
	if err != nil {
		fmt.Println(err)
		return
	}
	http.Handle("/telegram", webhook)

	// In this process or in others:
	slow := tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, nil
	})
	if err := tghook.Consume(ctx, queue, slow, tghook.ConsumeConfig{Dispatch: cfg}); err != nil {
		fmt.Println(err)
	}
	// Output: tghook: Queue: nil; give one of backends/, or your own
}
