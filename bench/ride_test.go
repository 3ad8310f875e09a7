package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// BenchmarkRide has an echo bot answer 20,000 messages of 2,000 chats, which
// tghooktest.Server delivers over loopback, with the answer in the response and by
// sendMessage. It reports answers/s, the CPU time that both sides take for one, and how
// many calls of the Bot API one makes.
func BenchmarkRide(b *testing.B) {
	const messages, chats = 20_000, 2_000
	for _, rides := range []bool{true, false} {
		name := map[bool]string{true: "in_the_response", false: "by_a_call"}[rides]
		b.Run(name, func(b *testing.B) {
			var took time.Duration
			var cpu int64
			var calls int
			for b.Loop() {
				tg := tghooktest.NewServer(b)
				for id := range messages {
					body := fmt.Sprintf(`{"message":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private","first_name":"Zoë"},"text":"hello"}}`, id+1, id%chats+1)
					if _, err := tg.Deliver([]byte(body)); err != nil {
						b.Fatal(err)
					}
				}
				begun, used := time.Now(), cpuTime(b)
				echo(b, tg, rides)
				took += time.Since(begun)
				cpu += cpuTime(b) - used
				for _, call := range tg.Calls("sendMessage") {
					if !call.Reply {
						calls++
					}
				}
				if n := len(tg.Calls("sendMessage")); n != messages {
					b.Fatalf("%d answers, want %d", n, messages)
				}
				tg.Close()
			}
			all := float64(b.N * messages)
			b.ReportMetric(all/took.Seconds(), "answers/s")
			b.ReportMetric(float64(cpu)/1e3/all, "cpu-us/answer")
			b.ReportMetric(float64(calls)/all, "calls/answer")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// echo serves the bot until all is delivered.
func echo(b *testing.B, tg *tghooktest.Server, rides bool) {
	b.Helper()
	client := tg.Bot(b)
	hook, err := tghook.New(tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		answer := map[string]any{"chat_id": u.ChatID, "text": "hello"}
		if rides {
			return tghook.Reply{Method: "sendMessage", Params: answer}, nil
		}
		return tghook.NoReply, client.Call(ctx, "sendMessage", answer, nil)
	}), tghook.Config{Secret: secret, Dispatch: tghook.DispatchConfig{Caller: client}})
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
