package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/go-telegram/bot/models"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// BenchmarkRide has an echo bot answer 20,000 messages of 2,000 chats, which
// tghooktest.Server delivers over loopback, with a Reply in the response, and by a call
// of sendMessage that rides the response or does not. It reports answers/s and, for all
// 20,000, the CPU time that both sides take and how many calls the Bot API gets.
func BenchmarkRide(b *testing.B) {
	const messages, chats = 20_000, 2_000
	for _, way := range []struct {
		name    string
		handler func(*tghooktest.Server, *tghook.Client) tghook.Handler
	}{
		{"in_the_response", inTheResponse},
		{"by_ReplyTransport", byReplyTransport},
		{"by_a_call", byACall},
	} {
		b.Run(way.name, func(b *testing.B) {
			var took time.Duration
			var cpu int64
			var calls int
			for b.Loop() {
				tg := tghooktest.NewServer(b)
				for n := range messages {
					body := fmt.Sprintf(`{"message":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private","first_name":"Zoë"},"text":"hello %d"}}`, n+1, n%chats+1, n)
					if _, err := tg.Deliver([]byte(body)); err != nil {
						b.Fatal(err)
					}
				}
				client := tg.Bot(b)
				handler := way.handler(tg, client)
				begun, used := time.Now(), cpuTime(b)
				serveUntilDelivered(b, tg, client, handler)
				took += time.Since(begun)
				cpu += cpuTime(b) - used
				echoed := make([]bool, messages)
				for _, call := range tg.Calls("sendMessage") {
					var n int
					if _, err := fmt.Sscanf(call.Params["text"], "hello %d", &n); err != nil || call.Params["chat_id"] != strconv.Itoa(n%chats+1) || echoed[n] {
						b.Fatalf("%q is the answer in chat %s", call.Params["text"], call.Params["chat_id"])
					}
					echoed[n] = true
					if !call.Reply {
						calls++
					}
				}
				if n := len(tg.Calls("sendMessage")); n != messages {
					b.Fatalf("%d answers, want %d", n, messages)
				}
				tg.Close()
			}
			b.ReportMetric(float64(b.N*messages)/took.Seconds(), "answers/s")
			b.ReportMetric(time.Duration(cpu).Seconds()/float64(b.N), "cpu-s")
			b.ReportMetric(float64(calls)/float64(b.N), "calls")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func inTheResponse(*tghooktest.Server, *tghook.Client) tghook.Handler {
	return tghook.Typed(func(_ context.Context, u *models.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage", Params: echo(u)}, nil
	})
}

func byReplyTransport(tg *tghooktest.Server, client *tghook.Client) tghook.Handler {
	return calling(tg, &http.Client{Transport: &tghook.ReplyTransport{Client: client, Base: tg.Client().Transport, AllowNoResult: true}})
}

func byACall(tg *tghooktest.Server, _ *tghook.Client) tghook.Handler { return calling(tg, tg.Client()) }

// calling calls as a bot library does.
func calling(tg *tghooktest.Server, library *http.Client) tghook.Handler {
	url := tg.URL + "/bot" + tg.Token + "/sendMessage"
	return tghook.Typed(func(ctx context.Context, u *models.Update) (tghook.Reply, error) {
		params, err := json.Marshal(echo(u))
		if err != nil {
			return tghook.NoReply, err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(params))
		if err != nil {
			return tghook.NoReply, err
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := library.Do(request)
		if err != nil {
			return tghook.NoReply, err
		}
		defer answer.Body.Close()
		var sent struct {
			Result models.Message `json:"result"`
		}
		return tghook.NoReply, json.NewDecoder(answer.Body).Decode(&sent)
	})
}

// echo returns the parameters of the answer to u.
func echo(u *models.Update) map[string]any {
	return map[string]any{"chat_id": u.Message.Chat.ID, "text": u.Message.Text}
}

func serveUntilDelivered(b *testing.B, tg *tghooktest.Server, client *tghook.Client, h tghook.Handler) {
	b.Helper()
	hook, err := tghook.New(h, tghook.Config{Secret: secret, Dispatch: tghook.DispatchConfig{Bot: client.Bot(), Caller: client}})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: hook, ReadHeaderTimeout: time.Minute, IdleTimeout: 90 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	if err := client.SetWebhook(b.Context(), tghook.WebhookRequest{URL: "http://" + listener.Addr().String(), SecretToken: secret}); err != nil {
		b.Fatal(err)
	}
	if err := tg.Delivered(context.Background()); err != nil {
		b.Fatal(err)
	}
}
