package tgpubsub_test

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"cloud.google.com/go/pubsub/v2"
	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpubsub"
	"github.com/tghook/tghook/internal/test/docs"
)

// The program of the package documentation is the rest of this file.
func TestTheProgramOfTheDocumentationIsTheOneThatCompiles(t *testing.T) {
	t.Parallel()
	assert.NotNil(t, main)
	docs.Programs(t, "main")
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// The client must outlive ctx: Close of the Queue needs it.
	client, err := pubsub.NewClient(context.WithoutCancel(ctx), pubsub.DetectProjectID)
	if err != nil {
		return err
	}
	queue, err := tgpubsub.New(client, tgpubsub.Config{
		Topic:           "updates",
		Subscription:    "updates",
		DeadLetterTopic: "dead-letters",
	})
	if err != nil {
		return errors.Join(err, client.Close())
	}
	telegram, err := tghook.NewClient(os.Getenv("TELEGRAM_TOKEN"), tghook.ClientConfig{})
	if err != nil {
		return errors.Join(err, queue.Close(), client.Close())
	}
	dispatch := tghook.DispatchConfig{
		Bot:    telegram.Bot(),
		Caller: telegram,
		Store:  nil, // set one: see Duplicates
	}
	publisher, err := tghook.NewPublisher(queue, dispatch)
	if err != nil {
		return errors.Join(err, queue.Close(), client.Close())
	}
	consumed := make(chan error, 1)
	go func() {
		defer stop()
		consumed <- tghook.Consume(ctx, queue, tghook.HandlerFunc(hello), tghook.ConsumeConfig{Dispatch: dispatch})
	}()
	err = tghook.Run(ctx, publisher, tghook.RunConfig{
		Token: os.Getenv("TELEGRAM_TOKEN"),
		URL:   os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
	})
	stop()
	return errors.Join(err, <-consumed, queue.Close(), client.Close())
}

func hello(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "Hello!",
	}}, nil
}
