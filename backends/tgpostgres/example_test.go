package tgpostgres_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

// Two replicas of a bot share a database. Telegram delivers an update to one of them, and
// then, because the answer was lost, to the other. The handler runs once, and the answer is the
// same.
func Example() {
	url := shared.URL // such as "postgres://bot:password@db.example/bot"

	newReplica := func(name string) (*tghook.Webhook, error) {
		pool, err := pgxpool.New(context.Background(), url)
		if err != nil {
			return nil, err
		}
		store, err := tgpostgres.New(pool, tgpostgres.Config{Prefix: "example_"})
		if err != nil {
			return nil, err
		}
		if err := store.Migrate(context.Background()); err != nil { // makes the tables, if they are missing
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

// Migration returns the SQL that makes the tables. A migration tool of yours can run it.
func ExampleMigration() {
	sql, err := tgpostgres.Migration(tgpostgres.Config{Schema: "bots", Prefix: "telegram_"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Contains(sql, `CREATE TABLE IF NOT EXISTS "bots"."telegram_updates" (`))
	// Output: true
}
