package tgsqlite_test

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
	"github.com/tghook/tghook/internal/test/docs"
)

// The programs of the package documentation are the rest of this file.
func TestTheProgramsOfTheDocumentationAreThoseThatCompile(t *testing.T) {
	t.Parallel()
	assert.NotNil(t, main)
	assert.NotNil(t, spoolMain)
	docs.Programs(t, "main", "spoolMain")
}

func main() {
	store, err := tgsqlite.Open("tghook.db", tgsqlite.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = tghook.Run(ctx, tghook.HandlerFunc(hello), tghook.RunConfig{
		Token:   os.Getenv("TELEGRAM_TOKEN"),
		URL:     os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
		Webhook: tghook.Config{Dispatch: tghook.DispatchConfig{Store: store}},
	})
	stop()
	if err := errors.Join(err, store.Close()); err != nil {
		log.Fatal(err)
	}
}

func hello(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "Hello!",
	}}, nil
}

func spoolMain() {
	token := os.Getenv("TELEGRAM_TOKEN")
	client, err := tghook.NewClient(token, tghook.ClientConfig{})
	if err != nil {
		log.Fatal(err)
	}
	spool, err := tgsqlite.OpenSpool("tghook.db", tghook.HandlerFunc(slow), tgsqlite.SpoolConfig{
		Consume: tghook.ConsumeConfig{
			Dispatch: tghook.DispatchConfig{Bot: client.Bot(), Caller: client},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = tghook.Run(ctx, spool, tghook.RunConfig{
		Token: token,
		URL:   os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
	})
	stop()
	if err := errors.Join(err, spool.Shutdown(context.Background())); err != nil {
		log.Fatal(err)
	}
}

func slow(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	select {
	case <-time.After(time.Minute): // your work
	case <-ctx.Done():
		return tghook.NoReply, context.Cause(ctx)
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "Done!",
	}}, nil
}
