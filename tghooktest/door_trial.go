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

// A trial is one case run on one door.
type trial struct {
	judge

	open func(testing.TB, *tghook.Webhook) Door
}

const (
	doorSecret  = "door-Secret_0123456789"
	doorMaxBody = 64 << 10
	lateAfter   = 250 * time.Millisecond // long enough for most handlers to start
)

// A hook is a webhook behind the door. It records what the webhook did.
type hook struct {
	*trial
	Door

	webhook *tghook.Webhook
	calls   chan string // calls of the Bot API

	mu         sync.Mutex
	runs       []int64 // ids of the updates that the handler started for
	letters    []int64 // ids of the updates that became dead letters
	deliveries []tghook.Delivery
}

// mount opens the door to a webhook for h. Unless change says otherwise, the webhook has a
// secret, a small MaxBody and no LateAfter.
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
	c.Cleanup(func() { // runs before the door's own Cleanup, which may wait for a handler
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

// caller records calls and makes none.
type caller chan<- string

func (c caller) Call(_ context.Context, method string, params, _ any) error {
	encoded, err := json.Marshal(params)
	c <- method + string(encoded)
	return err
}

// ran checks the ids of the updates that the handler started for, in order.
func (k *hook) ran(want ...int64) {
	k.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.runs, want) {
		k.Errorf("the ids of the updates that the handler ran for: got %d, want %d", k.runs, want)
	}
}

// buried checks the ids of the updates that became dead letters.
func (k *hook) buried(want ...int64) {
	k.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if !slices.Equal(k.letters, want) {
		k.Errorf("the ids of the updates that became dead letters: got %d, want %d", k.letters, want)
	}
}

// observed returns the Delivery that Observe got last.
func (k *hook) observed() tghook.Delivery {
	k.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.deliveries) == 0 {
		k.Fatalf("Observe was not called")
	}
	return k.deliveries[len(k.deliveries)-1]
}

// A gate holds handlers until it opens.
type gate struct {
	entered chan struct{} // has one value for each handler that came
	opened  chan struct{}
	open    func() // may be called more than once
}

func newGate() *gate {
	g := &gate{entered: make(chan struct{}, 1024), opened: make(chan struct{})}
	g.open = sync.OnceFunc(func() { close(g.opened) })
	return g
}

// pass holds a handler until the gate opens or ctx ends. It returns the cause of the end of
// ctx, if ctx has ended.
func (g *gate) pass(ctx context.Context) error {
	g.entered <- struct{}{}
	select {
	case <-g.opened:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}

// arrivals gets a value for each delivery of an update after the first.
type arrivals chan struct{}

// late makes the first delivery late after a time, and the next ones after patience.
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

// noted sends each delivery after the first to again.
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

// textUpdate returns an update with a text, in the exact form in which Telegram sends it.
func textUpdate(id, chat int64, text string) string {
	return fmt.Sprintf("{\"update_id\":%d,\n\"message\":{\"message_id\":1,\"from\":{\"id\":%[2]d,\"is_bot\":false,\"first_name\":\"A\"},"+
		"\"chat\":{\"id\":%[2]d,\"first_name\":\"A\",\"type\":\"private\"},\"date\":1767225600,\"text\":\"%[3]s\"}}", id, chat, text)
}

// sizedUpdate returns an update of n bytes.
func sizedUpdate(id, chat int64, n int) string {
	return textUpdate(id, chat, strings.Repeat("a", n-len(textUpdate(id, chat, ""))))
}

// nothing is a handler that succeeds at once.
func nothing(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }

// hello is a reply, and helloAnswer the answer that carries it.
var hello = tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 7, "text": "hello"}}

const (
	helloBody   = `{"method":"sendMessage","chat_id":7,"text":"hello"}`
	helloAnswer = "200 application/json " + helloBody
)

// replying returns a handler that always returns the same.
func replying(reply tghook.Reply, err error) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) { return reply, err }
}

// naming is a handler that replies with the update's id. namedAnswer is the answer that
// carries the reply.
func naming(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": u.ID}}, nil
}

func namedAnswer(id int64) string {
	return fmt.Sprintf(`200 application/json {"method":"sendMessage","text":%d}`, id)
}
