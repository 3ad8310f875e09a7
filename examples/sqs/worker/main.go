// Worker handles the updates of the queue.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/redis/go-redis/v9"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tglambda"
	"github.com/tghook/tghook/backends/tgredis"
	example "github.com/tghook/tghook/examples/sqs"
)

func main() {
	function, err := worker(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(function)
}

func worker(ctx context.Context) (lambda.Handler, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	token, err := example.Secret(ctx, cfg, "TOKEN_PARAMETER")
	if err != nil {
		return nil, err
	}
	client, err := tghook.NewClient(token, tghook.ClientConfig{BaseURL: os.Getenv("TELEGRAM_API_URL")}) // empty: Telegram's
	if err != nil {
		return nil, err
	}
	address, err := example.Secret(ctx, cfg, "STORE_PARAMETER")
	if err != nil {
		return nil, err
	}
	options, err := redis.ParseURL(address)
	if err != nil { // it may have the password in it
		return nil, errors.New("the parameter that STORE_PARAMETER names is not the URL of a Redis; give one such as rediss://user:password@redis.example:6379")
	}
	options.ContextTimeoutEnabled = true
	store, err := tgredis.New(redis.NewClient(options), tgredis.Config{})
	if err != nil {
		return nil, err
	}
	hook, err := tghook.New(tghook.HandlerFunc(answer), tghook.Config{
		InsecureNoSecret: true,             // the function has no URL: only its queue invokes it
		LateAfter:        15 * time.Minute, // a handler has all the time that the function has left
		Dispatch: tghook.DispatchConfig{
			Bot:    client.Bot(),
			Caller: client,
			Store:  store, // SQS forgets an update after five minutes, and Telegram may deliver it again for a day
			// SQS keeps an update that is given up, and moves it to the dead letters.
			DeadLetter: func(_ context.Context, _ *tghook.Update, err error) error { return err },
		},
	})
	if err != nil {
		return nil, err
	}
	return tglambda.Handler(hook), nil
}

func answer(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	var update struct {
		Message struct {
			Text string `json:"text"`
		} `json:"message"`
	}
	if err := u.Decode(&update); err != nil || update.Message.Text == "" {
		return tghook.NoReply, err
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "You said: " + update.Message.Text,
	}}, nil
}
