// Command bot is the function that the tests of tglambda compile and run. Its handler asks
// the test by a request what to do.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tglambda"
)

func main() {
	policy, err := strconv.Atoi(os.Getenv("BOT_LATE"))
	if err != nil {
		log.Fatal(err)
	}
	hook, err := tghook.New(tghook.HandlerFunc(handle), tghook.Config{
		Secret:    os.Getenv("BOT_SECRET"),
		Late:      tghook.LatePolicy(policy),
		LateAfter: time.Hour, // the function's timeout comes first
		Dispatch:  tghook.DispatchConfig{Caller: caller{}},
	})
	if err != nil {
		log.Fatal(err)
	}
	lambda.Start(tglambda.Handler(hook))
}

// handle replies with the method and parameters of the test's answer.
func handle(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	if os.Getenv("BOT_STUBBORN") != "" {
		ctx = context.WithoutCancel(ctx)
	}
	body, err := ask(ctx, "/handle", u.Raw)
	if err != nil {
		return tghook.NoReply, err
	}
	method, params, _ := strings.Cut(string(body), " ")
	switch method {
	case "":
		return tghook.NoReply, nil
	case "panic":
		panic(http.ErrAbortHandler)
	case "sendDocument":
		return tghook.Reply{Method: method, Params: map[string]any{
			"chat_id": u.ChatID, "document": tghook.File{Name: "a.bin", Body: strings.NewReader(params)},
		}}, nil
	default:
		return tghook.Reply{Method: method, Params: json.RawMessage(params)}, nil
	}
}

// caller is a Caller that reports its calls to the test.
type caller struct{}

func (caller) Call(ctx context.Context, method string, params, _ any) error {
	encoded, err := json.Marshal(params)
	if err == nil {
		_, err = ask(ctx, "/call", append([]byte(method+" "), encoded...))
	}
	return err
}

func ask(ctx context.Context, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("BOT_TEST")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the test wants a failure: %s", res.Status)
	}
	return io.ReadAll(res.Body)
}
