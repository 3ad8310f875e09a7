package tghook_test

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
	"success": func() (tghook.Reply, error) { return hello, nil },
	"failure": func() (tghook.Reply, error) { return tghook.NoReply, errBroken },
	"panic":   func() (tghook.Reply, error) { panic("broken") },
	"Goexit":  func() (tghook.Reply, error) { runtime.Goexit(); return hello, nil },
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
				inBubble(t, func(t *testing.T) {
					cfg, api, shared := test.cfg, &apiCalls{}, newNetStore()
					if test.store {
						cfg.Dispatch.Store, cfg.Dispatch.Bot = shared, 1
					}
					cfg.Dispatch.HandlerTimeout, cfg.Dispatch.Caller = timeout, api
					release := make(chan struct{})
					r := newRig(t, cfg, deaf(release, result))
					same(t, "answer", r.post(messageIn(7, 1)), test.answer)
					behind := r.send(messageIn(7, 2))
					pass(timeout + 2*time.Second - 1) // 8 s have passed
					r.did(1, 0, 0)
					same(t, "abandoned before its time", r.Stats().Abandoned, 0)
					pass(1)
					if test.cfg.Late == tghook.LateCancel { // who waits in its lane leaves it
						same(t, "behind it", behind.now(), "503 after 2")
						same(t, "behind it, again", r.post(messageIn(7, 2)), "200")
					}
					r.did(2, 1, 0)
					same(t, "order", r.order(), []int64{1, 2})
					same(t, "abandoned", r.Stats().Abandoned, 1)
					letter := r.letter(0)
					if letter.id != 1 || !errors.Is(letter.err, tghook.ErrHandlerTimeout) {
						t.Errorf("the dead letter is %v", letter)
					}
					if n := strings.Count(r.outcomes(), "abandoned/1/"); n != 1 {
						t.Errorf("Observe is told %d times that it is abandoned: %s", n, r.outcomes())
					}
					same(t, "the redelivery", r.post(messageIn(7, 1)), "200")
					same(t, "Done", shared.count("Done 1"), map[bool]int{true: 1}[test.store])
					r.clean(r.Stats())

					told := r.outcomes()
					close(release)
					pass(time.Minute)
					same(t, "abandoned after its return", r.Stats().Abandoned, 0)
					same(t, "what Observe is told of that", r.outcomes(), told)
					r.did(2, 1, 0)
					same(t, "the redelivery", r.post(messageIn(7, 1)), "200")
					same(t, "Done and Fail", shared.count("Done 1")+shared.count("Fail 1"), map[bool]int{true: 1}[test.store])
					if err := r.Shutdown(t.Context()); err != nil {
						t.Errorf("Shutdown: %v", err)
					}
				})
			})
		}
	}
}

func TestADeliveryThatWaitsForAnAbandonedHandlerIsToldSo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r := newRig(t, tghook.Config{LateAfter: -1}, deaf(release, laterResults["success"]))
		got, took := r.send(messageIn(7, 1)).wait()
		same(t, "answer", got, "200")
		same(t, "took", took, 5*time.Minute+10*time.Second)
		same(t, "outcomes", r.outcomes(), "abandoned/1/200")
		if err := r.last().Err; !errors.Is(err, tghook.ErrHandlerTimeout) {
			t.Errorf("Observe is told %v", err)
		}
	})
}

func TestShutdownDoesNotWaitForAnAbandonedHandler(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		r := newRig(t, tghook.Config{LateAfter: -1}, deaf(release, laterResults["success"]))
		r.send(messageIn(7, 1)).wait()
		start := time.Now()
		if err := r.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		same(t, "Shutdown took", time.Since(start), 0)
		same(t, "abandoned", r.Stats().Abandoned, 1)
		told := r.outcomes()
		close(release)
		pass(time.Minute)
		same(t, "abandoned", r.Stats().Abandoned, 0)
		same(t, "what Observe is told after Shutdown", r.outcomes(), told)
	})
}

// A Shutdown that waits goes on once the handler is given up.
func TestShutdownWaitsUntilAHandlerIsAbandonedAtMost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r := newRig(t, tghook.Config{LateAfter: -1}, deaf(release, laterResults["success"]))
		first := r.send(messageIn(7, 1))
		start := time.Now()
		if err := r.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		same(t, "Shutdown took", time.Since(start), 5*time.Minute+10*time.Second)
		same(t, "answer", mustWait(first), "200")
	})
}

func TestHandlersThatAreAbandonedOneAfterTheOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		r := newRig(t, tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute}},
			func(context.Context, *tghook.Update) (tghook.Reply, error) { <-release; return hello, nil })
		all := make([]*pending, 0, 10)
		for id := range int64(10) {
			all = append(all, r.send(messageIn(id+1, id+1)))
			pass(7 * time.Second)
		}
		for i, p := range all {
			got, took := p.wait()
			same(t, fmt.Sprint(i, " is told"), fmt.Sprint(got, took), fmt.Sprint("200", 70*time.Second))
		}
		same(t, "abandoned", r.Stats().Abandoned, 10)
		close(release)
		pass(time.Second)
		same(t, "abandoned", r.Stats().Abandoned, 0)
	})
}

func TestPollGoesOnWhenAHandlerIsAbandoned(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		tg := newTelegram(t)
		p := startPoll(t, tg, tghook.PollConfig{}, deaf(release, laterResults["success"]))
		for id := range int64(300) {
			chat := id
			if id == 1 {
				chat = 0 // behind it in its lane
			}
			tg.send(t, messageIn(chat+1, id+1))
		}
		pass(time.Minute)
		same(t, "runs", len(p.order()), 99) // the window is full
		pass(5 * time.Minute)
		same(t, "runs", len(p.order()), 300)
		same(t, "pending", tg.Pending(), 0)
		p.did(300, 1, 0)
		if n := strings.Count(p.outcomes(), "abandoned/1/0"); n != 1 {
			t.Errorf("Observe is told %d times", n)
		}
		start := time.Now()
		p.end()
		if took := time.Since(start); took > time.Second {
			t.Errorf("Poll returned after %v", took)
		}
		close(release)
		pass(time.Minute)
		p.did(300, 1, 0)
		same(t, "replies", len(tg.Calls("sendMessage")), 0)
	})
}

func TestADeadLetterThatFailsForAnAbandonedUpdateIsOfferedAgain(t *testing.T) {
	refuse := func(first int) tghook.DispatchConfig {
		var mu sync.Mutex
		return tghook.DispatchConfig{DeadLetter: func(context.Context, *tghook.Update, error) error {
			mu.Lock()
			defer mu.Unlock()
			if first--; first >= 0 {
				return errBroken
			}
			return nil
		}}
	}
	t.Run("by webhook", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			r := newRig(t, tghook.Config{LateAfter: -1, Dispatch: refuse(2)}, deaf(release, laterResults["success"]))
			same(t, "first", mustWait(r.send(messageIn(7, 1))), "500")
			same(t, "the next one", r.post(messageIn(7, 2)), "200")
			same(t, "second", r.post(messageIn(7, 1)), "500")
			same(t, "third", r.post(messageIn(7, 1)), "200")
			r.did(2, 3, 0)
			for i := range 3 {
				if err := r.letter(i).err; !errors.Is(err, tghook.ErrHandlerTimeout) {
					t.Errorf("dead letter %d is %v", i, err)
				}
			}
			same(t, "abandoned", r.Stats().Abandoned, 1)
		})
	})
	t.Run("by poll", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			release := make(chan struct{})
			defer close(release)
			tg := newTelegram(t)
			tg.send(t, messageIn(7, 1), messageIn(7, 2))
			p := startPoll(t, tg, tghook.PollConfig{Dispatch: refuse(2)}, deaf(release, laterResults["success"]))
			pass(6 * time.Minute)
			same(t, "order", p.order(), []int64{1, 2})
			p.did(2, 3, 0)
			same(t, "pending", tg.Pending(), 0)
			p.end()
		})
	})
}

// The second attempt is under way when the first returns after all.
func TestAnAbandonedHandlerThatReturnsDoesNotEndAnother(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		cfg := tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute}}
		block := make(chan struct{})
		cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error { <-block; return nil }
		r := newRig(t, cfg, deaf(release, laterResults["success"]))
		first := r.send(messageIn(7, 1))
		pass(70 * time.Second)
		close(release) // while DeadLetter runs
		pass(time.Second)
		same(t, "answer", first.now(), "")
		same(t, "abandoned", r.Stats().Abandoned, 0)
		close(block)
		same(t, "answer", mustWait(first), "200")
		same(t, "outcomes", r.outcomes(), "abandoned/1/200")
		r.did(1, 1, 0)
	})
}

func TestWithoutAHandlerTimeoutNothingIsAbandoned(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		r := newRig(t, tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: -1}}, deaf(release, laterResults["success"]))
		first := r.send(messageIn(7, 1))
		pass(48 * time.Hour)
		same(t, "abandoned", r.Stats().Abandoned, 0)
		close(release)
		same(t, "answer", mustWait(first), helloAnswer)
	})
}

// A handler that has returned is not given up while the call that it left is made.
func TestAHandlerThatHasReturnedIsNotAbandoned(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{do: func(*http.Request) (*http.Response, error) {
			time.Sleep(15 * time.Second)
			return nil, errBroken
		}}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := hookConfig()
		cfg.LateAfter, cfg.Dispatch.HandlerTimeout = -1, 10*time.Second
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.call(ctx, "deleteMessage", "{}")
			time.Sleep(5 * time.Second)
			return hello, nil
		})
		same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
		same(t, "outcomes", r.outcomes(), "call_lost/1/0 replied/1/200/rode")
		same(t, "stats", r.Stats(), tghook.Stats{Remembered: 1})
	})
}

// The longest duration is no time at all when something is added to it.
func TestTheLongestTimeoutIsNone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: math.MaxInt64}}
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(24 * time.Hour)
			return hello, ctx.Err()
		})
		same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
	})
}
