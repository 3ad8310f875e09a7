// Receiver puts each update that Telegram delivers into the queue.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tglambda"
	"github.com/tghook/tghook/backends/tgsqs"
	example "github.com/tghook/tghook/examples/sqs"
)

func main() {
	function, err := receiver(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(function)
}

func receiver(ctx context.Context) (lambda.Handler, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	secret, err := example.Secret(ctx, cfg, "SECRET_PARAMETER")
	if err != nil {
		return nil, err
	}
	bot, err := strconv.ParseInt(os.Getenv("BOT_ID"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("BOT_ID: %w; give the number before the colon in the token", err)
	}
	queue, err := tgsqs.New(sqs.NewFromConfig(cfg), tgsqs.Config{URL: os.Getenv("QUEUE_URL")})
	if err != nil {
		return nil, err
	}
	dispatch := tghook.DispatchConfig{Bot: bot}
	publisher, err := tghook.NewPublisher(queue, dispatch)
	if err != nil {
		return nil, err
	}
	hook, err := tghook.New(publisher, tghook.Config{Secret: secret, Dispatch: dispatch})
	if err != nil {
		return nil, err
	}
	return tglambda.Handler(hook), nil
}
