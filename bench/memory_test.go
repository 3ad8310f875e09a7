package bench

import (
	"bytes"
	"context"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// BenchmarkMemory reports the cost of an unfinished delivery besides its body, in bytes
// of heap and of stack. For "waiting", the stack is that of the door's own goroutine;
// for "late_running", it is that of the handler's goroutine.
func BenchmarkMemory(b *testing.B) {
	one := func(*tghook.Update) string { return "one" }
	own := func(u *tghook.Update) string { return strconv.FormatInt(u.ID, 10) }
	for _, m := range []struct {
		name string
		lane func(*tghook.Update) string
		late time.Duration
	}{
		{"waiting", one, -1},
		{"late_waiting", one, time.Millisecond},
		{"late_running", own, time.Millisecond},
	} {
		b.Run(m.name, func(b *testing.B) {
			var heap, stack float64
			for b.Loop() {
				heap, stack = unfinished(b, m.lane, m.late)
			}
			b.ReportMetric(heap, "heap-B/delivery")
			b.ReportMetric(stack, "stack-B/delivery")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func unfinished(b *testing.B, lane func(*tghook.Update) string, late time.Duration) (heap, stack float64) {
	b.Helper()
	const deliveries = 10_000
	end := make(chan struct{})
	h, err := tghook.New(tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		<-end
		return tghook.NoReply, nil
	}), tghook.Config{
		Secret: secret, LateAfter: late,
		Dispatch: tghook.DispatchConfig{
			Lane: lane, MaxInFlight: deliveries, MaxLane: deliveries,
			Observe: func(context.Context, tghook.Delivery) {},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	body := tghooktest.Update("message")
	before := memory()
	for id := range int64(deliveries) {
		request := tghook.Request{
			Method: http.MethodPost, ContentType: "application/json", Secret: []string{secret},
			ContentLength: int64(len(body)), Body: bytes.NewReader(withID(body, 100_000_000+id)),
		}
		if late > 0 {
			h.Serve(context.Background(), request)
			continue
		}
		go h.Serve(context.Background(), request)
	}
	for h.Stats().InFlight < deliveries {
		runtime.Gosched()
	}
	after := memory()
	close(end)
	for h.Stats().InFlight > 0 {
		runtime.Gosched()
	}
	size := float64(len(body) + 1) // and one byte to find its end
	return float64(after.HeapAlloc-before.HeapAlloc)/deliveries - size, float64(after.StackInuse-before.StackInuse) / deliveries
}

func withID(body []byte, id int64) []byte {
	body = bytes.Clone(body)
	strconv.AppendInt(body[len(`{"update_id":`):][:0], id, 10)
	return body
}

func memory() (s runtime.MemStats) {
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s
}
