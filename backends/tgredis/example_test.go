package tgredis_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgredis"
	"github.com/tghook/tghook/internal/test/engine"
)

// Two replicas of a bot share a Redis. Telegram delivers an update to one of them, and then,
// because the answer was lost, to the other. The handler runs once, and the answer is the same.
func Example() {
	addr, stop := exampleServer() // such as "redis.example:6379"
	defer stop()

	newReplica := func(name string) (*tghook.Webhook, error) {
		client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
		store, err := tgredis.New(client, tgredis.Config{})
		if err != nil {
			return nil, err
		}
		greet := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			fmt.Println(name, "runs the handler")
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
		}
		return tghook.New(tghook.HandlerFunc(greet), tghook.Config{
			Secret:   "my-secret",
			Dispatch: tghook.DispatchConfig{Bot: 123456789, Store: store}, // the number before the token's colon
		})
	}
	for _, name := range []string{"the first replica", "the second replica"} {
		hook, err := newReplica(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(post(hook, `{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":2,"type":"private"}}}`))
	}
	// Output:
	// the first replica runs the handler
	// 200 {"method":"sendMessage","chat_id":2,"text":"Hello!"}
	// 200 {"method":"sendMessage","chat_id":2,"text":"Hello!"}
}

// post delivers an update as Telegram does, and returns the answer.
func post(hook http.Handler, update string) string {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/telegram", strings.NewReader(update))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", "my-secret")
	answer := httptest.NewRecorder()
	hook.ServeHTTP(answer, req)
	return fmt.Sprint(answer.Code, " ", strings.TrimSpace(answer.Body.String()))
}

// exampleServer is a Redis server for the example.
func exampleServer() (addr string, stop func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	server, err := engine.StartRedis(context.Background(), dir, engine.RedisConfig{})
	if err != nil {
		panic(err)
	}
	return server.Addr, func() {
		_ = server.Close()
		_ = os.RemoveAll(dir)
	}
}
