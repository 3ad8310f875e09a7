package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
	"github.com/tghook/tghook/internal/test/rig"
)

const queueBot = 7

// work is a handler of a consumer, with a record of its runs.
type work struct {
	mu   sync.Mutex
	done []string
}

func (w *work) notef(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, fmt.Sprintf(format, args...))
}

func (w *work) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.done, ", ")
}

// A consumption is a running Consume.
type consumption struct {
	stop  context.CancelFunc
	ended chan error
}

func consume(t *testing.T, q tghook.Queue, cfg tghook.ConsumeConfig, h tghook.HandlerFunc) *consumption {
	t.Helper()
	return consumeBy(t, q, cfg, h)
}

// consumeBy runs Consume with a Handler that has a Middleware, for example.
func consumeBy(t *testing.T, q tghook.Queue, cfg tghook.ConsumeConfig, h tghook.Handler) *consumption {
	t.Helper()
	if cfg.Dispatch.Bot == 0 {
		cfg.Dispatch.Bot = queueBot
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &consumption{stop, make(chan error, 1)}
	go func() { c.ended <- tghook.Consume(ctx, q, h, cfg) }()
	t.Cleanup(func() { c.end(t) })
	return c
}

func (c *consumption) end(t *testing.T) {
	t.Helper()
	c.stop()
	if c.ended != nil {
		assert.NoError(t, <-c.ended)
		c.ended = nil
	}
}

// publish publishes updates, as a webhook does.
func publish(t *testing.T, q tghook.Queue, bodies ...string) {
	t.Helper()
	h, err := tghook.NewPublisher(q, tghook.DispatchConfig{Bot: queueBot})
	require.NoError(t, err)
	for _, body := range bodies {
		reply, err := h.HandleUpdate(context.Background(), rig.Parsed(t, body))
		require.NoError(t, err)
		assert.Zero(t, reply)
	}
}

func TestAConsumerHandlesWhatIsPublishedInOrder(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q := memqueue.New()
		var mu sync.Mutex
		order := map[int64][]int64{}
		consume(t, q, tghook.ConsumeConfig{}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			queued, ok := tghook.QueuedFromContext(ctx)
			assert.True(t, ok)
			assert.Equal(t, tghook.Key{Bot: queueBot, ID: u.ID}, queued.Key)
			assert.Equal(t, fmt.Sprint("chat:", u.ChatID), queued.Lane)
			assert.Equal(t, string(queued.Raw), string(u.Raw))
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			order[u.ChatID] = append(order[u.ChatID], u.ID)
			return tghook.NoReply, nil
		})
		for id := range int64(90) {
			publish(t, q, rig.MessageIn(1+id%30, 1+id))
		}
		publish(t, q, rig.MessageIn(1, 1)) // again
		rig.Pass(3*time.Second + time.Millisecond)
		require.Len(t, order, 30, "30 chats at once")
		for chat, ids := range order {
			assert.Equal(t, []int64{chat, chat + 30, chat + 60}, ids)
		}
		state, err := q.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Zero(t, state)
		_, ok := tghook.QueuedFromContext(t.Context())
		assert.False(t, ok)
	})
}

// An update stays in the Queue until its reply was sent, and the next one of its lane waits.
func TestAReplyIsSentBeforeItsUpdateIsRemoved(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		caller := rig.CallerFunc(func(_ context.Context, method string, _ any) error {
			state, err := q.State(context.Background(), queueBot)
			w.notef("%v %s with %d pending", err, method, state.Pending)
			return nil
		})
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2))
		consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Caller: caller}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			return rig.Hello, nil
		})
		rig.Pass(time.Second)
		assert.Equal(t, "1, <nil> sendMessage with 2 pending, 2, <nil> sendMessage with 1 pending", w.all())
		assert.Equal(t, "Publish 1, Publish 2, Take 1 2, State 7, Done 1, State 7, Done 2", q.Log())
	})
}

func TestAFailedUpdateHoldsItsLaneAndIsRunAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w, begun := memqueue.New(), &work{}, time.Now()
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2), rig.MessageIn(5, 3))
		handler := func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			attempt, _ := tghook.AttemptFromContext(ctx)
			w.notef("%d#%d at %v", u.ID, attempt.Number, time.Since(begun))
			if u.ID == 1 && attempt.Number < 4 {
				return tghook.NoReply, errors.New("not now")
			}
			return tghook.NoReply, nil
		}
		first := consume(t, q, tghook.ConsumeConfig{}, handler)
		rig.Pass(500 * time.Millisecond)
		assert.Equal(t, "3#1 at 0s", strings.Join(slices.DeleteFunc(strings.Split(w.all(), ", "), func(s string) bool { return s[0] == '1' }), ", "))
		rig.Pass(time.Second)
		first.end(t) // another process takes over
		consume(t, q, tghook.ConsumeConfig{}, handler)
		rig.Pass(time.Hour)
		noted := slices.DeleteFunc(strings.Split(w.all(), ", "), func(s string) bool { return s[0] == '3' })
		assert.Equal(t, []string{"1#1 at 0s", "1#2 at 1s", "1#3 at 1.5s", "1#4 at 2.5s", "2#1 at 2.5s"}, noted)
		assert.Equal(t, 3, q.Count("Fail 1"))
	})
}

func TestAPoisonUpdateIsADeadLetterThatCanBePutBack(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		logger, logged := rig.Logger()
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2))
		mended := false
		consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Logger: logger}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			if u.ID == 1 && !mended {
				panic("poison")
			}
			return tghook.NoReply, nil
		})
		rig.Pass(time.Hour)
		assert.Equal(t, strings.Repeat("1, ", 8)+"2", w.all())
		letters, err := q.DeadLetters(t.Context(), queueBot, 0, 10)
		require.NoError(t, err)
		require.Len(t, letters, 1)
		assert.Equal(t, "tghook: given up after 8 attempts, 8 of which count: each panicked or cannot heal: tghook: panic: poison", letters[0].Why)
		assert.JSONEq(t, rig.MessageIn(1, 1), string(letters[0].Raw))
		assert.Len(t, logged.With("a dead letter, which the Queue keeps"), 1)
		assert.Zero(t, q.Count("Done 1"), "Bury is its end")
		assert.NotContains(t, logged.String(), `"message"`, "its content is in the Queue")

		mended = true
		require.NoError(t, q.PutBack(t.Context(), letters[0].Key))
		rig.Pass(time.Second)
		assert.Equal(t, strings.Repeat("1, ", 8)+"2, 1", w.all(), "it runs, in the process that gave it up too")
		state, err := q.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Zero(t, state)
	})
}

// DeadLetter is called after the Queue has the dead letter, and cannot lose it.
func TestDeadLetterIsCalledWhenTheQueueHasIt(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		q.Set(func(q *memqueue.Queue) { q.Break = "Bury" })
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2), `{"update_id":3,"strange":`+"1}")
		consume(t, q, tghook.ConsumeConfig{
			OnError: func(_ context.Context, err error) { w.notef("%v", err) },
			Dispatch: tghook.DispatchConfig{DeadLetter: func(_ context.Context, u *tghook.Update, why error) error {
				w.notef("letter %d", u.ID)
				return errors.New("full")
			}},
		}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			return tghook.NoReply, tghook.Drop(errors.New("no"))
		})
		rig.Pass(500 * time.Millisecond)
		assert.NotContains(t, w.all(), "letter", "the Queue does not have it yet")
		q.Set(func(q *memqueue.Queue) { q.Break = "" })
		rig.Pass(time.Minute)
		assert.Equal(t, 1, strings.Count(w.all(), "letter 1"), w.all())
		assert.Equal(t, 1, strings.Count(w.all(), "letter 2"), w.all())
		assert.Contains(t, w.all(), "tghook: DeadLetter: full")
		state, err := q.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Equal(t, tghook.QueueState{Dead: 3}, state)
	})
}

// The next update of a lane must not start before the Queue knows that the previous one was
// handled: a crash would run that one again, behind the next.
func TestALaneWaitsUntilTheQueueHasTheEndOfAnUpdate(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2))
		q.Set(func(q *memqueue.Queue) { q.Break = "Done" })
		consume(t, q, tghook.ConsumeConfig{OnError: func(_ context.Context, err error) { w.notef("%v", err) }}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			return tghook.NoReply, nil
		})
		rig.Pass(10 * time.Minute)
		assert.Contains(t, w.all(), "1, tghook: Queue.Done: queue: Done is broken, ")
		assert.NotContains(t, strings.Split(w.all(), ", "), "2", "its lease is renewed all the time")
		q.Set(func(q *memqueue.Queue) { q.Break = "" })
		rig.Pass(2 * time.Minute)
		assert.Equal(t, 1, strings.Count(", "+w.all()+", ", ", 1, "))
		assert.Equal(t, 1, strings.Count(", "+w.all()+", ", ", 2, "))
	})
}

// A process that has lost the Queue for longer than a lease cancels its handlers, because
// another process may run their updates.
func TestAHandlerEndsWhenItsLeaseIsLost(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w, begun := memqueue.New(), &work{}, time.Now()
		cut := newCutQueue(q)
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2))
		handler := func(name string) tghook.HandlerFunc {
			return func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				w.notef("%s begins %d at %v", name, u.ID, time.Since(begun))
				select {
				case <-time.After(time.Minute):
				case <-ctx.Done():
					w.notef("%s: %v at %v", name, context.Cause(ctx), time.Since(begun))
				}
				return tghook.NoReply, ctx.Err()
			}
		}
		consume(t, cut, tghook.ConsumeConfig{Lease: 9 * time.Second}, handler("a"))
		rig.Pass(time.Second)
		cut.set(true)
		consume(t, q, tghook.ConsumeConfig{Lease: 9 * time.Second}, handler("b"))
		rig.Pass(time.Hour)
		cut.set(false)
		publish(t, q, rig.MessageIn(1, 3))
		rig.Pass(2 * time.Minute)
		assert.Contains(t, w.all(), "a begins 1 at 0s, ")
		assert.Contains(t, w.all(), "a: "+tghook.ErrClaimLost.Error()+" at 9s")
		assert.Contains(t, w.all(), "b begins 1 at 9s, ")
		assert.Contains(t, w.all(), "b begins 2 at 1m9s")
		assert.NotContains(t, w.all(), "a begins 2")
		assert.Equal(t, 1, q.Count("Done 1"))
		assert.Equal(t, 1, q.Count("Done 2"))
		assert.Equal(t, 1, q.Count("Done 3"))
	})
}

// When the Queue is back, a process takes its lost updates within seconds, and runs them.
func TestAConsumerGoesOnWhenTheQueueIsBack(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		cut := newCutQueue(q)
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2))
		consume(t, cut, tghook.ConsumeConfig{OnError: func(context.Context, error) {}}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			select {
			case <-time.After(20 * time.Second):
				w.notef("%d", u.ID)
			case <-ctx.Done():
			}
			return tghook.NoReply, ctx.Err()
		})
		rig.Pass(time.Second)
		cut.set(true)
		rig.Pass(10 * time.Hour)
		assert.Equal(t, "1", w.all(), "it ended within its lease, and the Queue was not told")
		cut.set(false)
		publish(t, q, rig.MessageIn(5, 3))
		rig.Pass(27 * time.Second)
		assert.Equal(t, 1, q.Count("Done 3"), q.Log())
		rig.Pass(time.Hour)
		assert.Equal(t, 1, q.Count("Done 1"))
		assert.Equal(t, 1, q.Count("Done 2"))
		assert.Equal(t, 1, strings.Count(w.all(), "2"), w.all())
	})
}

// A cutQueue is a Queue behind a network that can be cut.
type cutQueue struct {
	tghook.Queue

	mu      sync.Mutex
	cut     bool
	network context.Context // ends when the network is cut
	end     context.CancelFunc
}

func newCutQueue(q tghook.Queue) *cutQueue {
	cut := &cutQueue{Queue: q}
	cut.set(false)
	return cut
}

func (q *cutQueue) set(cut bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cut = cut
	if cut {
		q.end()
		return
	}
	q.network, q.end = context.WithCancel(context.Background())
}

func (q *cutQueue) check() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.cut {
		return memqueue.ErrDown
	}
	return nil
}

func (q *cutQueue) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	q.mu.Lock()
	network := q.network
	q.mu.Unlock()
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(network, cancel)()
	taken, err := q.Queue.Take(waiting, bot, limit, lease)
	return taken, errors.Join(err, q.check())
}

func (q *cutQueue) Renew(ctx context.Context, us []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	return q.Queue.Renew(ctx, us, lease)
}

func (q *cutQueue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	if err := q.check(); err != nil {
		return err
	}
	return q.Queue.Done(ctx, u)
}

func TestAConsumerThatEndsFinishesWhatRunsAndGivesTheRestBack(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2), rig.MessageIn(5, 3), rig.MessageIn(5, 4))
		handler := func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			select {
			case <-time.After(map[int64]time.Duration{1: 5 * time.Second, 3: time.Hour}[u.ID]):
				w.notef("%d", u.ID)
			case <-ctx.Done():
				w.notef("%d: %v", u.ID, context.Cause(ctx))
			}
			return tghook.NoReply, ctx.Err()
		}
		c := consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{HandlerTimeout: 2 * time.Hour}}, handler)
		rig.Pass(time.Second)
		ended := time.Now()
		c.end(t)
		assert.Equal(t, 8*time.Second, time.Since(ended), "Grace")
		assert.Equal(t, "1, 3: "+tghook.ErrShutdown.Error(), w.all())
		assert.Contains(t, q.Log(), "Done 1, ")
		state, err := q.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Equal(t, 3, state.Pending)
		assert.Zero(t, state.Leased, "all were given back: %s", q.Log())
		consume(t, q, tghook.ConsumeConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			return tghook.NoReply, nil
		})
		rig.Pass(time.Second)
		assert.Equal(t, 1, q.Count("Done 2"))
		assert.Equal(t, 1, q.Count("Done 3"))
		assert.Equal(t, 1, q.Count("Done 4"))
	})
}

// Another process must not run an update whose handler still runs here.
func TestAnUpdateIsNotGivenBackWhileItsHandlerRuns(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q := memqueue.New()
		publish(t, q, rig.MessageIn(1, 1))
		c := consume(t, q, tghook.ConsumeConfig{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			time.Sleep(20 * time.Second)
			return tghook.NoReply, nil
		})
		rig.Pass(time.Second)
		ended := time.Now()
		c.end(t)
		assert.LessOrEqual(t, time.Since(ended), 10*time.Second)
		state, err := q.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Equal(t, 1, state.Leased, q.Log())
		rig.Pass(time.Minute)
		assert.Equal(t, 1, q.Count("Done 1"), "its end counts all the same: nobody else has taken it")
	})
}

// No update is given up while the Queue is down: Telegram delivers it again.
func TestAPublisherNeverGivesUp(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q := memqueue.New()
		q.Set(func(q *memqueue.Queue) { q.Down = true })
		h, err := tghook.NewPublisher(q, tghook.DispatchConfig{Bot: queueBot})
		require.NoError(t, err)
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 3}}, h.HandleUpdate)
		for range 500 {
			res := r.ServeWith(t.Context(), rig.MessageIn(1, 1), func(*tghook.Request) {})
			require.Equal(t, http.StatusServiceUnavailable, res.Status)
			require.Contains(t, []string{"2", "3", "4", "5"}, res.Header.Get("Retry-After"))
			rig.Pass(time.Minute)
		}
		assert.Zero(t, r.Buried())
		assert.Contains(t, r.Told()[0].Err.Error(), "tghook: the update is not in the Queue: tghook: Queue.Publish: queue down")
		q.Set(func(q *memqueue.Queue) { q.Down, q.Lose = false, "Publish" })
		assert.Equal(t, http.StatusServiceUnavailable, r.ServeWith(t.Context(), rig.MessageIn(1, 1), func(*tghook.Request) {}).Status)
		q.Set(func(q *memqueue.Queue) { q.Lose = "" })
		assert.Equal(t, http.StatusOK, r.ServeWith(t.Context(), rig.MessageIn(1, 1), func(*tghook.Request) {}).Status)
		state, err := q.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Equal(t, 1, state.Pending)
	})
}

// A slow update does not fill the window of a poll that publishes.
func TestAPollThatPublishesIsNotPinned(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		h, err := tghook.NewPublisher(q, tghook.DispatchConfig{Bot: queueBot})
		require.NoError(t, err)
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, h.HandleUpdate)
		consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Hour}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				time.Sleep(30 * time.Minute)
			}
			w.notef("%d", u.ID)
			return tghook.NoReply, nil
		})
		for id := range int64(300) {
			tg.Send(t, rig.MessageIn(1+id, 1+id))
		}
		rig.Pass(time.Minute)
		assert.Zero(t, tg.Pending())
		assert.Len(t, strings.Split(w.all(), ", "), 299)
		rig.Pass(time.Hour)
		assert.Len(t, strings.Split(w.all(), ", "), 300)
		p.End()
	})
}

// An update that was handled under a Store is not handled again, though the Queue has it twice.
func TestAStoreRemembersWhatAQueueForgets(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w, store := memqueue.New(), &work{}, rig.NewStore()
		handler := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			if u.ID == 2 && strings.Count(w.all(), "2") < 3 {
				return tghook.NoReply, errors.New("not yet")
			}
			return tghook.NoReply, nil
		}
		cfg := tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: queueBot, Store: store}}
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2))
		c := consume(t, q, cfg, handler)
		rig.Pass(time.Minute)
		c.end(t)
		other := memqueue.New() // it has forgotten all
		publish(t, other, rig.MessageIn(1, 1), rig.MessageIn(1, 2), rig.MessageIn(1, 3))
		consume(t, other, cfg, handler)
		rig.Pass(time.Minute)
		assert.Equal(t, "1, 2, 2, 2, 3", w.all())
		state, err := other.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Zero(t, state)
	})
}

// endWith ends a consumer. Its handler or Caller is told when the context of Consume has ended.
func (c *consumption) endWith(t *testing.T, told chan<- struct{}) {
	t.Helper()
	c.stop()
	close(told)
	c.end(t)
}

// What the end of a consumer cuts off counts no attempt, so that it makes no dead letter.
func TestAnAttemptThatTheEndCutsOffDoesNotCount(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q := memqueue.New()
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(2, 2))
		cfg := tghook.ConsumeConfig{Grace: time.Second, Dispatch: tghook.DispatchConfig{MaxAttempts: 1}}
		for range 3 {
			told := make(chan struct{})
			c := consume(t, q, cfg, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 2 { // stopped by something of the user's own
					<-told
					return tghook.NoReply, fmt.Errorf("stopped: %w", tghook.ErrShutdown)
				}
				<-ctx.Done()
				return tghook.NoReply, errors.New("another error")
			})
			rig.Pass(time.Second)
			c.endWith(t, told)
		}
		taken, err := q.Take(t.Context(), queueBot, 2, time.Minute)
		require.NoError(t, err)
		require.Len(t, taken, 2)
		for _, u := range taken {
			assert.Zero(t, u.Attempts, "update %d", u.Key.ID)
		}
		assert.NotContains(t, q.Log(), "Fail")
		assert.NotContains(t, q.Log(), "Bury")
	})
}

// A large update takes the place of several, so that the memory of a consumer is bounded.
func TestALargeUpdateCountsAsSeveral(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w, release := memqueue.New(), &work{}, make(chan struct{})
		consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{MaxInFlight: 3}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			if u.ID < 3 {
				<-release
			}
			return tghook.NoReply, nil
		})
		publish(t, q, strings.Replace(rig.MessageIn(1, 1), "hi", strings.Repeat("a", 33<<10), 1))
		rig.Pass(time.Second)
		publish(t, q, rig.MessageIn(2, 2))
		rig.Pass(time.Second)
		publish(t, q, rig.MessageIn(3, 3))
		rig.Pass(time.Minute)
		assert.Equal(t, "1, 2", w.all())
		close(release)
		rig.Pass(time.Second)
		assert.Equal(t, "1, 2, 3", w.all())
	})
}

// A press of a button fails for longer than Telegram would deliver it. The Queue has it all the
// time, and an outage makes no dead letters.
func TestAQueryOutlivesAnOutage(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w, start := memqueue.New(), &work{}, time.Now()
		publish(t, q, rig.CallbackIn(1, 1, 1))
		consume(t, q, tghook.ConsumeConfig{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			if time.Since(start) < 10*time.Minute {
				return tghook.NoReply, errors.New("the database is away")
			}
			w.notef("handled")
			return tghook.NoReply, nil
		})
		rig.Pass(12 * time.Minute)
		assert.Equal(t, "handled", w.all())
		assert.NotContains(t, q.Log(), "Bury")
	})
}

// An error that wraps ErrShutdown, of another dispatcher for example, is like any other while
// Consume goes on: it must not hold up the chat without end.
func TestAnAttemptThatNothingHasStoppedCounts(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2))
		consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{MaxAttempts: 2}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			if u.ID == 1 {
				return tghook.NoReply, tghook.ErrShutdown
			}
			return tghook.NoReply, nil
		})
		rig.Pass(time.Minute)
		assert.Equal(t, "1, 1, 2", w.all())
		assert.Equal(t, 1, q.Count("Bury 1"))
	})
}

// An attempt that is cut off is the last one all the same if its handler gives the update up.
func TestAnAttemptThatTheEndCutsOffMayGiveUp(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		publish(t, q, rig.MessageIn(1, 1))
		told := make(chan struct{})
		cfg := tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Observe: func(_ context.Context, d tghook.Delivery) {
			w.notef("%v of attempt %d", d.Outcome, d.Attempt)
		}}}
		c := consume(t, q, cfg, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-told
			return tghook.NoReply, tghook.Drop(tghook.ErrShutdown)
		})
		rig.Pass(time.Second)
		c.endWith(t, told)
		assert.Equal(t, "dropped of attempt 1", w.all())
	})
}

// stoppedCaller is a Caller that is stopped when it is told.
type stoppedCaller struct{ told <-chan struct{} }

func (c stoppedCaller) Call(context.Context, string, any, any) error {
	<-c.told
	return fmt.Errorf("the program ends: %w", tghook.ErrShutdown)
}

// notedCaller is a Caller that succeeds.
type notedCaller struct{ w *work }

func (c notedCaller) Call(_ context.Context, method string, _, _ any) error {
	c.w.notef("%s", method)
	return nil
}

// A reply that the end cuts off is not lost. The attempt does not count, and its claim does not
// hold up the next one.
func TestAReplyThatTheEndCutsOffIsSentByTheNextProcess(t *testing.T) {
	for name, store := range map[string]func() tghook.Store{
		"without a Store": func() tghook.Store { return nil },
		"with a Store":    func() tghook.Store { return rig.NewStore() },
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				q, w, told := memqueue.New(), &work{}, make(chan struct{})
				publish(t, q, rig.MessageIn(1, 1))
				cfg := tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{MaxAttempts: 1, Caller: stoppedCaller{told}, Store: store()}}
				h := func(context.Context, *tghook.Update) (tghook.Reply, error) {
					w.notef("handled")
					return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 1, "text": "hi"}}, nil
				}
				c := consume(t, q, cfg, h)
				rig.Pass(time.Second)
				c.endWith(t, told)
				cfg.Dispatch.Caller = notedCaller{w}
				consume(t, q, cfg, h)
				rig.Pass(time.Second)
				assert.Equal(t, "handled, handled, sendMessage", w.all(), "%s", q.Log())
				assert.NotContains(t, q.Log(), "Bury")
			})
		})
	}
}

// While Consume goes on, a Caller whose error wraps ErrShutdown loses its reply, as with any other
// error: the handler has succeeded, and does not run again.
func TestACallerThatNothingHasStoppedLosesTheReply(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w, told := memqueue.New(), &work{}, make(chan struct{})
		close(told)
		publish(t, q, rig.MessageIn(1, 1))
		cfg := tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Caller: stoppedCaller{told}}}
		consume(t, q, cfg, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			w.notef("handled")
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 1, "text": "hi"}}, nil
		})
		rig.Pass(time.Minute)
		assert.Equal(t, "handled", w.all())
		assert.Equal(t, 1, q.Count("Done 1"))
	})
}

// The end cuts off the handler of an album. That does not count either.
func TestAnAlbumThatTheEndCutsOffDoesNotCount(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w, rounds := memqueue.New(), &work{}, 0
		publish(t, q, photoIn(1, 1, "a", 10), photoIn(1, 2, "a", 11), rig.MessageIn(1, 3))
		album := tghook.Album(func(ctx context.Context, us []*tghook.Update) (tghook.Reply, error) {
			w.notef("album of %d", len(us))
			if rounds < 2 {
				<-ctx.Done()
				return tghook.NoReply, ctx.Err()
			}
			return tghook.NoReply, nil
		}, tghook.AlbumConfig{})
		h := tghook.Chain(tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			return tghook.NoReply, nil
		}), album)
		cfg := tghook.ConsumeConfig{Grace: time.Second, Dispatch: tghook.DispatchConfig{MaxAttempts: 1, Store: rig.NewStore()}}
		for ; rounds < 3; rounds++ {
			c := consumeBy(t, q, cfg, h)
			rig.Pass(time.Minute)
			c.end(t)
		}
		assert.Equal(t, "album of 2, album of 2, album of 2, 3", w.all(), "%s", q.Log())
		assert.NotContains(t, q.Log(), "Bury")
	})
}

// The items of an album leave the Queue one by one, because the Store keeps them.
func TestAConsumerGathersAlbums(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		for id := range int64(4) {
			publish(t, q, photoIn(1, 1+id, "a", 10-id))
		}
		publish(t, q, rig.MessageIn(1, 5))
		album := tghook.Album(func(_ context.Context, us []*tghook.Update) (tghook.Reply, error) {
			for _, u := range us {
				w.notef("item %d", u.ID)
			}
			if len(strings.Split(w.all(), ", ")) == 4 {
				return tghook.NoReply, errors.New("not yet")
			}
			return tghook.NoReply, nil
		}, tghook.AlbumConfig{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- tghook.Consume(ctx, q, tghook.Chain(tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				w.notef("%d", u.ID)
				return tghook.NoReply, nil
			}), album), tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Bot: queueBot, Store: rig.NewStore()}})
		}()
		rig.Pass(time.Minute)
		const items = "item 4, item 3, item 2, item 1, "
		assert.Equal(t, items+items+"5", w.all())
		state, err := q.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Zero(t, state)
		stop()
		assert.NoError(t, <-ended)
	})
}

// A txQueue is a Queue with transactions.
type txQueue struct {
	*memqueue.Queue

	w     *work
	fails int
}

func (q *txQueue) Commit(_ context.Context, u tghook.QueuedUpdate, reply []byte) error {
	q.w.notef("commit %d %q", u.Key.ID, reply)
	if q.fails > 0 {
		q.fails--
		return errors.New("could not serialize")
	}
	return nil
}

func (q *txQueue) Rollback(_ context.Context, u tghook.QueuedUpdate) {
	q.w.notef("rollback %d", u.Key.ID)
}

func TestATransactionEndsWithItsHandler(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w := &work{}
		q := &txQueue{memqueue.New(), w, 1}
		run := func(id int64, h tghook.HandlerFunc) string {
			t.Helper()
			publish(t, q, rig.MessageIn(1, id))
			c := consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{
				HandlerTimeout: time.Minute, MaxAttempts: 2,
				Caller: rig.CallerFunc(func(context.Context, string, any) error { w.notef("call"); return nil }),
			}}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				w.notef("%d", u.ID)
				return h(ctx, u)
			})
			rig.Pass(10 * time.Minute)
			c.end(t)
			defer func() { w.done = nil }()
			return w.all()
		}
		const body = `{\"chat_id\":1,\"text\":\"Hello\",\"method\":\"sendMessage\"}`
		replied := run(1, func(context.Context, *tghook.Update) (tghook.Reply, error) { return rig.Hello, nil })
		assert.Equal(t, 2, strings.Count(replied, "sendMessage"), "a commit that failed, and another: %s", replied)
		assert.Equal(t, 1, strings.Count(replied, "call"), body)
		assert.Equal(t, `2, commit 2 ""`, run(2, func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }))
		for name, h := range map[string]tghook.HandlerFunc{
			"error": func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, errors.New("no") },
			"panic": func(context.Context, *tghook.Update) (tghook.Reply, error) { panic("no") },
			"goexit": func(context.Context, *tghook.Update) (tghook.Reply, error) {
				runtime.Goexit()
				return tghook.NoReply, nil
			},
		} {
			id := int64(10 + len(name) + int(name[0]))
			assert.Equal(t, fmt.Sprintf("%d, rollback %[1]d, %[1]d, rollback %[1]d, rollback %[1]d", id), run(id, h), name)
		}
		hangs := make(chan struct{})
		abandoned := run(3, func(context.Context, *tghook.Update) (tghook.Reply, error) { <-hangs; return tghook.NoReply, nil })
		assert.Equal(t, "3, rollback 3", abandoned, "its dead letter must not wait for it")
		close(hangs)
		rig.Pass(time.Second)
		assert.NotContains(t, w.all(), "commit")
		assert.Equal(t, 1, q.Count("Bury 3"))

		q.Set(func(q *memqueue.Queue) {
			for _, lane := range q.Rows.Lanes {
				assert.Empty(t, lane)
			}
		})
	})
}

// Another process then sends the reply, so it is not lost.
func TestAnUpdateWhoseReplyIsCutOffAtTheEndComesAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		publish(t, q, rig.MessageIn(1, 1))
		handler := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			return rig.Hello, nil
		}
		hangs := rig.CallerFunc(func(ctx context.Context, _ string, _ any) error { <-ctx.Done(); return ctx.Err() })
		first := consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Caller: hangs, MaxAttempts: 1}}, handler)
		rig.Pass(time.Second)
		first.end(t)
		caller := &rig.Caller{}
		consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Caller: caller, MaxAttempts: 1}}, handler)
		rig.Pass(time.Minute)
		assert.Equal(t, "1, 1", w.all(), "the first was no failure")
		assert.Len(t, caller.All(), 1)
		assert.Equal(t, 1, q.Count("Done 1"))
	})
}

// A changedQueue is a Queue whose methods can be replaced.
type changedQueue struct {
	*memqueue.Queue

	done   func(ctx context.Context, u tghook.QueuedUpdate) error
	renew  func(ctx context.Context, us []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error)
	commit func(u tghook.QueuedUpdate) error
	w      *work
}

func (q *changedQueue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	if q.done != nil {
		return q.done(ctx, u)
	}
	return q.Queue.Done(ctx, u)
}

func (q *changedQueue) Renew(ctx context.Context, us []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	if q.renew != nil {
		return q.renew(ctx, us, lease)
	}
	return q.Queue.Renew(ctx, us, lease)
}

func (q *changedQueue) Commit(_ context.Context, u tghook.QueuedUpdate, _ []byte) error {
	q.w.notef("commit %v", u.Receipt)
	if q.commit != nil {
		return q.commit(u)
	}
	return nil
}

func (q *changedQueue) Rollback(_ context.Context, u tghook.QueuedUpdate) {
	q.w.notef("rollback %v", u.Receipt)
}

// If Done removes an update while Renew runs, Renew says that the update is lost. Other updates
// are not lost by that.
func TestARenewalThatMeetsADoneLosesNothing(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w := &work{}
		q := &changedQueue{Queue: memqueue.New(), w: w}
		q.done = func(ctx context.Context, u tghook.QueuedUpdate) error {
			err := q.Queue.Done(ctx, u)
			time.Sleep(2 * time.Second) // the answer is on its way
			return err
		}
		for id := range int64(20) {
			publish(t, q, rig.MessageIn(1, 1+id))
		}
		consume(t, q, tghook.ConsumeConfig{Lease: 3 * time.Second}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("%d", u.ID)
			return tghook.NoReply, nil
		})
		rig.Pass(time.Minute)
		assert.Equal(t, 1, strings.Count(q.Log(), "Take"), q.Log())
		for id := range int64(20) {
			assert.Equal(t, 1, strings.Count(", "+w.all()+", ", fmt.Sprintf(", %d, ", 1+id)), w.all())
		}
	})
}

// Between Commit, which has removed an update, and Done, Renew says that the update is lost.
func TestARenewalBehindACommitLosesNothing(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w, store := &work{}, rig.NewStore()
		store.Latency = 2 * time.Second // Done of the Store comes before that of the Queue
		q := &changedQueue{Queue: memqueue.New(), w: w}
		q.commit = func(u tghook.QueuedUpdate) error { return q.Queue.Done(context.Background(), u) }
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2), rig.MessageIn(1, 3))
		var runs work
		consume(t, q, tghook.ConsumeConfig{Lease: 3 * time.Second, Dispatch: tghook.DispatchConfig{Store: store}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			runs.notef("%d", u.ID)
			return tghook.NoReply, nil
		})
		rig.Pass(time.Minute)
		assert.Equal(t, "1, 2, 3", runs.all())
		assert.Equal(t, 1, strings.Count(q.Log(), "Take"), q.Log())
	})
}

// The transaction of a handler belongs to its own lease, even if this process has taken the
// update again.
func TestATransactionIsOfTheLeaseOfItsHandler(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w := &work{}
		q := &changedQueue{Queue: memqueue.New(), w: w}
		q.renew = func(context.Context, []tghook.QueuedUpdate, time.Duration) ([]tghook.Key, error) { return nil, nil } // and renews nothing
		publish(t, q, rig.MessageIn(1, 1))
		var first any
		consume(t, q, tghook.ConsumeConfig{Lease: 9 * time.Second}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			u, _ := tghook.QueuedFromContext(ctx)
			if first == nil {
				first = u.Receipt
				<-ctx.Done()
				w.notef("%v", errors.Is(context.Cause(ctx), tghook.ErrClaimLost))
			}
			return tghook.NoReply, ctx.Err()
		})
		rig.Pass(time.Minute)
		lines := strings.Split(w.all(), ", ")
		require.GreaterOrEqual(t, len(lines), 3, w.all())
		assert.Equal(t, []string{"true", fmt.Sprintf("rollback %v", first)}, lines[:2])
		assert.NotContains(t, lines, fmt.Sprintf("commit %v", first))
		assert.Equal(t, 1, strings.Count(w.all(), "commit"), "under the lease that holds")
		assert.Equal(t, 1, q.Count("Done 1"))
	})
}

// A Commit that never returns holds its lane no longer than a handler.
func TestACommitThatHangsFails(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w, hangs := &work{}, make(chan struct{})
		q := &changedQueue{Queue: memqueue.New(), w: w}
		q.commit = func(u tghook.QueuedUpdate) error {
			if u.Key.ID == 1 {
				<-hangs
			}
			return nil
		}
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(1, 2))
		consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute, MaxAttempts: 1}}, rig.Nothing)
		rig.Pass(2 * time.Minute)
		close(hangs)
		assert.Equal(t, 1, q.Count("Bury 1"))
		assert.Equal(t, 1, q.Count("Done 2"))
		assert.Contains(t, w.all(), "rollback")
	})
}

// A consumer may hold more updates than there may be calls of Observe.
func TestObserveIsCalledForEachOfManyUpdates(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		const many = 1100
		for id := range int64(many) {
			publish(t, q, rig.MessageIn(1+id, 1+id))
		}
		consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{
			MaxInFlight: 2 * many,
			Observe:     func(_ context.Context, v tghook.Delivery) { w.notef("%s", v.Outcome) },
		}}, rig.Taking(10*time.Second, tghook.NoReply, nil))
		rig.Pass(time.Minute)
		assert.Equal(t, many, strings.Count(w.all(), "handled"))
	})
}

// An update that pauses does not hold its lane when another process has handled it.
func TestALaneGoesOnWhenItsPausingUpdateIsLost(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w := memqueue.New(), &work{}
		cut := newCutQueue(q)
		publish(t, q, rig.MessageIn(1, 1))
		consume(t, cut, tghook.ConsumeConfig{OnError: func(context.Context, error) {}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("a %d", u.ID)
			if u.ID == 1 {
				return tghook.NoReply, tghook.RetryAfter(time.Hour, errors.New("later"))
			}
			return tghook.NoReply, nil
		})
		rig.Pass(time.Second)
		cut.set(true)
		b := consume(t, q, tghook.ConsumeConfig{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			w.notef("b %d", u.ID)
			return tghook.NoReply, nil
		})
		rig.Pass(time.Minute)
		b.end(t)
		cut.set(false)
		rig.Pass(10 * time.Second)
		publish(t, q, rig.MessageIn(1, 2))
		rig.Pass(10 * time.Second)
		assert.Equal(t, "a 1, b 1, a 2", w.all())
	})
}

// A process has crashed between the commit of an update and the call of its reply. The update is
// too old, and has had all its attempts.
func TestAReplyThatIsLeftIsSentWithoutTheHandler(t *testing.T) {
	for name, store := range map[string]func() tghook.Store{
		"without a Store": func() tghook.Store { return nil },
		"with a Store":    func() tghook.Store { return rig.NewStore() },
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				w := &work{}
				q := &leftReply{&txQueue{memqueue.New(), w, 0}, []byte(`{"method":"sendMessage","chat_id":1,"text":"kept"}`)}
				publish(t, q, fmt.Sprintf(`{"update_id":1,"message":{"message_id":1,"date":%d,"chat":{"id":1,"type":"private"}}}`, time.Now().Unix()))
				caller := &rig.Caller{}
				rig.Pass(time.Hour)
				consume(t, q, tghook.ConsumeConfig{Dispatch: tghook.DispatchConfig{Caller: caller, Store: store(), MaxAge: time.Minute, MaxAttempts: 1}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					w.notef("%d", u.ID)
					return tghook.NoReply, nil
				})
				rig.Pass(time.Second)
				assert.Empty(t, w.all(), "neither the handler nor Commit")
				assert.Equal(t, []string{`sendMessage{"chat_id":1,"text":"kept"}`}, caller.All())
				assert.Equal(t, 1, q.Count("Done 1"))
			})
		})
	}
}

// A TxQueue has told the handler that another process may have the update.
func TestAHandlerThatHasLostItsLeaseIsNotRunAgainUnderIt(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		w := &work{}
		q := &txQueue{memqueue.New(), w, 0}
		publish(t, q, rig.MessageIn(1, 1))
		consume(t, q, tghook.ConsumeConfig{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			w.notef("run")
			return tghook.NoReply, fmt.Errorf("begin: %w", tghook.ErrClaimLost)
		})
		rig.Pass(29 * time.Second)
		assert.Equal(t, 1, strings.Count(w.all(), "run"), "until its lease has run out")
		assert.Zero(t, q.Count("Fail 1"))
		rig.Pass(2 * time.Second)
		assert.Equal(t, 2, strings.Count(w.all(), "run"))
	})
}

type leftReply struct {
	*txQueue

	reply []byte
}

func (q *leftReply) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	taken, err := q.Queue.Take(ctx, bot, limit, lease)
	for i := range taken {
		taken[i].Reply, taken[i].Attempts = q.reply, 2
	}
	return taken, err
}

// A panickingQueue panics, ends its goroutine or blocks at first.
type panickingQueue struct {
	tghook.Queue

	mu   sync.Mutex
	seen map[string]int
}

func (q *panickingQueue) fail(method string) {
	q.mu.Lock()
	q.seen[method]++
	n := q.seen[method]
	q.mu.Unlock()
	switch n {
	case 1:
		panic(method)
	case 2:
		runtime.Goexit()
	case 3:
		time.Sleep(time.Hour)
	}
}

func (q *panickingQueue) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	q.mu.Lock()
	q.seen["Take"] = max(q.seen["Take"], 0)
	third := q.seen["Take"] == 2
	q.mu.Unlock()
	if third { // a Take that never returns is one that waits
		q.mu.Lock()
		q.seen["Take"]++
		q.mu.Unlock()
	}
	q.fail("Take")
	return q.Queue.Take(ctx, bot, limit, lease)
}

func (q *panickingQueue) Renew(ctx context.Context, us []tghook.QueuedUpdate, lease time.Duration) ([]tghook.Key, error) {
	q.fail("Renew")
	return q.Queue.Renew(ctx, us, lease)
}

func (q *panickingQueue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	q.fail("Done")
	return q.Queue.Done(ctx, u)
}

func (q *panickingQueue) Fail(ctx context.Context, u tghook.QueuedUpdate, note []byte) error {
	q.fail("Fail")
	return q.Queue.Fail(ctx, u, note)
}

func (q *panickingQueue) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	q.fail("Bury")
	return q.Queue.Bury(ctx, u, why)
}

func TestAConsumerSurvivesWhateverAQueueDoes(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		inner, w := memqueue.New(), &work{}
		q := &panickingQueue{Queue: inner, seen: map[string]int{}}
		publish(t, inner, rig.MessageIn(1, 1), rig.MessageIn(1, 2), rig.MessageIn(5, 3))
		consume(t, q, tghook.ConsumeConfig{Lease: 5 * time.Minute, OnError: func(_ context.Context, err error) { w.notef("%v", err) }}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 3 {
				panic("poison")
			}
			return tghook.NoReply, nil
		})
		rig.Pass(3 * time.Hour)
		state, err := inner.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Equal(t, tghook.QueueState{Dead: 1}, state, inner.Log())
		assert.Contains(t, w.all(), "tghook: Queue.Take: tghook: panic: Take")
		assert.Contains(t, w.all(), "tghook: Queue.Done: tghook: panic: Done")
		assert.Contains(t, w.all(), "tghook: Queue.Renew: tghook: panic: Renew")
	})
}

func TestAConsumerNamesEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	album := tghook.Chain(tghook.HandlerFunc(rig.Nothing), tghook.Album(func(context.Context, []*tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }, tghook.AlbumConfig{}))
	err := tghook.Consume(t.Context(), nil, album, tghook.ConsumeConfig{Lease: time.Second, Grace: -1, Dispatch: tghook.DispatchConfig{MaxInFlight: -1}})
	assert.Equal(t, []string{
		"ConsumeConfig.Dispatch.MaxInFlight", "Queue", "ConsumeConfig.Dispatch.Bot", "ConsumeConfig.Lease", "ConsumeConfig.Grace", "ConsumeConfig.Dispatch.Store",
	}, rig.Mistaken(t, err))
	_, err = tghook.NewPublisher(nil, tghook.DispatchConfig{})
	assert.Equal(t, []string{"Queue", "DispatchConfig.Bot"}, rig.Mistaken(t, err))
}
