package tgredis_test

import (
	"context"
	"log"
	"net/http"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgredis"
	"github.com/tghook/tghook/internal/test/docs"
)

// The program of the package documentation is the rest of this file.
func TestTheProgramOfTheDocumentationIsTheOneThatCompiles(t *testing.T) {
	t.Parallel()
	assert.NotNil(t, main)
	docs.Programs(t, "main")
}

func main() {
	client := redis.NewClient(&redis.Options{
		Addr:                  "redis.example:6379",
		Password:              os.Getenv("REDIS_PASSWORD"),
		ContextTimeoutEnabled: true,
	})
	store, err := tgredis.New(client, tgredis.Config{})
	if err != nil {
		log.Fatal(err)
	}
	hook, err := tghook.New(tghook.HandlerFunc(hello), tghook.Config{
		Secret:   os.Getenv("TELEGRAM_SECRET"),
		Dispatch: tghook.DispatchConfig{Bot: 123456789, Store: store}, // the number before the token's colon
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("POST /telegram", hook)
	log.Fatal(http.ListenAndServe(":8080", nil))
}

func hello(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "Hello!",
	}}, nil
}
