package tgsqlite_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

// A bot is restarted. Telegram has not got the answer to an update, and delivers it again. The
// handler does not run again, and the answer is the same.
func Example() {
	dir, err := os.MkdirTemp("", "example") // yours: the folder of the bot's data
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	for range 2 { // the process runs, ends, and runs again
		store, err := tgsqlite.Open(filepath.Join(dir, "tghook.db"), tgsqlite.Config{})
		if err != nil {
			fmt.Println(err)
			return
		}
		greet := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			fmt.Println("the handler runs")
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
		}
		hook, err := tghook.New(tghook.HandlerFunc(greet), tghook.Config{
			Secret:   "my-secret",
			Dispatch: tghook.DispatchConfig{Bot: 123456789, Store: store}, // the number before the token's colon
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(post(hook, `{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":2,"type":"private"}}}`))

		if err := hook.Shutdown(context.Background()); err != nil {
			fmt.Println(err)
		}
		if err := store.Close(); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// the handler runs
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
