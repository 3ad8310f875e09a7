package promise_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// deaf is a handler that ignores its ctx for update 1, until release is closed. Then it
// ends as it likes.
func deaf(release <-chan struct{}, end func() (tghook.Reply, error)) tghook.HandlerFunc {
	return func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID != 1 {
			return tghook.NoReply, nil
		}
		<-release
		return end()
	}
}

// laterResults are what comes of a handler long after it was given up.
var laterResults = map[string]func() (tghook.Reply, error){
	"success": func() (tghook.Reply, error) { return rig.Hello, nil },
	"failure": func() (tghook.Reply, error) { return tghook.NoReply, rig.ErrBroken },
	"panic":   func() (tghook.Reply, error) { panic("broken") },
	"Goexit":  func() (tghook.Reply, error) { runtime.Goexit(); return rig.Hello, nil },
}

func TestAHandlerThatIgnoresItsContextIsAbandoned(t *testing.T) {
	const timeout = time.Minute
	for name, test := range map[string]struct {
		cfg    tghook.Config
		answer string // of the delivery that waits, at the guard
		store  bool
	}{
		"LateRetry":              {tghook.Config{}, "503 after 2", false},
		"LateCancel":             {tghook.Config{Late: tghook.LateCancel}, "503", false},
		"LateAck":                {tghook.Config{Late: tghook.LateAck}, "200", false},
		"LateRetry with a Store": {tghook.Config{}, "503 after 2", true},
		"LateAck with a Store":   {tghook.Config{Late: tghook.LateAck}, "200", true},
	} {
		for end, result := range laterResults {
			t.Run(name+", "+end, func(t *testing.T) {
				rig.Bubble(t, func(t *testing.T) {
					cfg, api, shared := test.cfg, &rig.Caller{}, rig.NewStore()
					if test.store {
						cfg.Dispatch.Store, cfg.Dispatch.Bot = shared, 1
					}
					cfg.Dispatch.HandlerTimeout, cfg.Dispatch.Caller = timeout, api
					release := make(chan struct{})
					r := rig.NewBot(t, cfg, deaf(release, result))
					assert.Equal(t, test.answer, r.Post(rig.MessageIn(7, 1)), "answer")
					behind := r.Send(rig.MessageIn(7, 2))
					rig.Pass(timeout + 2*time.Second - 1) // 8 s have passed
					r.Did(rig.Counts{Runs: 1})
					assert.Equal(t, 0, r.Stats().Abandoned, "abandoned before its time")
					rig.Pass(1)
					if test.cfg.Late == tghook.LateCancel { // who waits in its lane leaves it
						assert.Equal(t, "503 after 2", behind.Now(), "behind it")
						assert.Equal(t, "200", r.Post(rig.MessageIn(7, 2)), "behind it, again")
					}
					r.Did(rig.Counts{Runs: 2, Letters: 1})
					assert.Equal(t, []int64{1, 2}, r.Order(), "order")
					assert.Equal(t, 1, r.Stats().Abandoned, "abandoned")
					letter := r.Letter(0)
					if letter.ID != 1 || !errors.Is(letter.Err, tghook.ErrHandlerTimeout) {
						t.Errorf("the dead letter is %v", letter)
					}
					if n := strings.Count(r.Outcomes(), "abandoned/1/"); n != 1 {
						t.Errorf("Observe is told %d times that it is abandoned: %s", n, r.Outcomes())
					}
					assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "the redelivery")
					assert.Equal(t, map[bool]int{true: 1}[test.store], shared.Count("Done 1"), "Done")
					r.Clean(r.Stats())

					told := r.Outcomes()
					close(release)
					rig.Pass(time.Minute)
					assert.Equal(t, 0, r.Stats().Abandoned, "abandoned after its return")
					assert.Equal(t, told, r.Outcomes(), "what Observe is told of that")
					r.Did(rig.Counts{Runs: 2, Letters: 1})
					assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "the redelivery")
					assert.Equal(t, map[bool]int{true: 1}[test.store], shared.Count("Done 1")+shared.Count("Fail 1"), "Done and Fail")
					assert.NoError(t, r.Shutdown(t.Context()), "Shutdown")
				})
			})
		}
	}
}

func TestADeliveryThatWaitsForAnAbandonedHandlerIsToldSo(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r := rig.NewBot(t, tghook.Config{LateAfter: -1}, deaf(release, laterResults["success"]))
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Equal(t, "200", got, "answer")
		assert.Equal(t, 5*time.Minute+10*time.Second, took, "took")
		assert.Equal(t, "abandoned/1/200", r.Outcomes(), "outcomes")
		assert.ErrorIs(t, r.Last().Err, tghook.ErrHandlerTimeout)
	})
}

func TestShutdownDoesNotWaitForAnAbandonedHandler(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		r := rig.NewBot(t, tghook.Config{LateAfter: -1}, deaf(release, laterResults["success"]))
		r.Send(rig.MessageIn(7, 1)).Wait()
		start := time.Now()
		require.NoError(t, r.Shutdown(context.Background()), "Shutdown")
		assert.Equal(t, time.Duration(0), time.Since(start), "Shutdown took")
		assert.Equal(t, 1, r.Stats().Abandoned, "abandoned")
		told := r.Outcomes()
		close(release)
		rig.Pass(time.Minute)
		assert.Equal(t, 0, r.Stats().Abandoned, "abandoned")
		assert.Equal(t, told, r.Outcomes(), "what Observe is told after Shutdown")
	})
}

// A Shutdown that waits goes on once the handler is given up.
func TestShutdownWaitsUntilAHandlerIsAbandonedAtMost(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r := rig.NewBot(t, tghook.Config{LateAfter: -1}, deaf(release, laterResults["success"]))
		first := r.Send(rig.MessageIn(7, 1))
		start := time.Now()
		require.NoError(t, r.Shutdown(context.Background()), "Shutdown")
		assert.Equal(t, 5*time.Minute+10*time.Second, time.Since(start), "Shutdown took")
		assert.Equal(t, "200", rig.MustWait(first), "answer")
	})
}

func TestHandlersThatAreAbandonedOneAfterTheOther(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		r := rig.NewBot(t, tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute}},
			func(context.Context, *tghook.Update) (tghook.Reply, error) { <-release; return rig.Hello, nil })
		all := make([]*rig.Pending, 0, 10)
		for id := range int64(10) {
			all = append(all, r.Send(rig.MessageIn(id+1, id+1)))
			rig.Pass(7 * time.Second)
		}
		for i, p := range all {
			got, took := p.Wait()
			assert.Equal(t, fmt.Sprint("200", 70*time.Second), fmt.Sprint(got, took), fmt.Sprint(i, " is told"))
		}
		assert.Equal(t, 10, r.Stats().Abandoned, "abandoned")
		close(release)
		rig.Pass(time.Second)
		assert.Equal(t, 0, r.Stats().Abandoned, "abandoned")
	})
}

func TestPollGoesOnWhenAHandlerIsAbandoned(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		tg := rig.NewTelegram(t)
		p := rig.StartPoll(t, tg, tghook.PollConfig{}, deaf(release, laterResults["success"]))
		for id := range int64(300) {
			chat := id
			if id == 1 {
				chat = 0 // behind it in its lane
			}
			tg.Send(t, rig.MessageIn(chat+1, id+1))
		}
		rig.Pass(time.Minute)
		assert.Len(t, p.Order(), 99, "runs") // the window is full
		rig.Pass(5 * time.Minute)
		assert.Len(t, p.Order(), 300, "runs")
		assert.Equal(t, 0, tg.Pending(), "pending")
		p.Did(rig.Counts{Runs: 300, Letters: 1})
		if n := strings.Count(p.Outcomes(), "abandoned/1/0"); n != 1 {
			t.Errorf("Observe is told %d times", n)
		}
		start := time.Now()
		p.End()
		if took := time.Since(start); took > time.Second {
			t.Errorf("Poll returned after %v", took)
		}
		close(release)
		rig.Pass(time.Minute)
		p.Did(rig.Counts{Runs: 300, Letters: 1})
		assert.Empty(t, tg.Calls("sendMessage"), "replies")
	})
}

func TestADeadLetterThatFailsForAnAbandonedUpdateIsOfferedAgain(t *testing.T) {
	refuse := func(first int) tghook.DispatchConfig {
		var mu sync.Mutex
		return tghook.DispatchConfig{DeadLetter: func(context.Context, *tghook.Update, error) error {
			mu.Lock()
			defer mu.Unlock()
			if first--; first >= 0 {
				return rig.ErrBroken
			}
			return nil
		}}
	}
	t.Run("by webhook", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			r := rig.NewBot(t, tghook.Config{LateAfter: -1, Dispatch: refuse(2)}, deaf(release, laterResults["success"]))
			assert.Equal(t, "500", rig.MustWait(r.Send(rig.MessageIn(7, 1))), "first")
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 2)), "the next one")
			assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "second")
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "third")
			r.Did(rig.Counts{Runs: 2, Letters: 3})
			for i := range 3 {
				require.ErrorIs(t, r.Letter(i).Err, tghook.ErrHandlerTimeout)
			}
			assert.Equal(t, 1, r.Stats().Abandoned, "abandoned")
		})
	})
	t.Run("by poll", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			tg := rig.NewTelegram(t)
			tg.Send(t, rig.MessageIn(7, 1), rig.MessageIn(7, 2))
			p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: refuse(2)}, deaf(release, laterResults["success"]))
			rig.Pass(6 * time.Minute)
			assert.Equal(t, []int64{1, 2}, p.Order(), "order")
			p.Did(rig.Counts{Runs: 2, Letters: 3})
			assert.Equal(t, 0, tg.Pending(), "pending")
			p.End()
		})
	})
}

// The second attempt is under way when the first returns after all.
func TestAnAbandonedHandlerThatReturnsDoesNotEndAnother(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		cfg := tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute}}
		block := make(chan struct{})
		cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error { <-block; return nil }
		r := rig.NewBot(t, cfg, deaf(release, laterResults["success"]))
		first := r.Send(rig.MessageIn(7, 1))
		rig.Pass(70 * time.Second)
		close(release) // while DeadLetter runs
		rig.Pass(time.Second)
		assert.Empty(t, first.Now(), "answer")
		assert.Equal(t, 0, r.Stats().Abandoned, "abandoned")
		close(block)
		assert.Equal(t, "200", rig.MustWait(first), "answer")
		assert.Equal(t, "abandoned/1/200", r.Outcomes(), "outcomes")
		r.Did(rig.Counts{Runs: 1, Letters: 1})
	})
}

func TestWithoutAHandlerTimeoutNothingIsAbandoned(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		r := rig.NewBot(t, tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: -1}}, deaf(release, laterResults["success"]))
		first := r.Send(rig.MessageIn(7, 1))
		rig.Pass(48 * time.Hour)
		assert.Equal(t, 0, r.Stats().Abandoned, "abandoned")
		close(release)
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(first), "answer")
	})
}

// A handler that has returned is not given up while the call that it left is made.
func TestAHandlerThatHasReturnedIsNotAbandoned(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{Do: func(*http.Request) (*http.Response, error) {
			time.Sleep(15 * time.Second)
			return nil, rig.ErrBroken
		}}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := rig.LibraryConfig()
		cfg.LateAfter, cfg.Dispatch.HandlerTimeout = -1, 10*time.Second
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.Call(ctx, "deleteMessage", "{}")
			time.Sleep(5 * time.Second)
			return rig.Hello, nil
		})
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "call_lost/1/0 replied/1/200/rode", r.Outcomes(), "outcomes")
		assert.Equal(t, tghook.Stats{Remembered: 1}, r.Stats(), "stats")
	})
}

// The longest duration is no time at all when something is added to it.
func TestTheLongestTimeoutIsNone(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: math.MaxInt64}}
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(24 * time.Hour)
			return rig.Hello, ctx.Err()
		})
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
	})
}
