package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

// asked hands an update over in the background; in a bubble, it has been
// admitted when asked returns.
func (c core) asked(body string) *pending {
	return eventually(func() string {
		reply, err := c.do(context.Background(), body)
		if err != nil {
			return "error: " + err.Error()
		}
		return reply
	})
}

func TestDoReturnsTheReply(t *testing.T) {
	t.Parallel()
	c := newCore(t, tghook.DispatchConfig{Bot: 5}, taking(0, hello, nil))
	for range 2 {
		reply, err := c.do(t.Context(), messageIn(7, 1))
		same(t, "reply", reply, helloCall)
		same(t, "error", err, nil)
	}
	same(t, "outcomes", c.outcomes(), "replied/1/0/rode duplicate/0/0/rode")
	same(t, "bot", c.last().Bot, int64(5))
	c.did(1, 0, 0)
}

func TestDoReturnsTheErrorOfTheHandler(t *testing.T) {
	t.Parallel()
	c := newCore(t, tghook.DispatchConfig{}, taking(0, hello, errBroken))
	for range 2 {
		reply, err := c.do(t.Context(), messageIn(7, 1))
		same(t, "reply", reply, "")
		same(t, "error", err, errBroken)
	}
	same(t, "outcomes", c.outcomes(), "failed/1/0 failed/2/0")
}

func TestDoJoins(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCore(t, tghook.DispatchConfig{}, taking(time.Hour/20, hello, nil))
		first, second := c.asked(messageIn(7, 1)), c.asked(messageIn(7, 1))
		same(t, "older", mustWait(first), "")
		same(t, "newer", mustWait(second), helloCall)
		c.did(1, 0, 0)
	})
}

func TestDoEndsWithItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCore(t, tghook.DispatchConfig{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(10 * time.Second)
			return hello, ctx.Err()
		})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBroken)
		defer cancel()
		reply, err := c.do(ctx, messageIn(7, 1))
		same(t, "reply", reply, "")
		same(t, "error", err, errBroken)
		same(t, "outcomes", c.outcomes(), "late/1/0")
		reply, err = c.do(t.Context(), messageIn(7, 1))
		same(t, "reply", reply, helloCall)
		same(t, "error", err, nil)
		c.did(1, 0, 0)
	})
}

func TestDoWithoutAKindIsADeadLetter(t *testing.T) {
	t.Parallel()
	c := newCore(t, tghook.DispatchConfig{}, nothing)
	_, err := c.do(t.Context(), `{"update_id":1}`)
	same(t, "error", err, nil)
	c.did(0, 1, 0)
	if !errors.Is(c.letter(0).err, tghook.ErrNoKind) {
		t.Errorf("DeadLetter is told %v", c.letter(0).err)
	}
	same(t, "outcomes", c.outcomes(), "dead_lettered/0/0")
}

// sharesALane hands over two updates and reports whether the second one waited
// for the first.
func sharesALane(t *testing.T, cfg tghook.DispatchConfig, first, second string) bool {
	t.Helper()
	c := newCore(t, cfg, taking(time.Second, tghook.NoReply, nil))
	a, b := c.asked(first), c.asked(second)
	_, took := b.wait()
	mustWait(a)
	c.did(2, 0, 0)
	c.clean(c.Stats())
	if took != time.Second && took != 2*time.Second {
		t.Errorf("took %v", took)
	}
	return took > time.Second
}

func TestDefaultLanes(t *testing.T) {
	pollOf := func(poll string, id int64) string {
		return fmt.Sprintf("{\"update_id\":%d,\n\"poll\":{\"id\":\"%s\"}}", id, poll)
	}
	answerTo := func(poll string, user, id int64) string {
		return fmt.Sprintf("{\"update_id\":%d,\n\"poll_answer\":{\"poll_id\":\"%s\",\"user\":{\"id\":%d}}}", id, poll, user)
	}
	inlineCallback := func(user, id int64) string {
		return fmt.Sprintf("{\"update_id\":%d,\n\"callback_query\":{\"id\":\"1\",\"from\":{\"id\":%d},\"inline_message_id\":\"x\"}}", id, user)
	}
	reactionIn := func(chat, id int64) string {
		return fmt.Sprintf("{\"update_id\":%d,\n\"message_reaction\":{\"chat\":{\"id\":%d},\"user\":{\"id\":9}}}", id, chat)
	}
	strange := func(id int64) string { return fmt.Sprintf("{\"update_id\":%d,\n\"a_kind_to_come\":{}}", id) }
	for name, test := range map[string]struct {
		first, second string
		together      bool
	}{
		"two messages of a chat":                          {messageIn(7, 1), messageIn(7, 2), true},
		"messages of two chats":                           {messageIn(7, 1), messageIn(8, 2), false},
		"a message and a callback of a private chat":      {messageIn(7, 1), callbackIn(7, 7, 2), true},
		"a message and a callback of a group":             {messageIn(-7, 1), callbackIn(-7, 5, 2), true},
		"callbacks of one user in two chats":              {callbackIn(-7, 5, 1), callbackIn(-8, 5, 2), false},
		"a message and a reaction of a chat":              {messageIn(-7, 1), reactionIn(-7, 2), true},
		"a message and an inline_query of a user":         {messageIn(7, 1), kindBy("inline_query", 7, 2), false},
		"a message and a shipping_query of a user":        {messageIn(7, 1), kindBy("shipping_query", 7, 2), false},
		"a message and a pre_checkout_query of a user":    {messageIn(7, 1), kindBy("pre_checkout_query", 7, 2), false},
		"two inline queries of a user":                    {kindBy("inline_query", 7, 1), kindBy("inline_query", 7, 2), true},
		"inline queries of two users":                     {kindBy("inline_query", 7, 1), kindBy("inline_query", 8, 2), false},
		"a callback without a chat, of one user":          {inlineCallback(7, 1), inlineCallback(7, 2), true},
		"callbacks without a chat, of two users":          {inlineCallback(7, 1), inlineCallback(8, 2), false},
		"a callback without a chat and an inline_query":   {inlineCallback(7, 1), kindBy("inline_query", 7, 2), false},
		"a callback without a chat and a message of it":   {inlineCallback(7, 1), messageIn(7, 2), false},
		"two updates of a poll":                           {pollOf("1", 1), pollOf("1", 2), true},
		"two polls":                                       {pollOf("1", 1), pollOf("2", 2), false},
		"a poll and an answer to it":                      {pollOf("1", 1), answerTo("1", 5, 2), true},
		"answers of a user to two polls":                  {answerTo("1", 5, 1), answerTo("2", 5, 2), false},
		"a poll whose id is a chat's":                     {pollOf("7", 1), messageIn(7, 2), false},
		"a chosen_inline_result and a paid media of one":  {kindBy("chosen_inline_result", 7, 1), kindBy("purchased_paid_media", 7, 2), true},
		"updates of nobody":                               {strange(1), strange(2), false},
		"an inline_query and a pre_checkout_query of one": {kindBy("inline_query", 7, 1), kindBy("pre_checkout_query", 7, 2), true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				same(t, "one lane", sharesALane(t, tghook.DispatchConfig{}, test.first, test.second), test.together)
			})
		})
	}
}

func TestALaneOfOnesOwn(t *testing.T) {
	for lane, together := range map[string]bool{"": false, "everything": true} {
		t.Run(lane, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				cfg := tghook.DispatchConfig{Lane: func(*tghook.Update) string { return lane }}
				same(t, "of one chat", sharesALane(t, cfg, messageIn(7, 1), messageIn(7, 2)), together)
				same(t, "of two chats", sharesALane(t, cfg, messageIn(7, 1), messageIn(8, 2)), together)
			})
		})
	}
}

func TestALaneThatPanicsFailsItsDeliveryAlone(t *testing.T) {
	t.Parallel()
	cfg := tghook.DispatchConfig{Lane: func(u *tghook.Update) string {
		if u.ID == 1 {
			panic(errBroken)
		}
		return "lane"
	}}
	c := newCore(t, cfg, nothing)
	var panicked *tghook.PanicError
	if _, err := c.do(t.Context(), messageIn(7, 1)); !errors.As(err, &panicked) || !errors.Is(err, errBroken) {
		t.Errorf("Do: %v", err)
	}
	same(t, "outcomes", c.outcomes(), "failed/0/0")
	_, err := c.do(t.Context(), messageIn(7, 2))
	same(t, "the next", err, nil)
	c.did(1, 0, 0)
	c.clean(c.Stats())
}

func TestOrderWithinALaneHoldsUnderLoad(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const chats, each = 5, 200
		var running [chats]atomic.Int32
		var mu sync.Mutex
		order := make([][]int64, chats)
		c := newCore(t, tghook.DispatchConfig{MaxLane: each}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			chat := u.ChatID - 1
			if running[chat].Add(1) > 1 {
				t.Errorf("chat %d: two handlers at once", chat)
			}
			mu.Lock()
			order[chat] = append(order[chat], u.ID)
			mu.Unlock()
			time.Sleep(rand.N(3 * time.Millisecond))
			running[chat].Add(-1)
			if rand.IntN(4) == 0 {
				panic("now and then")
			}
			return tghook.NoReply, nil
		})
		for id := range int64(chats * each) {
			c.asked(messageIn(1+id%chats, id))
			if id%10 == 0 {
				pass(time.Millisecond)
			}
		}
		pass(time.Minute)
		for chat := range order {
			same(t, "length", len(order[chat]), each)
			same(t, fmt.Sprint("chat ", chat, " in order"), slices.IsSorted(order[chat]), true)
		}
		c.clean(c.Stats())
	})
}

func TestOrderWithinALaneHoldsOnARealClock(t *testing.T) {
	t.Parallel()
	const each = 200
	var running atomic.Int32
	var order []int64
	start := make(chan struct{})
	c := newCore(t, tghook.DispatchConfig{MaxLane: each + 1}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		<-start
		if u.ChatID != 1 {
			return tghook.NoReply, nil
		}
		if running.Add(1) > 1 {
			t.Error("two handlers at once")
		}
		order = append(order, u.ID)
		running.Add(-1)
		return tghook.NoReply, nil
	})
	var wg sync.WaitGroup
	for id := range int64(each) {
		wg.Go(func() { c.do(t.Context(), messageIn(1, id)) })
		until(t, "the update is admitted", func() bool { return c.Stats().InFlight > int(id) })
		if id == each/2 {
			close(start)
			for other := range int64(each) {
				wg.Go(func() { c.do(t.Context(), messageIn(2+other, 1000+other)) })
			}
			break
		}
	}
	for id := range int64(each / 2) { // while they run, one behind the other
		c.do(t.Context(), messageIn(1, each/2+1+id))
	}
	wg.Wait()
	same(t, "runs", len(order), each+1)
	same(t, "in order", slices.IsSorted(order), true)
	c.clean(c.Stats())
}

func TestChatsRunInParallel(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := newCore(t, tghook.DispatchConfig{}, taking(time.Second, hello, nil))
		all := make([]*pending, 0, 500)
		for id := range int64(500) {
			all = append(all, c.asked(messageIn(id+1, id)))
		}
		for _, p := range all {
			got, took := p.wait()
			same(t, "reply", got, helloCall)
			same(t, "took", took, time.Second)
		}
	})
}

func TestMaxInFlightIsNeverExceeded(t *testing.T) {
	t.Parallel()
	const most = 10
	var running, peak, shed, ran atomic.Int32
	c := newCore(t, tghook.DispatchConfig{MaxInFlight: most}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		n := running.Add(1)
		for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
		}
		runtime.Gosched()
		running.Add(-1)
		ran.Add(1)
		return hello, nil
	})
	var wg sync.WaitGroup
	for id := range int64(1000) {
		wg.Go(func() {
			if got, err := c.do(t.Context(), messageIn(id%50, id)); err != nil {
				shed.Add(1)
			} else if got != helloCall {
				t.Errorf("reply %q", got)
			}
			if n := c.Stats().InFlight; n < 0 || n > most {
				t.Errorf("%d in flight", n)
			}
		})
	}
	wg.Wait()
	if peak.Load() > most {
		t.Errorf("%d handlers at once", peak.Load())
	}
	same(t, "ran or shed", ran.Load()+shed.Load(), 1000)
	c.clean(c.Stats())
}

func TestAFloodOfOneChatDoesNotHoldUpOthers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const flood = 300
		r := newRig(t, tghook.Config{}, taking(time.Second, tghook.NoReply, nil))
		todo := make(chan int64, flood)
		for id := range int64(flood) {
			todo <- id
		}
		sheds := 0
		for id := range int64(flood) { // all at once
			if p := r.send(messageIn(7, id)); strings.HasPrefix(p.now(), "503") {
				sheds++
			}
		}
		same(t, "sheds", sheds, flood-64)
		for id := range int64(100) {
			got, took := r.send(messageIn(100+id, 1000+id)).wait()
			same(t, "another chat", got, "200")
			same(t, "took", took, time.Second)
		}
		for id := range int64(flood) { // again and again, until nothing is lost
			for r.post(messageIn(7, id)) != "200" {
				pass(2 * time.Second)
			}
		}
		ran := map[int64]int{}
		for _, id := range r.order() {
			ran[id]++
		}
		same(t, "updates", len(ran), flood+100)
		same(t, "runs", len(r.order()), flood+100)
	})
}

func TestAnAttemptIsAStartOfTheHandler(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var fail atomic.Bool
		fail.Store(true)
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxLane: 2}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(11 * time.Second)
			if u.ID == 2 && fail.Load() {
				return hello, errBroken
			}
			return hello, nil
		})
		blocker := r.send(messageIn(7, 1))
		queued := r.send(messageIn(7, 2)) // waits in the lane, and is late there
		oneOf(t, "shed", r.post(messageIn(7, 3)), shedAnswers...)
		same(t, "late in the lane", mustWait(queued), "503 after 2")
		same(t, "blocker", mustWait(blocker), "503 after 2")
		joined := r.send(messageIn(7, 2))                // late while it runs
		same(t, "late", mustWait(joined), "503 after 2") // 16 s
		again := r.send(messageIn(7, 2))                 // joins until 24 s
		same(t, "fails", mustWait(again), "500")
		same(t, "first attempt", r.last().Attempt, 1)
		fail.Store(false)
		oneOf(t, "late", r.post(messageIn(7, 2)), "503 after 2")
		same(t, "succeeds", r.post(messageIn(7, 2)), helloAnswer)
		same(t, "second attempt", r.last().Attempt, 2)
		r.did(3, 0, 0)
	})
}

func TestAShedRedeliveryKeepsItsCount(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var slow atomic.Bool
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxInFlight: 1, MaxAttempts: 3}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				return hello, errBroken
			}
			time.Sleep(time.Second)
			return hello, nil
		})
		slow.Store(true)
		same(t, "first", r.post(messageIn(7, 1)), "500")
		other := r.send(messageIn(8, 2))
		oneOf(t, "shed", r.post(messageIn(7, 1)), shedAnswers...)
		same(t, "other", mustWait(other), helloAnswer)
		same(t, "second", r.post(messageIn(7, 1)), "500")
		same(t, "its attempt", r.last().Attempt, 2)
		same(t, "third", r.post(messageIn(7, 1)), "200")
		r.did(4, 1, 0)
	})
}

func TestWhatTheUserBreaksStaysWithItsUpdate(t *testing.T) {
	type dispatch = tghook.DispatchConfig
	panics := func() { panic(errBroken) }
	for how, breaks := range map[string]func(){"panic": panics, "Goexit": runtime.Goexit} {
		// The handler of update 1 has an end that leads into the function that breaks.
		for where, test := range map[string]struct {
			cfg   func(broken func(id int64)) tghook.Config
			reply tghook.Reply
			err   error
			want  string // the answer to update 1
		}{
			"handler": {
				cfg: func(func(int64)) tghook.Config { return tghook.Config{} }, want: "500",
			},
			"DeadLetter": {
				cfg: func(broken func(int64)) tghook.Config {
					return tghook.Config{Dispatch: dispatch{DeadLetter: func(_ context.Context, u *tghook.Update, _ error) error { broken(u.ID); return nil }}}
				},
				err: tghook.Drop(errBroken), want: "500",
			},
			"Caller": {
				cfg: func(broken func(int64)) tghook.Config {
					return tghook.Config{Dispatch: dispatch{Caller: &apiCalls{do: func(ctx context.Context, _ string) error {
						u, _ := tghook.FromContext(ctx)
						broken(u.ID)
						return nil
					}}}}
				},
				reply: tghook.Reply{Method: "getMe"}, want: "200",
			},
		} {
			t.Run(where+" "+how, func(t *testing.T) {
				t.Parallel()
				broken := func(id int64) {
					if id == 1 {
						breaks()
					}
				}
				r := newRig(t, test.cfg(broken), func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					if where == "handler" {
						broken(u.ID)
					}
					return test.reply, test.err
				})
				for range 2 {
					same(t, "answer", r.post(messageIn(7, 1)), test.want)
				}
				if where != "handler" {
					same(t, "runs", r.order(), []int64{1})
				}
				same(t, "next of the lane", r.post(messageIn(7, 2)), "200")
				same(t, "another lane", r.post(messageIn(8, 3)), "200")
				r.clean(r.Stats())
			})
		}
	}
}

func TestAnObserveThatPanicsChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Observe: func(context.Context, tghook.Delivery) { panic(errBroken) }}}
		r := newRig(t, cfg, taking(9*time.Second, hello, nil))
		same(t, "late", r.post(messageIn(7, 1)), "503 after 2")
		same(t, "redelivery", r.post(messageIn(7, 1)), helloAnswer)
		same(t, "late", r.post(messageIn(7, 2)), "503 after 2")
		pass(time.Minute)
		same(t, "next of the lane", r.post(messageIn(7, 3)), "503 after 2")
		r.did(3, 0, 0)
	})
}

// Observe is called on the goroutine of the run when no delivery carries the
// result: its end must not be taken for the handler's.
func TestAnObserveThatEndsItsGoroutineChangesNothing(t *testing.T) {
	alone(t, func(t *testing.T) {
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Observe: func(_ context.Context, v tghook.Delivery) {
			if v.Status == 0 && v.Update.ID < 3 {
				runtime.Goexit()
			}
		}}}
		r := newRig(t, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(5 * time.Second)
			if u.ID == 1 {
				return hello, errBroken
			}
			return tghook.NoReply, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		first := r.sendWith(ctx, messageIn(7, 1))
		second := r.sendWith(ctx, messageIn(7, 2))
		third := r.send(messageIn(7, 4))
		cancel()
		mustWait(first)
		mustWait(second)
		pass(7 * time.Second)
		same(t, "late in the lane", mustWait(third), "503 after 2")
		pass(time.Minute)
		same(t, "order", r.order(), []int64{1, 2, 4})
		r.clean(r.Stats())
		same(t, "redelivery of the one that failed", r.post(messageIn(7, 1)), "500")
		same(t, "redelivery of one that succeeded", r.post(messageIn(7, 2)), "200")
		same(t, "redelivery of the third", r.post(messageIn(7, 4)), "200")
		r.did(4, 0, 0)
	})
}

func TestADeadlineThatEndsItsGoroutineHoldsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := tghook.Config{Deadline: func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID == 1 {
				runtime.Goexit()
			}
			return 0, 0
		}}
		r := newRig(t, cfg, taking(0, hello, nil))
		mustWait(r.send(messageIn(7, 1)))
		r.did(0, 0, 0)
		same(t, "next of the lane", r.post(messageIn(7, 2)), helloAnswer)
		r.clean(r.Stats())
	})
}

func TestShutdownWaitsForWhatRuns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(3 * time.Second)
			return hello, ctx.Err()
		})
		running, queued := r.send(messageIn(7, 1)), r.send(messageIn(7, 2))
		down := eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
		again := eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
		oneOf(t, "unknown", r.send(messageIn(8, 3)).now(), shedAnswers...)
		joined := r.send(messageIn(7, 2))
		same(t, "running", mustWait(running), helloAnswer)
		same(t, "replayed", r.post(messageIn(7, 1)), helloAnswer)
		same(t, "queued", mustWait(queued), "200")
		same(t, "joined", mustWait(joined), helloAnswer)
		got, took := down.wait()
		same(t, "Shutdown", got, "<nil>")
		same(t, "took", took, 6*time.Second)
		same(t, "Shutdown at the same time", mustWait(again), "<nil>")
		same(t, "Shutdown once more", r.Shutdown(t.Context()), nil)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		same(t, "Shutdown with a ctx that has ended", r.Shutdown(ended), nil)
		r.did(2, 0, 0)
	})
}

func TestShutdownOfWhatHasDoneNothing(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c := newCore(t, tghook.DispatchConfig{}, nothing)
	same(t, "Shutdown", c.Shutdown(ended), nil)
	if _, err := c.do(t.Context(), messageIn(7, 1)); !errors.Is(err, tghook.ErrShutdown) {
		t.Errorf("Do: %v", err)
	}
}

func TestShutdownTurnsAwayWhatHadFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t, tghook.Config{}, taking(0, hello, errBroken))
	same(t, "failed", r.post(messageIn(7, 1)), "500")
	same(t, "Shutdown", r.Shutdown(t.Context()), nil)
	oneOf(t, "redelivery", r.post(messageIn(7, 1)), shedAnswers...)
	r.did(1, 0, 0)
}

func TestShutdownWaitsUntilEverySuccessHasBeenTold(t *testing.T) {
	for name, reply := range map[string]tghook.Reply{"with a reply": hello, "without a reply": tghook.NoReply} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}}, taking(9*time.Second, reply, nil))
				same(t, "late", r.post(messageIn(7, 1)), "503 after 2")
				down := eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
				pass(3 * time.Second)
				same(t, "Shutdown", down.now(), "")
				want := "200"
				if reply != tghook.NoReply {
					want = helloAnswer
				}
				same(t, "redelivery", r.post(messageIn(7, 1)), want)
				same(t, "Shutdown", down.now(), "<nil>")
			})
		})
	}
	t.Run("though its reply went by Caller", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}}, taking(9*time.Second, hello, nil))
			same(t, "late", r.post(messageIn(7, 1)), "503 after 2")
			down := eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
			pass(time.Minute)
			r.did(1, 0, 1)
			same(t, "Shutdown", down.now(), "<nil>")
			same(t, "redelivery", r.post(messageIn(7, 1)), "200")
		})
	})
}

func TestShutdownThatRunsOutOfTimeCancelsAndNamesTheIDs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		causes := make(chan error, 10)
		r := newRig(t, tghook.Config{LateAfter: -1}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 4 {
				return hello, errBroken
			}
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return hello, context.Cause(ctx)
		})
		same(t, "failed before", r.post(messageIn(9, 4)), "500")
		running, other, queued := r.send(messageIn(7, 1)), r.send(messageIn(8, 3)), r.send(messageIn(7, 2))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errBroken)
		defer cancel()
		err := r.Shutdown(ctx)
		if !errors.Is(err, errBroken) || !strings.HasSuffix(err.Error(), "3 updates stay unacknowledged: 1 2 3") {
			t.Errorf("Shutdown: %v", err)
		}
		oneOf(t, "running", mustWait(running), shedAnswers...)
		oneOf(t, "other", mustWait(other), shedAnswers...)
		oneOf(t, "queued", mustWait(queued), shedAnswers...)
		same(t, "causes", []error{<-causes, <-causes}, []error{tghook.ErrShutdown, tghook.ErrShutdown})
		r.did(3, 0, 0)
		r.clean(r.Stats())
		oneOf(t, "redelivery", r.post(messageIn(7, 1)), shedAnswers...)
		r.did(3, 0, 0)
	})
}

// Each of several callers may be the one that logs it.
func TestEveryShutdownThatRunsOutOfTimeNamesTheSameIDs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{LateAfter: -1}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			return hello, context.Cause(ctx)
		})
		r.send(messageIn(7, 1))
		r.send(messageIn(7, 2))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		text := func() string { return fmt.Sprint(r.Shutdown(ctx)) }
		one, other := eventually(text), eventually(text)
		same(t, "ids", strings.HasSuffix(mustWait(one), ": 1 2"), true)
		same(t, "the other's", mustWait(other), mustWait(one))
	})
}

func TestShutdownNamesWhatSucceededUntold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}}, taking(9*time.Second, hello, nil))
		same(t, "late", r.post(messageIn(7, 1)), "503 after 2")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.HasSuffix(err.Error(), ": 1") {
			t.Errorf("Shutdown: %v", err)
		}
		pass(time.Minute)
		r.did(1, 0, 0)
		// Each run is counted once, and a reply that is not sent is lost.
		same(t, "outcomes", r.outcomes(), "late/1/503/late reply_lost/1/0/late")
	})
}

func TestShutdownAwaitsWhatLateAckLeftBehind(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &apiCalls{do: func(context.Context, string) error { time.Sleep(3 * time.Second); return nil }}
		r := newRig(t, tghook.Config{Late: tghook.LateAck, Dispatch: tghook.DispatchConfig{Caller: api}}, taking(20*time.Second, hello, nil))
		same(t, "acknowledged", r.post(messageIn(7, 1)), "200")
		down := eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
		got, took := down.wait()
		same(t, "Shutdown", got, "<nil>")
		same(t, "took", took, 15*time.Second)
		r.did(1, 0, 1)
	})
}

func TestAHardStopBuriesWhatLateAckLeftBehind(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{Late: tghook.LateAck}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			return hello, context.Cause(ctx)
		})
		running, queued := r.send(messageIn(7, 1)), r.send(messageIn(7, 2))
		same(t, "running", mustWait(running), "200")
		same(t, "queued", mustWait(queued), "200")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		pass(time.Second)
		r.did(1, 2, 0)
		for _, letter := range r.letters {
			if !errors.Is(letter.err, tghook.ErrShutdown) {
				t.Errorf("DeadLetter of %d is told %v", letter.id, letter.err)
			}
		}
		r.clean(r.Stats())
	})
}

// Shutdown is the last that a program waits for: what it was promised to be
// told of must have been told when it returns.
func TestAHardStopIsOverWhenItsDeadLettersAreWritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := tghook.Config{Late: tghook.LateAck}
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			return hello, context.Cause(ctx)
		})
		r.send(messageIn(7, 1))
		mustWait(r.send(messageIn(7, 2)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = r.Shutdown(ctx)
		r.did(1, 2, 0)
	})
}

func TestShutdownDuringACallIsNotOverBeforeIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &apiCalls{do: func(context.Context, string) error { time.Sleep(10 * time.Second); return nil }}}}
		r := newRig(t, cfg, taking(9*time.Second, hello, nil))
		same(t, "late", r.post(messageIn(7, 1)), "503 after 2")
		pass(12 * time.Second) // the call has begun
		same(t, "redelivery", r.post(messageIn(7, 1)), "200")
		down := eventually(func() string { return fmt.Sprint(r.Shutdown(context.Background())) })
		got, took := down.wait()
		same(t, "Shutdown", got, "<nil>")
		same(t, "took", took, 9*time.Second)
	})
}

func TestRecordsLiveForTheKindsLifetimeAndThreeMinutes(t *testing.T) {
	lifetimes := map[tghook.Kind]time.Duration{
		tghook.KindInlineQuery:        30 * time.Second,
		tghook.KindCallbackQuery:      150 * time.Second,
		tghook.KindShippingQuery:      150 * time.Second,
		tghook.KindPreCheckoutQuery:   150 * time.Second,
		tghook.KindChosenInlineResult: 600 * time.Second,
		tghook.KindMessage:            24 * time.Hour,
		"a_kind_to_come":              24 * time.Hour,
	}
	for kind, lifetime := range lifetimes {
		life := lifetime + 3*time.Minute
		t.Run(string(kind), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, tghook.Config{}, taking(0, tghook.NoReply, nil))
				same(t, "first", r.post(kindBy(kind, 7, 1)), "200")
				pass(life - 1)
				r.post(kindBy(kind, 7, 1))
				r.did(1, 0, 0)
				pass(1)
				same(t, "when it is over", r.post(kindBy(kind, 7, 1)), "200")
				r.did(2, 0, 0)
				same(t, "attempt", r.last().Attempt, 1)
			})
		})
		t.Run(string(kind)+" that failed", func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, tghook.Config{}, taking(0, tghook.NoReply, errBroken))
				r.post(kindBy(kind, 7, 1))
				pass(life - 1)
				same(t, "failed", r.Stats().Failed, 1)
				r.post(kindBy(kind, 7, 1))
				same(t, "attempt", r.last().Attempt, 2)
				pass(life)
				same(t, "stats", r.Stats(), tghook.Stats{})
				r.post(kindBy(kind, 7, 1))
				same(t, "attempt", r.last().Attempt, 1)
			})
		})
		t.Run(string(kind)+" that succeeded untold", func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, tghook.Config{}, taking(9*time.Second, tghook.NoReply, nil))
				r.post(kindBy(kind, 7, 1))
				pass(time.Second + life)
				if r.Stats().Unacknowledged > 0 && kind != tghook.KindInlineQuery && kind != tghook.KindPreCheckoutQuery {
					t.Errorf("stats %+v", r.Stats())
				}
				pass(time.Minute)
				same(t, "stats", r.Stats(), tghook.Stats{})
			})
		})
	}
}

func TestStatsTellWhatIsHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				return hello, errBroken
			}
			if u.ID > 2 {
				time.Sleep(9 * time.Second)
			}
			return tghook.NoReply, nil
		})
		r.post(messageIn(1, 1))
		r.post(messageIn(2, 2))
		r.send(messageIn(3, 3))
		r.send(messageIn(3, 4))
		r.send(messageIn(5, 5))
		same(t, "at first", r.Stats(), tghook.Stats{InFlight: 3, Lanes: 2, Failed: 1, Remembered: 1})
		pass(10 * time.Second)
		same(t, "later", r.Stats(), tghook.Stats{InFlight: 1, Lanes: 1, Failed: 1, Unacknowledged: 2, Remembered: 1})
		pass(10 * time.Second)
		same(t, "at last", r.Stats(), tghook.Stats{Failed: 1, Unacknowledged: 3, Remembered: 1})
	})
}

func TestPastTheBoundTheOldestAreForgottenAndCounted(t *testing.T) {
	t.Parallel()
	c := newCore(t, tghook.DispatchConfig{}, taking(0, tghook.NoReply, nil))
	const bound, more = 100_000, 1000
	u := parsed(t, messageIn(7, 1))
	do := func(id int64) {
		each := *u
		each.ID = id
		if _, err := c.Do(t.Context(), &each); err != nil {
			t.Fatal(err)
		}
	}
	for id := range int64(bound + more) {
		do(id)
	}
	s := c.Stats()
	if s.Remembered > bound || s.Remembered < bound-more || s.Remembered+int(s.Evicted) != bound+more {
		t.Errorf("stats %+v", s)
	}
	do(bound + more - 1)
	c.did(bound+more, 0, 0)
	do(0)
	c.did(bound+more+1, 0, 0)
}

func TestALaterIDBeforeAnEarlierOneRunsBoth(t *testing.T) {
	t.Parallel()
	r := newRig(t, tghook.Config{}, taking(0, hello, nil))
	for _, id := range []int64{2, 1, 1 << 40, 0, -5} {
		same(t, "answer", r.post(messageIn(7, id)), helloAnswer)
	}
	r.did(5, 0, 0)
}

func TestAHandlerThatWaitsForItsOwnChatsNextUpdateTimesOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		next := make(chan struct{})
		var cause error
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute}}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			switch u.ID {
			case 1:
				select {
				case <-next:
				case <-ctx.Done():
					cause = context.Cause(ctx)
				}
				return tghook.NoReply, ctx.Err()
			case 2:
				close(next)
			}
			return tghook.NoReply, nil
		})
		start := time.Now()
		first, second := r.send(messageIn(7, 1)), r.send(messageIn(7, 2))
		same(t, "first", mustWait(first), "503 after 2")
		same(t, "second", mustWait(second), "503 after 2")
		same(t, "another chat", r.post(messageIn(8, 3)), "200")
		for r.post(messageIn(7, 2)) != "200" {
			pass(2 * time.Second)
		}
		same(t, "took", time.Since(start), time.Minute)
		same(t, "cause", cause, tghook.ErrHandlerTimeout)
		same(t, "order", r.order(), []int64{1, 3, 2})
	})
}

func TestTenThousandHandlersAtOnce(t *testing.T) {
	t.Parallel()
	const most = 10_000
	var running atomic.Int32
	all := make(chan struct{})
	r := newRig(t, tghook.Config{LateAfter: time.Minute, Dispatch: tghook.DispatchConfig{MaxInFlight: most}}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		if running.Add(1) == most {
			close(all)
		}
		<-all
		return hello, nil
	})
	var wg sync.WaitGroup
	for id := range int64(most) {
		wg.Go(func() { same(t, "answer", r.post(messageIn(id+1, id)), helloAnswer) })
	}
	receive(t, "the last handler to start", all)
	wg.Wait()
	same(t, "stats", r.Stats(), tghook.Stats{Remembered: most})
}
