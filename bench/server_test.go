package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// BenchmarkServer has tghooktest.Server deliver updates of 5,000 chats to a receiver
// that does nothing, over loopback. It reports updates/s, which should be at least 20,000
// on two cores, and the heap in MiB while the updates wait, which should be at most 64.
func BenchmarkServer(b *testing.B) {
	const updates, chats = 20_000, 5_000
	listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	receiver := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { _ = receiver.Serve(listener) }()
	defer receiver.Close()

	var heap float64
	for b.Loop() {
		b.StopTimer()
		before := memory()
		tg := tghooktest.NewServer(b)
		for id := range updates {
			body := fmt.Sprintf(`{"message":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private","first_name":"Zoë"},"text":"hello"}}`, id, id%chats+1)
			if _, err := tg.Deliver([]byte(body)); err != nil {
				b.Fatal(err)
			}
		}
		heap = float64(memory().HeapAlloc-before.HeapAlloc) / (1 << 20)
		b.StartTimer()
		if err := tg.Bot(b).SetWebhook(b.Context(), tghook.WebhookRequest{URL: "http://" + listener.Addr().String(), InsecureNoSecret: true}); err != nil {
			b.Fatal(err)
		}
		if err := tg.Delivered(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		tg.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(updates*b.N)/b.Elapsed().Seconds(), "updates/s")
	b.ReportMetric(heap, "MiB")
	b.ReportMetric(0, "ns/op")
}
