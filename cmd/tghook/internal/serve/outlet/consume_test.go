package outlet_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
)

// queue is a Queue in memory, in which each update has a lane of its own.
type queue struct {
	tghook.Queue // the methods that a test does not use

	mu     sync.Mutex
	ready  []tghook.QueuedUpdate
	done   []int64
	failed int
	buried []string
	back   int
}

func (q *queue) Take(ctx context.Context, _ int64, limit int, _ time.Duration) ([]tghook.QueuedUpdate, error) {
	q.mu.Lock()
	taken := q.ready[:min(limit, len(q.ready))]
	q.ready = q.ready[len(taken):]
	q.mu.Unlock()
	if len(taken) == 0 {
		<-ctx.Done()
	}
	return taken, nil
}

func (q *queue) Renew(context.Context, []tghook.QueuedUpdate, time.Duration) ([]tghook.Key, error) {
	return nil, nil
}

func (q *queue) Done(_ context.Context, u tghook.QueuedUpdate) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done = append(q.done, u.Key.ID)
	return nil
}

func (q *queue) Fail(context.Context, tghook.QueuedUpdate, []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed++
	return nil
}

func (q *queue) Bury(_ context.Context, _ tghook.QueuedUpdate, why string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.buried = append(q.buried, why)
	return nil
}

func (q *queue) Return(_ context.Context, all []tghook.QueuedUpdate) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.back += len(all)
	return nil
}

func (q *queue) add(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		u := update(t, i+1)
		q.ready = append(q.ready, tghook.QueuedUpdate{Key: tghook.Key{Bot: 42, ID: u.ID}, Raw: u.Raw})
	}
}

// caller is a Bot API that takes a second for each call.
type caller struct {
	refuse func(method string) error // nil: none

	mu      sync.Mutex
	methods []string
	memory  []bool // whether all memory was free during the call
}

func (c *caller) Call(_ context.Context, method string, _, _ any) error {
	free := outlet.TakeMemory(outlet.MaxInUse)
	if free {
		outlet.ReturnMemory(outlet.MaxInUse)
	}
	c.mu.Lock()
	c.methods, c.memory = append(c.methods, method), append(c.memory, free)
	c.mu.Unlock()
	time.Sleep(time.Second)
	if c.refuse != nil {
		return c.refuse(method)
	}
	return nil
}

// consume runs Consume until the function is called.
func consume(t *testing.T, q *queue, o *outlet.Outlet, c *caller) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- tghook.Consume(ctx, q, tghook.HandlerFunc(o.Deliver), tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: 42, HandlerTimeout: -1, Caller: c, Logger: slog.New(slog.DiscardHandler)}})
	}()
	return func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

func TestConsume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := 2
		b := &bot{}
		b.answer = func(conn net.Conn, body string) bool {
			if strings.Contains(body, `"update_id":3,`) && fails > 0 {
				fails--
				return always(status(500))(conn, "")
			}
			return always(answer(jsonType, call))(conn, "")
		}
		o, s := b.open(t)
		defer o.Close()
		q, c := &queue{}, &caller{}
		q.add(t, 10)
		stop := consume(t, q, o, c)
		time.Sleep(time.Minute)
		stop()
		require.Len(t, q.done, 10)
		require.Len(t, c.methods, 10)
		require.Equal(t, 2, q.failed)
		var numbers []int
		for _, a := range s.list() {
			if a.Update.ID == 3 {
				numbers = append(numbers, a.Number)
			}
		}
		require.Equal(t, []int{1, 2, 3}, numbers)
	})
}

func TestAnOutageMakesNoDeadLetters(t *testing.T) {
	for name, b := range map[string]*bot{
		"no connection": {down: true, answer: always(yes)},
		"a proxy":       {answer: always(status(502))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, _ := b.open(t)
				defer o.Close()
				q := &queue{}
				q.add(t, 30)
				stop := consume(t, q, o, &caller{})
				time.Sleep(3 * time.Hour)
				require.Equal(t, 0, q.failed)
				b.set(func() { b.down, b.answer = false, always(yes) })
				time.Sleep(2 * time.Minute)
				stop()
				require.Len(t, q.done, 30)
				require.Empty(t, q.buried)
			})
		})
	}
}

// A press of a button has no date, so its age counts from when it was published.
func TestAPressThatHasWaitedForLongIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{down: true, answer: always(yes)}
		o, _ := b.open(t, func(c *outlet.Config) { c.MaxAge = time.Minute })
		defer o.Close()
		press := func(id int64, published time.Time) tghook.QueuedUpdate {
			raw := fmt.Appendf(nil, `{"update_id":%d,"callback_query":{"id":"1","from":{"id":%[1]d},"chat_instance":"7"}}`, id)
			return tghook.QueuedUpdate{Key: tghook.Key{Bot: 42, ID: id}, Raw: raw, Published: published}
		}
		q := &queue{ready: []tghook.QueuedUpdate{press(1, time.Now()), press(2, time.Now().Add(5*time.Minute))}}
		stop := consume(t, q, o, &caller{})
		time.Sleep(4 * time.Minute)
		b.set(func() { b.down = false })
		time.Sleep(time.Minute)
		stop()
		require.Equal(t, []string{"dropped: the update is older than max_age"}, q.buried)
		require.Equal(t, []int64{2}, q.done)
	})
}

func TestConsumeStopsInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bot{down: true}
		o, _ := b.open(t)
		defer o.Close()
		q := &queue{}
		q.add(t, 30)
		stop := consume(t, q, o, &caller{})
		time.Sleep(time.Minute)
		start := time.Now()
		stop()
		require.LessOrEqual(t, time.Since(start), 10*time.Second)
		require.Equal(t, 30, q.back, "all go back")
		require.Empty(t, q.buried)
		require.Zero(t, o.Status().Waiting)
	})
}

func TestTheMemoryOfAReplyIsGivenBackAfterItsCall(t *testing.T) {
	header, body := parts(t, map[string]string{"method": "sendDocument", "document": "attach://file0"}, 1, 1<<20)
	synctest.Test(t, func(t *testing.T) {
		b := &bot{answer: always(answer(header, body))}
		o, s := b.open(t)
		defer o.Close()
		q, c := &queue{}, &caller{}
		q.add(t, 1)
		stop := consume(t, q, o, c)
		time.Sleep(time.Minute)
		stop()
		require.NoError(t, s.last(t).Err)
		require.Equal(t, []string{"sendDocument"}, c.methods)
		require.Equal(t, []bool{false}, c.memory, "the reply is in memory")
		requireAllFree(t, o)
	})
}

// requireAllFree requires that no answer has memory.
func requireAllFree(t *testing.T, o *outlet.Outlet) {
	t.Helper()
	require.True(t, outlet.TakeMemory(outlet.MaxInUse))
	outlet.ReturnMemory(outlet.MaxInUse)
	require.True(t, o.Held().TryAcquire(outlet.MaxHeld))
	o.Held().Release(outlet.MaxHeld)
	require.True(t, o.Small().TryAcquire(outlet.MaxSmall))
	o.Small().Release(outlet.MaxSmall)
}

// waits are replies that wait for the Bot API, in the memory for one of them.
type waits struct {
	header, body string
	room         func(*outlet.Outlet) (pool interface{ TryAcquire(n int64) bool }, taken int64)
}

func waitsOf(t *testing.T) map[string]waits {
	t.Helper()
	type pool = interface{ TryAcquire(n int64) bool }
	header, body := parts(t, map[string]string{"method": "sendDocument", "document": "attach://file0"}, 1, 1<<20)
	return map[string]waits{
		"a file": {header, body, func(o *outlet.Outlet) (pool, int64) {
			return o.Held(), outlet.MaxHeld - outlet.CopiesOfFiles*int64(len(body))
		}},
		"a text": {jsonType, call, func(o *outlet.Outlet) (pool, int64) {
			return o.Small(), outlet.MaxSmall - outlet.CopiesOfJSON*int64(len(call))
		}},
	}
}

// While the Bot API refuses a reply, the reply is in memory. The next one comes when there is memory.
func TestRepliesThatWaitForTheBotAPIHaveBoundedMemory(t *testing.T) {
	for name, test := range waitsOf(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bot{answer: always(answer(test.header, test.body))}
				o, s := b.open(t, func(c *outlet.Config) { c.Target.MaxConnections = 10 })
				defer o.Close()
				pool, taken := test.room(o)
				require.True(t, pool.TryAcquire(taken))
				refused := 0
				c := &caller{refuse: func(method string) error {
					if refused++; refused > 1 {
						return nil
					}
					return &tghook.APIError{Method: method, Code: 429, RetryAfter: 40 * time.Second}
				}}
				q := &queue{}
				q.add(t, 3)
				stop := consume(t, q, o, c)
				time.Sleep(30 * time.Second)
				require.Len(t, s.list(), 1, "the others wait for memory")
				time.Sleep(30 * time.Second)
				stop()
				require.Len(t, q.done, 3)
				for _, a := range s.list() {
					require.Empty(t, a.Refused)
				}
			})
		})
	}
}

// A stop does not wait for memory. The update goes back into the queue, because its reply was not called.
func TestAnAnswerThatWaitsForMemoryIsCutOff(t *testing.T) {
	for name, test := range waitsOf(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bot{answer: always(answer(test.header, test.body))}
				o, s := b.open(t)
				defer o.Close()
				pool, taken := test.room(o)
				require.True(t, pool.TryAcquire(taken+1))
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(errStop) })
				begun := time.Now()
				_, err := o.Deliver(ctx, update(t, 1))
				require.ErrorIs(t, err, errStop)
				require.Equal(t, time.Second, time.Since(begun))
				require.ErrorIs(t, s.last(t).Err, errStop)
				require.False(t, o.Status().Down)
			})
		})
	}
}
