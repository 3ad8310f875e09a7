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
