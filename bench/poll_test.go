package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

const (
	backlogChats = 500
	handlerTime  = 5 * time.Millisecond
)

// BenchmarkPoll works off a backlog of 20,000 updates of 500 chats, by Poll and
// one by one, with a handler that takes 5 ms, and reports updates/s. The ratio is
// to be at least 20. The backlog of one by one is shorter, for it takes its time.
func BenchmarkPoll(b *testing.B) {
	b.Run("one_by_one", func(b *testing.B) {
		for b.Loop() {
			oneByOne(b, newBacklog(b, 500))
		}
	})
	b.Run("tghook", func(b *testing.B) {
		for b.Loop() {
			workOff(b, newBacklog(b, 20_000))
		}
	})
}

// backlog is a Telegram that has updates waiting, and what has become of them. It has a
// process of its own, so that the heap that is reported is the bot's.
type backlog struct {
	client *tghook.Client

	size    int
	mu      sync.Mutex
	handled []int64
	lost    string
	count   atomic.Int64
	done    chan struct{}
}

const backlogVariable = "TGHOOK_BENCH_BACKLOG" // how many updates wait

func newBacklog(b *testing.B, size int) *backlog {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestBacklog$")
	cmd.Env = append(os.Environ(), backlogVariable+"="+strconv.Itoa(size))
	end, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	words, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = end.Close()
		_ = cmd.Wait() // b's context may have ended it
	})
	var url, token string
	if _, err := fmt.Fscanln(words, &url, &token); err != nil {
		b.Fatal(err)
	}
	client, err := tghook.NewClient(token, tghook.ClientConfig{BaseURL: url})
	if err != nil {
		b.Fatal(err)
	}
	return &backlog{client: client, size: size, handled: make([]int64, backlogChats), done: make(chan struct{})}
}

// TestBacklog is that process. As a test it does nothing.
func TestBacklog(t *testing.T) {
	size, err := strconv.Atoi(os.Getenv(backlogVariable))
	if err != nil {
		return
	}
	tg := tghooktest.NewServer(t)
	for n := range size {
		_, err := tg.Deliver(fmt.Appendf(nil, `{"message":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private"},"text":"%s"}}`,
			n+1, n*7%backlogChats+1, strings.Repeat("x", 250)))
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _ = fmt.Fprintln(os.Stdout, tg.URL, tg.Token)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// handle takes its time, and checks that nothing is repeated or out of order.
func (l *backlog) handle(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	time.Sleep(handlerTime)
	l.mu.Lock()
	if last := l.handled[u.ChatID-1]; u.ID <= last {
		l.lost = fmt.Sprintf("update %d of chat %d was handled after %d", u.ID, u.ChatID, last)
	}
	l.handled[u.ChatID-1] = u.ID
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

// workOff works l off with Poll.
func workOff(b *testing.B, l *backlog) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	start := time.Now()
	go func() { ended <- tghook.Poll(ctx, l.client, tghook.HandlerFunc(l.handle), tghook.PollConfig{}) }()
	<-l.done
	l.report(b, time.Since(start))
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.HeapAlloc)/(1<<20), "heap-MiB")
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	if info, err := l.client.GetWebhookInfo(b.Context()); err != nil || info.PendingUpdateCount > 0 {
		b.Errorf("%d updates are not confirmed: %v", info.PendingUpdateCount, err)
	}
}

// oneByOne is the loop of those who have no dispatcher.
func oneByOne(b *testing.B, l *backlog) {
	b.Helper()
	start := time.Now()
	for offset := int64(0); int(l.count.Load()) < l.size; {
		updates, err := l.client.GetUpdates(b.Context(), tghook.UpdatesRequest{Offset: offset, Wait: time.Second})
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
