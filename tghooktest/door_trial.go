package tghooktest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

// A trial is one case on its way through one door.
type trial struct {
	testing.TB

	open     func(testing.TB, *tghook.Webhook) Door
	patience time.Duration
}

const (
	doorSecret  = "door-Secret_0123456789"
	doorMaxBody = 64 << 10
	lateAfter   = 250 * time.Millisecond // enough for most handlers to start, and short to wait for
)

// A hook is a webhook behind the door, with a record of what it did.
type hook struct {
	*trial
	Door

	webhook *tghook.Webhook
	calls   chan string // to the Bot API

	mu         sync.Mutex
	runs       []int64 // the updates that the handler was started for
	letters    []int64 // those that became dead letters
	deliveries []tghook.Delivery
}

// mount opens the door to a webhook for h, which has a secret, a small MaxBody and
// no LateAfter unless change says otherwise.
func (c *trial) mount(h tghook.HandlerFunc, change ...func(*tghook.Config)) *hook {
	c.Helper()
	k := &hook{trial: c, calls: make(chan string, 64)}
	cfg := tghook.Config{Secret: doorSecret, MaxBody: doorMaxBody, LateAfter: -1}
	cfg.Dispatch = tghook.DispatchConfig{
		Caller: caller(k.calls), DeadLetter: k.bury, Observe: k.observe, Logger: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&cfg)
	}
	w, err := tghook.New(tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		k.mu.Lock()
		k.runs = append(k.runs, u.ID)
		k.mu.Unlock()
		return h(ctx, u)
	}), cfg)
	if err != nil {
		c.Fatalf("tghook.New: %v", err)
	}
	k.webhook, k.Door = w, c.open(c.TB, w)
	if k.Transport == nil {
		k.Transport = k.newClient()
	}
	c.Cleanup(func() { // before the door's own, which may wait for a handler
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = w.Shutdown(ended)
	})
	return k
}

func (k *hook) bury(_ context.Context, u *tghook.Update, _ error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.letters = append(k.letters, u.ID)
	return nil
}

func (k *hook) observe(_ context.Context, v tghook.Delivery) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.deliveries = append(k.deliveries, v)
}

// caller notes the calls that it is asked to make.
type caller chan<- string

func (c caller) Call(_ context.Context, method string, params, _ any) error {
	encoded, err := json.Marshal(params)
	c <- method + string(encoded)
	return err
}

// ran checks for which updates the handler has been started, in this order.
func (k *hook) ran(want ...int64) {
	k.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.runs, want) {
		k.Errorf("the handler ran for the updates %d, want %d", k.runs, want)
	}
}

// buried checks which updates have become dead letters.
func (k *hook) buried(want ...int64) {
	k.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.letters, want) {
		k.Errorf("the updates %d became dead letters, want %d", k.letters, want)
	}
}

// told is what Observe was told of the delivery that was answered last.
func (k *hook) told() tghook.Delivery {
	k.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.deliveries) == 0 {
		k.Fatalf("Observe was told nothing")
	}
	return k.deliveries[len(k.deliveries)-1]
}

// same compares an answer.
func (c *trial) same(what, got, want string) {
	c.Helper()
	if got != want {
		c.Errorf("%s: got %s, want %s", what, short(got), short(want))
	}
}

// short is what a message can hold of s.
func short(s string) string {
	const most = 300
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
}

// await waits for what is to happen.
func await[T any](c *trial, happens <-chan T, what string) T {
	c.Helper()
	timer := time.NewTimer(c.patience)
	defer timer.Stop()
	select {
	case v := <-happens:
		return v
	case <-timer.C:
		c.Fatalf("waited %v for %s", c.patience, what)
		panic("unreachable")
	}
}

// A gate holds handlers until it is opened.
type gate struct {
	entered chan struct{} // one for each handler that came to it
	opened  chan struct{}
	open    func() // may be called again
}

func newGate() *gate {
	g := &gate{entered: make(chan struct{}, 1024), opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	return g
}

// pass holds a handler, and returns the cause of the end of its ctx if that came
// first.
func (g *gate) pass(ctx context.Context) error {
	g.entered <- struct{}{}
	select {
	case <-g.opened:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// arrivals tells of each delivery of an update but the first.
type arrivals chan struct{}

// late makes the first delivery late after a time, and those that follow after that
// of patience.
func (c *trial) late(after time.Duration, again arrivals, policy tghook.LatePolicy) func(*tghook.Config) {
	var count atomic.Int64
	return func(cfg *tghook.Config) {
		cfg.Deadline = func(*tghook.Update) (time.Duration, tghook.LatePolicy) {
			if count.Add(1) == 1 {
				return after, policy
			}
			again <- struct{}{}
			return c.patience, policy
		}
	}
}

// noted tells of each delivery but the first.
func (c *trial) noted(again arrivals) func(*tghook.Config) {
	var count atomic.Int64
	return func(cfg *tghook.Config) {
		cfg.Deadline = func(*tghook.Update) (time.Duration, tghook.LatePolicy) {
			if count.Add(1) > 1 {
				again <- struct{}{}
			}
			return 0, tghook.LateDefault
		}
	}
}

// textUpdate is an update in the form that Telegram sends it in.
func textUpdate(id, chat int64, text string) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"from\":{\"id\":%[2]d,\"is_bot\":false,\"first_name\":\"A\"},"+
		"\"chat\":{\"id\":%[2]d,\"first_name\":\"A\",\"type\":\"private\"},\"date\":1767225600,\"text\":\"%[3]s\"}}", id, chat, text)
}

// sizedUpdate is an update of n bytes.
func sizedUpdate(id, chat int64, n int) string {
	return textUpdate(id, chat, strings.Repeat("a", n-len(textUpdate(id, chat, ""))))
}

// nothing is a handler that succeeds at once.
func nothing(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// hello is a reply, and helloAnswer what rides a response for it.
var hello = tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 7, "text": "hello"}}

const (
	helloBody   = `{"method":"sendMessage","chat_id":7,"text":"hello"}`
	helloAnswer = "200 application/json " + helloBody
)

// replying is a handler with one answer to everything.
func replying(reply tghook.Reply, err error) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) { return reply, err }
}

// naming is a handler that replies with the id of the update, and namedAnswer what
// that is answered.
func naming(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": u.ID}}, nil
}

func namedAnswer(id int64) string {
	return fmt.Sprintf(`200 application/json {"method":"sendMessage","text":%d}`, id)
}
