package sender_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/clock"
	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// The receiver does nothing. The time includes adding the updates.
func BenchmarkDelivered(b *testing.B) {
	var got atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer server.Close()
	u, err := url.Parse(server.URL)
	require.NoError(b, err)
	c := clock.New(1)
	q := queue.New(c.Now, 1)
	waiting := make(chan struct{}, 2000)
	s := sender.Start(sender.Config{
		URL: u, Target: "/", MaxConnections: 40, Addr: u.Host, Dial: dialTCP, Clock: c, Queue: q,
		Observe: func(sender.Attempt) { <-waiting },
		Reply:   func(sender.Reply) (none sender.Execution) { return none }, Failed: func(text string) { b.Error(text) }, Gone: func() {},
	})
	defer s.Close()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		waiting <- struct{}{}
		if _, ok := q.Add("message", message(int64(i%500+1), time.Now(), "hi")); !ok {
			b.Fatal("no update")
		}
	}
	for range cap(waiting) {
		waiting <- struct{}{}
	}
	b.StopTimer()
	b.ReportMetric(float64(got.Load())/b.Elapsed().Seconds(), "updates/s")
}

// Five thousand queues with four updates each wait for a webhook that does not answer. This
// is the memory of the Queue and the Sender.
func BenchmarkPending(b *testing.B) {
	for _, connections := range []int{40, 100, 100_000} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			var mib float64
			for range b.N {
				mib = pending(b, connections)
			}
			b.ReportMetric(mib, "MiB")
		})
	}
}

func pending(b *testing.B, connections int) (mib float64) {
	b.Helper()
	const queues, each = 5000, 4
	before := heap()
	c := clock.New(1)
	q := queue.New(c.Now, 1)
	text := strings.Repeat("x", 300)
	for i := range queues * each {
		if _, ok := q.Add("message", message(int64(i%queues+1), c.Now(), text)); !ok {
			b.Fatal("no update")
		}
	}
	asked := make(chan struct{}, 1)
	s := sender.Start(sender.Config{
		URL: &url.URL{Scheme: "http", Host: "bot.example.org"}, Target: "/", MaxConnections: connections, Clock: c, Queue: q,
		Reply: func(sender.Reply) (none sender.Execution) { return none }, Failed: func(text string) { b.Error(text) }, Gone: func() {},
		Fault: func(sender.Attempt) sender.Fault {
			asked <- struct{}{}
			return sender.Fault{}
		},
		Dial: func(ctx context.Context, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	<-asked // the window is full
	mib = float64(heap()-before) / (1 << 20)
	s.Close()
	return mib
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
