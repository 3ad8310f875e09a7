package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
	"github.com/tghook/tghook/internal/test/rig"
)

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

// A consumer may give its handlers much time, and still end at once when it must.
func TestEndGraceCutsOffWhatStillRuns(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		q, w, over := memqueue.New(), &work{}, make(chan struct{})
		publish(t, q, rig.MessageIn(1, 1), rig.MessageIn(5, 2))
		cfg := tghook.ConsumeConfig{
			Grace: time.Hour, EndGrace: over,
			Dispatch: tghook.DispatchConfig{
				HandlerTimeout: 2 * time.Hour,
				Caller:         rig.CallerFunc(func(context.Context, string, any) error { return &tghook.APIError{Code: 429, RetryAfter: time.Minute} }),
				Observe: func(_ context.Context, d tghook.Delivery) {
					w.notef("%d: %v", d.Update.ID, d.Outcome)
					time.Sleep(time.Hour)
				},
			},
		}
		c := consume(t, q, cfg, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 2 {
				return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 5, "text": "hi"}}, nil
			}
			<-ctx.Done()
			return tghook.NoReply, context.Cause(ctx)
		})
		rig.Pass(time.Second)
		ended := time.Now()
		c.stop()
		rig.Pass(4 * time.Second)
		assert.NotContains(t, q.Log(), "Return", "it waits")
		close(over)
		c.end(t)
		assert.LessOrEqual(t, time.Since(ended), 6*time.Second)
		state, err := q.State(t.Context(), queueBot)
		require.NoError(t, err)
		assert.Equal(t, 2, state.Pending)
		assert.Zero(t, state.Leased, "all were given back: %s", q.Log())
		assert.NotContains(t, q.Log(), "Fail")
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
