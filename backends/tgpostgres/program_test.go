package tgpostgres_test

import (
	"context"
	"log"
	"net/http"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
	"github.com/tghook/tghook/internal/test/docs"
)

// The program of the package documentation is the rest of this file.
func TestTheProgramOfTheDocumentationIsTheOneThatCompiles(t *testing.T) {
	t.Parallel()
	assert.NotNil(t, main)
	docs.Programs(t, "main")
}

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL")) // postgres://bot:password@db.example/bot
	if err != nil {
		log.Fatal(err)
	}
	store, err := tgpostgres.New(pool, tgpostgres.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil { // makes the tables, if they are missing
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
