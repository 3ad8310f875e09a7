package tgechov5_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgechov5"
)

// A whole program: an Echo server with a bot on it, which ends without losing an update.
// The webhook is shut down first, because it needs the server to answer the updates that
// are still on their way.
func Example() {
	hook, err := tghook.New(tghook.HandlerFunc(hello), tghook.Config{
		Secret: "my-secret", // the secret_token of setWebhook; keep yours out of the code
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	e := echo.New()
	e.POST("/telegram", tgechov5.Handler(hook))

	signaled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	serving, stopServing := context.WithCancel(context.Background())
	go func() {
		defer stopServing() // ends Start, so it must come after the webhook
		<-signaled.Done()
		grace, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		fmt.Println("webhook:", hook.Shutdown(grace))
	}()

	server := echo.StartConfig{
		Address:    "127.0.0.1:0", // in service: ":8080"
		HideBanner: true,
		HidePort:   true,
		BeforeServeFunc: func(s *http.Server) error {
			s.IdleTimeout = 90 * time.Second // Telegram keeps a connection for 60 seconds, Echo for 30
			return nil
		},
		ListenerAddrFunc: func(addr net.Addr) { // in service, Telegram sends the update and the platform the signal
			go func() {
				defer stop()
				post("http://"+addr.String()+"/telegram", `{"update_id":1,"message":{"chat":{"id":42},"text":"/start"}}`)
			}()
		},
	}
	fmt.Println("server:", server.Start(serving, e))
	// Output:
	// 200 OK {"method":"sendMessage","chat_id":42,"text":"Hello!"}
	// webhook: <nil>
	// server: <nil>
}

// hello greets every user who writes to the bot.
func hello(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
}

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
	fmt.Println(res.Status, string(body))
}
