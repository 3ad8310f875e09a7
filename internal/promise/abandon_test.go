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

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
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
					rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), test.answer)
					behind := r.Send(rig.MessageIn(7, 2))
					rig.Pass(timeout + 2*time.Second - 1) // 8 s have passed
					r.Did(1, 0, 0)
					rig.Same(t, "abandoned before its time", r.Stats().Abandoned, 0)
					rig.Pass(1)
					if test.cfg.Late == tghook.LateCancel { // who waits in its lane leaves it
						rig.Same(t, "behind it", behind.Now(), "503 after 2")
						rig.Same(t, "behind it, again", r.Post(rig.MessageIn(7, 2)), "200")
					}
					r.Did(2, 1, 0)
					rig.Same(t, "order", r.Order(), []int64{1, 2})
					rig.Same(t, "abandoned", r.Stats().Abandoned, 1)
					letter := r.Letter(0)
					if letter.ID != 1 || !errors.Is(letter.Err, tghook.ErrHandlerTimeout) {
						t.Errorf("the dead letter is %v", letter)
					}
					if n := strings.Count(r.Outcomes(), "abandoned/1/"); n != 1 {
						t.Errorf("Observe is told %d times that it is abandoned: %s", n, r.Outcomes())
					}
					rig.Same(t, "the redelivery", r.Post(rig.MessageIn(7, 1)), "200")
					rig.Same(t, "Done", shared.Count("Done 1"), map[bool]int{true: 1}[test.store])
					r.Clean(r.Stats())

					told := r.Outcomes()
					close(release)
					rig.Pass(time.Minute)
					rig.Same(t, "abandoned after its return", r.Stats().Abandoned, 0)
					rig.Same(t, "what Observe is told of that", r.Outcomes(), told)
					r.Did(2, 1, 0)
					rig.Same(t, "the redelivery", r.Post(rig.MessageIn(7, 1)), "200")
					rig.Same(t, "Done and Fail", shared.Count("Done 1")+shared.Count("Fail 1"), map[bool]int{true: 1}[test.store])
					if err := r.Shutdown(t.Context()); err != nil {
						t.Errorf("Shutdown: %v", err)
					}
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
		rig.Same(t, "answer", got, "200")
		rig.Same(t, "took", took, 5*time.Minute+10*time.Second)
		rig.Same(t, "outcomes", r.Outcomes(), "abandoned/1/200")
		if err := r.Last().Err; !errors.Is(err, tghook.ErrHandlerTimeout) {
			t.Errorf("Observe is told %v", err)
		}
	})
}

func TestShutdownDoesNotWaitForAnAbandonedHandler(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		r := rig.NewBot(t, tghook.Config{LateAfter: -1}, deaf(release, laterResults["success"]))
		r.Send(rig.MessageIn(7, 1)).Wait()
		start := time.Now()
		if err := r.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		rig.Same(t, "Shutdown took", time.Since(start), 0)
		rig.Same(t, "abandoned", r.Stats().Abandoned, 1)
		told := r.Outcomes()
		close(release)
		rig.Pass(time.Minute)
		rig.Same(t, "abandoned", r.Stats().Abandoned, 0)
		rig.Same(t, "what Observe is told after Shutdown", r.Outcomes(), told)
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
		if err := r.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		rig.Same(t, "Shutdown took", time.Since(start), 5*time.Minute+10*time.Second)
		rig.Same(t, "answer", rig.MustWait(first), "200")
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
			rig.Same(t, fmt.Sprint(i, " is told"), fmt.Sprint(got, took), fmt.Sprint("200", 70*time.Second))
		}
		rig.Same(t, "abandoned", r.Stats().Abandoned, 10)
		close(release)
		rig.Pass(time.Second)
		rig.Same(t, "abandoned", r.Stats().Abandoned, 0)
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
		rig.Same(t, "runs", len(p.Order()), 99) // the window is full
		rig.Pass(5 * time.Minute)
		rig.Same(t, "runs", len(p.Order()), 300)
		rig.Same(t, "pending", tg.Pending(), 0)
		p.Did(300, 1, 0)
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
		p.Did(300, 1, 0)
		rig.Same(t, "replies", len(tg.Calls("sendMessage")), 0)
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
			rig.Same(t, "first", rig.MustWait(r.Send(rig.MessageIn(7, 1))), "500")
			rig.Same(t, "the next one", r.Post(rig.MessageIn(7, 2)), "200")
			rig.Same(t, "second", r.Post(rig.MessageIn(7, 1)), "500")
			rig.Same(t, "third", r.Post(rig.MessageIn(7, 1)), "200")
			r.Did(2, 3, 0)
			for i := range 3 {
				if err := r.Letter(i).Err; !errors.Is(err, tghook.ErrHandlerTimeout) {
					t.Errorf("dead letter %d is %v", i, err)
				}
			}
			rig.Same(t, "abandoned", r.Stats().Abandoned, 1)
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
			rig.Same(t, "order", p.Order(), []int64{1, 2})
			p.Did(2, 3, 0)
			rig.Same(t, "pending", tg.Pending(), 0)
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
		rig.Same(t, "answer", first.Now(), "")
		rig.Same(t, "abandoned", r.Stats().Abandoned, 0)
		close(block)
		rig.Same(t, "answer", rig.MustWait(first), "200")
		rig.Same(t, "outcomes", r.Outcomes(), "abandoned/1/200")
		r.Did(1, 1, 0)
	})
}

func TestWithoutAHandlerTimeoutNothingIsAbandoned(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		r := rig.NewBot(t, tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: -1}}, deaf(release, laterResults["success"]))
		first := r.Send(rig.MessageIn(7, 1))
		rig.Pass(48 * time.Hour)
		rig.Same(t, "abandoned", r.Stats().Abandoned, 0)
		close(release)
		rig.Same(t, "answer", rig.MustWait(first), rig.HelloAnswer)
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
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		rig.Same(t, "outcomes", r.Outcomes(), "call_lost/1/0 replied/1/200/rode")
		rig.Same(t, "stats", r.Stats(), tghook.Stats{Remembered: 1})
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
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
	})
}
