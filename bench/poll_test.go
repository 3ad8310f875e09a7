package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

const (
	backlogChats = 500
	handlerTime  = 5 * time.Millisecond
	pollToken    = "1:bench_token"
)

// BenchmarkPoll works off a backlog of 20,000 updates of 500 chats, by Poll and
// one by one, with a handler that takes 5 ms, and reports updates/s. The ratio is
// to be at least 20. The backlog of one by one is shorter, for it takes its time.
func BenchmarkPoll(b *testing.B) {
	b.Run("one_by_one", func(b *testing.B) {
		for b.Loop() {
			oneByOne(b, newBacklog(500))
		}
	})
	b.Run("tghook", func(b *testing.B) {
		for b.Loop() {
			workOff(b, newBacklog(20_000))
		}
	})
}

// backlog is a Bot API that has updates waiting.
type backlog struct {
	mu      sync.Mutex
	size    int
	offset  int // of the first that is not confirmed
	handled []int
	lost    string
	count   atomic.Int64
	done    chan struct{}
}

func newBacklog(size int) *backlog {
	return &backlog{size: size, offset: 1, handled: make([]int, backlogChats), done: make(chan struct{})}
}

// chat of the update with the id.
func chatOf(id int) int { return id*7%backlogChats + 1 }

func (l *backlog) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	params := struct {
		Offset  int `json:"offset"`
		Limit   int `json:"limit"`
		Timeout int `json:"timeout"`
	}{Limit: 100}
	_ = json.NewDecoder(r.Body).Decode(&params)
	rw.Header().Set("Content-Type", "application/json")
	if !strings.HasSuffix(r.URL.Path, "getUpdates") {
		_, _ = rw.Write([]byte(`{"ok":true,"result":{}}`))
		return
	}
	l.mu.Lock()
	l.offset = max(l.offset, params.Offset)
	from := l.offset
	l.mu.Unlock()
	if from > l.size {
		if params.Timeout > 0 { // nothing comes any more
			<-r.Context().Done()
		}
		_, _ = rw.Write([]byte(`{"ok":true,"result":[]}`))
		return
	}
	var answer strings.Builder
	answer.WriteString(`{"ok":true,"result":[`)
	for id := from; id < min(from+params.Limit, l.size+1); id++ {
		if id > from {
			answer.WriteByte(',')
		}
		fmt.Fprintf(&answer, "{\"update_id\":%d,\n\"message\":{\"message_id\":%d,\"date\":1,\"chat\":{\"id\":%d,\"type\":\"private\"},\"text\":\"%s\"}}",
			id, id, chatOf(id), strings.Repeat("x", 250))
	}
	answer.WriteString(`]}`)
	_, _ = rw.Write([]byte(answer.String()))
}

// handle takes its time, and checks that nothing is repeated or out of order.
func (l *backlog) handle(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	time.Sleep(handlerTime)
	l.mu.Lock()
	if last := l.handled[u.ChatID-1]; int(u.ID) <= last {
		l.lost = fmt.Sprintf("update %d of chat %d was handled after %d", u.ID, u.ChatID, last)
	}
	l.handled[u.ChatID-1] = int(u.ID)
	l.mu.Unlock()
	if int(l.count.Add(1)) == l.size {
		close(l.done)
	}
	return tghook.NoReply, nil
}

func (l *backlog) report(b *testing.B, took time.Duration) {
	b.Helper()
	if n := int(l.count.Load()); n != l.size || l.lost != "" {
		b.Errorf("%d of %d updates were handled; %s", n, l.size, l.lost)
	}
	b.ReportMetric(float64(l.size)/took.Seconds(), "updates/s")
}

func (l *backlog) client(b *testing.B) *tghook.Client {
	b.Helper()
	server := httptest.NewServer(l)
	b.Cleanup(server.Close)
	client, err := tghook.NewClient(pollToken, tghook.ClientConfig{BaseURL: server.URL})
	if err != nil {
		b.Fatal(err)
	}
	return client
}

// workOff works l off with Poll.
func workOff(b *testing.B, l *backlog) {
	b.Helper()
	client := l.client(b)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	start := time.Now()
	go func() { ended <- tghook.Poll(ctx, client, tghook.HandlerFunc(l.handle), tghook.PollConfig{}) }()
	<-l.done
	l.report(b, time.Since(start))
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.HeapAlloc)/(1<<20), "heap-MiB")
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	if l.offset != l.size+1 {
		b.Errorf("confirmed up to %d, want %d", l.offset, l.size+1)
	}
}

// oneByOne is the loop of those who have no dispatcher.
func oneByOne(b *testing.B, l *backlog) {
	b.Helper()
	client := l.client(b)
	start := time.Now()
	for offset := int64(1); int(offset) <= l.size; {
		updates, err := client.GetUpdates(b.Context(), tghook.UpdatesRequest{Offset: offset, Wait: time.Second})
		if err != nil {
			b.Fatal(err)
		}
		for _, raw := range updates {
			u, err := tghook.ParseUpdate(raw)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = l.handle(b.Context(), u)
			offset = u.ID + 1
		}
	}
	l.report(b, time.Since(start))
}
