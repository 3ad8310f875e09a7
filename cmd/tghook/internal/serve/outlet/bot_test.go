package outlet_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
)

// TestMain looks for goroutines that were left.
func TestMain(m *testing.M) {
	code := m.Run()
	end := time.Now().Add(30 * time.Second)
	for left := goroutines(); left != ""; left = goroutines() {
		if time.Now().After(end) {
			fmt.Fprintln(os.Stderr, "goroutines are left:\n"+left)
			code = 1
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	os.Exit(code)
}

func goroutines() string {
	var left []string
	all := make([]byte, 1<<20)
	for _, stack := range strings.Split(string(all[:runtime.Stack(all, true)]), "\n\n")[1:] {
		if strings.Contains(stack, "serve/outlet") || strings.Contains(stack, "internal/wire") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}

// bot is a bot in memory. answer writes what it answers to a request. It returns whether the
// bot reads the next request.
type bot struct {
	answer func(conn net.Conn, body string) bool

	mu     sync.Mutex
	down   bool
	dials  int
	busy   int
	most   int // the highest busy
	times  []time.Time
	bodies []string
	raw    []string
	conns  []net.Conn
}

const yes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

func status(code int) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: 0\r\n\r\n", code, http.StatusText(code))
}

func always(answer string) func(net.Conn, string) bool {
	return func(conn net.Conn, _ string) bool {
		_, _ = io.WriteString(conn, answer)
		return true
	}
}

func (b *bot) dial(context.Context, string, string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dials++
	if b.down {
		b.times = append(b.times, time.Now())
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	client, server := net.Pipe()
	b.conns = append(b.conns, server)
	go b.serve(server)
	return client, nil
}

func (b *bot) serve(conn net.Conn) {
	defer conn.Close()
	var copied bytes.Buffer
	in := bufio.NewReader(io.TeeReader(conn, &copied))
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		b.begin(string(body), copied.String())
		copied.Reset()
		b.mu.Lock()
		answer := b.answer
		b.mu.Unlock()
		again := answer(conn, string(body))
		b.mu.Lock()
		b.busy--
		b.mu.Unlock()
		if !again {
			return
		}
	}
}

func (b *bot) begin(body, raw string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy++
	b.most = max(b.most, b.busy)
	b.times = append(b.times, time.Now())
	b.bodies = append(b.bodies, body)
	b.raw = append(b.raw, raw)
}

func (b *bot) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// seen is what Observe got.
type seen struct {
	mu  sync.Mutex
	all []outlet.Attempt
}

func (s *seen) add(_ context.Context, a outlet.Attempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, a)
}

func (s *seen) list() []outlet.Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]outlet.Attempt(nil), s.all...)
}

// last returns the newest attempt.
func (s *seen) last(t *testing.T) outlet.Attempt {
	t.Helper()
	all := s.list()
	require.NotEmpty(t, all)
	return all[len(all)-1]
}

func targetAt(t *testing.T, address string) config.Target {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return config.Target{URL: u, Secret: "the-secret", Timeout: time.Minute, MaxConnections: 8}
}

// open returns an Outlet to the bot, and what it observes.
func (b *bot) open(t *testing.T, change ...func(*outlet.Config)) (*outlet.Outlet, *seen) {
	t.Helper()
	s := &seen{}
	cfg := outlet.Config{Bot: 42, Target: targetAt(t, "http://bot.test/hook"), Observe: s.add}
	for _, f := range change {
		f(&cfg)
	}
	o, err := outlet.NewWithDial(cfg, b.dial)
	require.NoError(t, err)
	return o, s
}

func update(t *testing.T, id int) *tghook.Update {
	t.Helper()
	u, err := tghook.ParseUpdate(fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":1,"date":1700000000,"chat":{"id":%d,"type":"private"},"text":"hi"}}`, id, id))
	require.NoError(t, err)
	return u
}

var errStop = errors.New("the test is over")

// deliver delivers so many updates at once. The function waits for them and returns their errors.
func deliver(ctx context.Context, t *testing.T, o *outlet.Outlet, n int) (wait func() []error) {
	t.Helper()
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		u := update(t, i+1)
		all.Go(func() { _, errs[i] = o.Deliver(ctx, u) })
	}
	return func() []error {
		all.Wait()
		return errs
	}
}

func requireNoErrors(t *testing.T, errs []error) {
	t.Helper()
	require.NoError(t, errors.Join(errs...))
}

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }
