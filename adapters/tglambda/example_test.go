package tglambda_test

import (
	"context"
	"fmt"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tglambda"
)

func ExampleHandler() {
	hook, err := tghook.New(tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "Hello!"}}, nil
	}), tghook.Config{Secret: "s3cret"})
	if err != nil {
		panic(err)
	}
	function := tglambda.Handler(hook) // in main: lambda.Start(function)

	answer, err := function.Invoke(context.Background(), []byte(`{
		"version": "2.0",
		"rawPath": "/telegram",
		"headers": {
			"content-type": "application/json",
			"x-telegram-bot-api-secret-token": "s3cret"
		},
		"requestContext": {"http": {"method": "POST", "path": "/telegram", "sourceIp": "149.154.167.220"}},
		"body": "{\"update_id\":1,\n\"message\":{\"chat\":{\"id\":42},\"text\":\"Hi\"}}",
		"isBase64Encoded": false
	}`))
	fmt.Println(string(answer), err)
	// Output:
	// {"statusCode":200,"headers":{"Content-Type":"application/json"},"body":"{\"method\":\"sendMessage\",\"chat_id\":42,\"text\":\"Hello!\"}","isBase64Encoded":false} <nil>
}
