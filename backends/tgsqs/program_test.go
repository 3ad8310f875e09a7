package tgsqs_test

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqs"
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
	cfg, err := config.LoadDefaultConfig(ctx) // the region and the credentials of the environment
	if err != nil {
		return err
	}
	queue, err := tgsqs.New(sqs.NewFromConfig(cfg), tgsqs.Config{
		URL:           os.Getenv("QUEUE_URL"), // such as https://sqs.us-east-2.amazonaws.com/123456789012/updates.fifo
		DeadLetterURL: os.Getenv("DEAD_LETTER_URL"),
	})
	if err != nil {
		return err
	}
	token := os.Getenv("TELEGRAM_TOKEN")
	client, err := tghook.NewClient(token, tghook.ClientConfig{})
	if err != nil {
		return err
	}
	dispatch := tghook.DispatchConfig{Bot: client.Bot(), Caller: client} // and a Store: see "Twice" below
	publisher, err := tghook.NewPublisher(queue, dispatch)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	consumed := make(chan error, 1)
	go func() {
		defer stop()
		consumed <- tghook.Consume(ctx, queue, tghook.HandlerFunc(hello), tghook.ConsumeConfig{Dispatch: dispatch})
	}()
	err = tghook.Run(ctx, publisher, tghook.RunConfig{
		Token: token,
		URL:   os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
	})
	stop()
	return errors.Join(err, <-consumed)
}

func hello(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if u.Kind != tghook.KindMessage {
		return tghook.NoReply, nil
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "Hello!",
	}}, nil
}
