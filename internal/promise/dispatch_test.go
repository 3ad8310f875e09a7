package promise_test

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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

func TestDoReturnsTheReply(t *testing.T) {
	t.Parallel()
	c := rig.NewDispatcher(t, tghook.DispatchConfig{Bot: 5}, rig.Taking(0, rig.Hello, nil))
	for range 2 {
		reply, err := c.DoBody(t.Context(), rig.MessageIn(7, 1))
		assert.Equal(t, rig.HelloCall, reply, "reply")
		require.NoError(t, err, "error")
	}
	assert.Equal(t, "replied/1/0/rode duplicate/0/0/rode", c.Outcomes(), "outcomes")
	assert.Equal(t, int64(5), c.Last().Bot, "bot")
	c.Did(rig.Counts{Runs: 1})
}

func TestDoReturnsTheErrorOfTheHandler(t *testing.T) {
	t.Parallel()
	c := rig.NewDispatcher(t, tghook.DispatchConfig{}, rig.Taking(0, rig.Hello, rig.ErrBroken))
	for range 2 {
		reply, err := c.DoBody(t.Context(), rig.MessageIn(7, 1))
		assert.Empty(t, reply, "reply")
		assert.Equal(t, rig.ErrBroken, err, "error")
	}
	assert.Equal(t, "failed/1/0 failed/2/0", c.Outcomes(), "outcomes")
}

func TestDoJoins(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		c := rig.NewDispatcher(t, tghook.DispatchConfig{}, rig.Taking(time.Hour/20, rig.Hello, nil))
		first, second := c.Asked(rig.MessageIn(7, 1)), c.Asked(rig.MessageIn(7, 1))
		assert.Empty(t, rig.MustWait(first), "older")
		assert.Equal(t, rig.HelloCall, rig.MustWait(second), "newer")
		c.Did(rig.Counts{Runs: 1})
	})
}

func TestDoEndsWithItsContext(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		c := rig.NewDispatcher(t, tghook.DispatchConfig{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(10 * time.Second)
			return rig.Hello, ctx.Err()
		})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, rig.ErrBroken)
		defer cancel()
		reply, err := c.DoBody(ctx, rig.MessageIn(7, 1))
		assert.Empty(t, reply, "reply")
		assert.Equal(t, rig.ErrBroken, err, "error")
		assert.Equal(t, "late/1/0", c.Outcomes(), "outcomes")
		reply, err = c.DoBody(t.Context(), rig.MessageIn(7, 1))
		assert.Equal(t, rig.HelloCall, reply, "reply")
		require.NoError(t, err, "error")
		c.Did(rig.Counts{Runs: 1})
	})
}

func TestDoWithoutAKindIsADeadLetter(t *testing.T) {
	t.Parallel()
	c := rig.NewDispatcher(t, tghook.DispatchConfig{}, rig.Nothing)
	_, err := c.DoBody(t.Context(), `{"update_id":1}`)
	require.NoError(t, err, "error")
	c.Did(rig.Counts{Letters: 1})
	require.ErrorIs(t, c.Letter(0).Err, tghook.ErrNoKind)
	assert.Equal(t, "dead_lettered/0/0", c.Outcomes(), "outcomes")
}

// sharesALane hands over two updates and reports whether the second one waited
// for the first.
func sharesALane(t *testing.T, cfg tghook.DispatchConfig, first, second string) bool {
	t.Helper()
	c := rig.NewDispatcher(t, cfg, rig.Taking(time.Second, tghook.NoReply, nil))
	a, b := c.Asked(first), c.Asked(second)
	_, took := b.Wait()
	rig.MustWait(a)
	c.Did(rig.Counts{Runs: 2})
	c.Clean(c.Stats())
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
		"two messages of a chat":                          {rig.MessageIn(7, 1), rig.MessageIn(7, 2), true},
		"messages of two chats":                           {rig.MessageIn(7, 1), rig.MessageIn(8, 2), false},
		"a message and a callback of a private chat":      {rig.MessageIn(7, 1), rig.CallbackIn(7, 7, 2), true},
		"a message and a callback of a group":             {rig.MessageIn(-7, 1), rig.CallbackIn(-7, 5, 2), true},
		"callbacks of one user in two chats":              {rig.CallbackIn(-7, 5, 1), rig.CallbackIn(-8, 5, 2), false},
		"a message and a reaction of a chat":              {rig.MessageIn(-7, 1), reactionIn(-7, 2), true},
		"a message and an inline_query of a user":         {rig.MessageIn(7, 1), rig.KindBy("inline_query", 7, 2), false},
		"a message and a shipping_query of a user":        {rig.MessageIn(7, 1), rig.KindBy("shipping_query", 7, 2), false},
		"a message and a pre_checkout_query of a user":    {rig.MessageIn(7, 1), rig.KindBy("pre_checkout_query", 7, 2), false},
		"two inline queries of a user":                    {rig.KindBy("inline_query", 7, 1), rig.KindBy("inline_query", 7, 2), true},
		"inline queries of two users":                     {rig.KindBy("inline_query", 7, 1), rig.KindBy("inline_query", 8, 2), false},
		"a callback without a chat, of one user":          {inlineCallback(7, 1), inlineCallback(7, 2), true},
		"callbacks without a chat, of two users":          {inlineCallback(7, 1), inlineCallback(8, 2), false},
		"a callback without a chat and an inline_query":   {inlineCallback(7, 1), rig.KindBy("inline_query", 7, 2), false},
		"a callback without a chat and a message of it":   {inlineCallback(7, 1), rig.MessageIn(7, 2), false},
		"two updates of a poll":                           {pollOf("1", 1), pollOf("1", 2), true},
		"two polls":                                       {pollOf("1", 1), pollOf("2", 2), false},
		"a poll and an answer to it":                      {pollOf("1", 1), answerTo("1", 5, 2), true},
		"answers of a user to two polls":                  {answerTo("1", 5, 1), answerTo("2", 5, 2), false},
		"a poll whose id is a chat's":                     {pollOf("7", 1), rig.MessageIn(7, 2), false},
		"a chosen_inline_result and a paid media of one":  {rig.KindBy("chosen_inline_result", 7, 1), rig.KindBy("purchased_paid_media", 7, 2), true},
		"updates of nobody":                               {strange(1), strange(2), false},
		"an inline_query and a pre_checkout_query of one": {rig.KindBy("inline_query", 7, 1), rig.KindBy("pre_checkout_query", 7, 2), true},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				assert.Equal(t, test.together, sharesALane(t, tghook.DispatchConfig{}, test.first, test.second), "one lane")
			})
		})
	}
}

func TestALaneOfOnesOwn(t *testing.T) {
	for lane, together := range map[string]bool{"": false, "everything": true} {
		t.Run(lane, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				cfg := tghook.DispatchConfig{Lane: func(*tghook.Update) string { return lane }}
				assert.Equal(t, together, sharesALane(t, cfg, rig.MessageIn(7, 1), rig.MessageIn(7, 2)), "of one chat")
				assert.Equal(t, together, sharesALane(t, cfg, rig.MessageIn(7, 1), rig.MessageIn(8, 2)), "of two chats")
			})
		})
	}
}

func TestALaneThatPanicsFailsItsDeliveryAlone(t *testing.T) {
	t.Parallel()
	cfg := tghook.DispatchConfig{Lane: func(u *tghook.Update) string {
		if u.ID == 1 {
			panic(rig.ErrBroken)
		}
		return "lane"
	}}
	c := rig.NewDispatcher(t, cfg, rig.Nothing)
	var panicked *tghook.PanicError
	if _, err := c.DoBody(t.Context(), rig.MessageIn(7, 1)); !errors.As(err, &panicked) || !errors.Is(err, rig.ErrBroken) {
		t.Errorf("Do: %v", err)
	}
	assert.Equal(t, "failed/0/0", c.Outcomes(), "outcomes")
	_, err := c.DoBody(t.Context(), rig.MessageIn(7, 2))
	require.NoError(t, err, "the next")
	c.Did(rig.Counts{Runs: 1})
	c.Clean(c.Stats())
}

func TestOrderWithinALaneHoldsUnderLoad(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		const chats, each = 5, 200
		var running [chats]atomic.Int32
		var mu sync.Mutex
		order := make([][]int64, chats)
		c := rig.NewDispatcher(t, tghook.DispatchConfig{MaxLane: each}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			chat := u.ChatID - 1
			assert.LessOrEqualf(t, running[chat].Add(1), int32(1), "chat %d: two handlers at once", chat)
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
			c.Asked(rig.MessageIn(1+id%chats, id))
			if id%10 == 0 {
				rig.Pass(time.Millisecond)
			}
		}
		rig.Pass(time.Minute)
		for chat := range order {
			assert.Len(t, order[chat], each, "length")
			assert.True(t, slices.IsSorted(order[chat]), fmt.Sprint("chat ", chat, " in order"))
		}
		c.Clean(c.Stats())
	})
}

func TestOrderWithinALaneHoldsOnARealClock(t *testing.T) {
	t.Parallel()
	const each = 200
	var running atomic.Int32
	var order []int64
	start := make(chan struct{})
	c := rig.NewDispatcher(t, tghook.DispatchConfig{MaxLane: each + 1}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		<-start
		if u.ChatID != 1 {
			return tghook.NoReply, nil
		}
		assert.LessOrEqual(t, running.Add(1), int32(1), "two handlers at once")
		order = append(order, u.ID)
		running.Add(-1)
		return tghook.NoReply, nil
	})
	var wg sync.WaitGroup
	for id := range int64(each) {
		wg.Go(func() { c.DoBody(t.Context(), rig.MessageIn(1, id)) })
		rig.Until(t, "the update is admitted", func() bool { return c.Stats().InFlight > int(id) })
		if id == each/2 {
			close(start)
			for other := range int64(each) {
				wg.Go(func() { c.DoBody(t.Context(), rig.MessageIn(2+other, 1000+other)) })
			}
			break
		}
	}
	for id := range int64(each / 2) { // while they run, one behind the other
		c.DoBody(t.Context(), rig.MessageIn(1, each/2+1+id))
	}
	wg.Wait()
	assert.Len(t, order, each+1, "runs")
	assert.True(t, slices.IsSorted(order), "in order")
	c.Clean(c.Stats())
}

func TestChatsRunInParallel(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		c := rig.NewDispatcher(t, tghook.DispatchConfig{}, rig.Taking(time.Second, rig.Hello, nil))
		all := make([]*rig.Pending, 0, 500)
		for id := range int64(500) {
			all = append(all, c.Asked(rig.MessageIn(id+1, id)))
		}
		for _, p := range all {
			got, took := p.Wait()
			assert.Equal(t, rig.HelloCall, got, "reply")
			assert.Equal(t, time.Second, took, "took")
		}
	})
}

func TestMaxInFlightIsNeverExceeded(t *testing.T) {
	t.Parallel()
	const most = 10
	var running, peak, shed, ran atomic.Int32
	c := rig.NewDispatcher(t, tghook.DispatchConfig{MaxInFlight: most}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		n := running.Add(1)
		for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
		}
		runtime.Gosched()
		running.Add(-1)
		ran.Add(1)
		return rig.Hello, nil
	})
	var wg sync.WaitGroup
	for id := range int64(1000) {
		wg.Go(func() {
			if got, err := c.DoBody(t.Context(), rig.MessageIn(id%50, id)); err != nil {
				shed.Add(1)
			} else {
				assert.Equal(t, rig.HelloCall, got, "reply")
			}
			if n := c.Stats().InFlight; n < 0 || n > most {
				t.Errorf("%d in flight", n)
			}
		})
	}
	wg.Wait()
	assert.LessOrEqualf(t, peak.Load(), int32(most), "%d handlers at once", peak.Load())
	assert.Equal(t, int32(1000), ran.Load()+shed.Load(), "ran or shed")
	c.Clean(c.Stats())
}

func TestAFloodOfOneChatDoesNotHoldUpOthers(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		const flood = 300
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(time.Second, tghook.NoReply, nil))
		todo := make(chan int64, flood)
		for id := range int64(flood) {
			todo <- id
		}
		sheds := 0
		for id := range int64(flood) { // all at once
			if p := r.Send(rig.MessageIn(7, id)); strings.HasPrefix(p.Now(), "503") {
				sheds++
			}
		}
		assert.Equal(t, flood-64, sheds, "sheds")
		for id := range int64(100) {
			got, took := r.Send(rig.MessageIn(100+id, 1000+id)).Wait()
			assert.Equal(t, "200", got, "another chat")
			assert.Equal(t, time.Second, took, "took")
		}
		for id := range int64(flood) { // again and again, until nothing is lost
			for r.Post(rig.MessageIn(7, id)) != "200" {
				rig.Pass(2 * time.Second)
			}
		}
		ran := map[int64]int{}
		for _, id := range r.Order() {
			ran[id]++
		}
		assert.Len(t, ran, flood+100, "updates")
		assert.Len(t, r.Order(), flood+100, "runs")
	})
}

func TestAnAttemptIsAStartOfTheHandler(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var fail atomic.Bool
		fail.Store(true)
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxLane: 2}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(11 * time.Second)
			if u.ID == 2 && fail.Load() {
				return rig.Hello, rig.ErrBroken
			}
			return rig.Hello, nil
		})
		blocker := r.Send(rig.MessageIn(7, 1))
		queued := r.Send(rig.MessageIn(7, 2)) // waits in the lane, and is late there
		assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 3)), "shed")
		assert.Equal(t, "503 after 2", rig.MustWait(queued), "late in the lane")
		assert.Equal(t, "503 after 2", rig.MustWait(blocker), "blocker")
		joined := r.Send(rig.MessageIn(7, 2))                        // late while it runs
		assert.Equal(t, "503 after 2", rig.MustWait(joined), "late") // 16 s
		again := r.Send(rig.MessageIn(7, 2))                         // joins until 24 s
		assert.Equal(t, "500", rig.MustWait(again), "fails")
		assert.Equal(t, 1, r.Last().Attempt, "first attempt")
		fail.Store(false)
		assert.Contains(t, []string{"503 after 2"}, r.Post(rig.MessageIn(7, 2)), "late")
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 2)), "succeeds")
		assert.Equal(t, 2, r.Last().Attempt, "second attempt")
		r.Did(rig.Counts{Runs: 3})
	})
}

func TestAShedRedeliveryKeepsItsCount(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var slow atomic.Bool
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxInFlight: 1, MaxAttempts: 3}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				return rig.Hello, rig.ErrBroken
			}
			time.Sleep(time.Second)
			return rig.Hello, nil
		})
		slow.Store(true)
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "first")
		other := r.Send(rig.MessageIn(8, 2))
		assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 1)), "shed")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(other), "other")
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "second")
		assert.Equal(t, 2, r.Last().Attempt, "its attempt")
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "third")
		r.Did(rig.Counts{Runs: 4, Letters: 1})
	})
}

func TestWhatTheUserBreaksStaysWithItsUpdate(t *testing.T) {
	type dispatch = tghook.DispatchConfig
	panics := func() { panic(rig.ErrBroken) }
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
				err: tghook.Drop(rig.ErrBroken), want: "500",
			},
			"Caller": {
				cfg: func(broken func(int64)) tghook.Config {
					return tghook.Config{Dispatch: dispatch{Caller: &rig.Caller{Do: func(ctx context.Context, _ string) error {
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
				r := rig.NewBot(t, test.cfg(broken), func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					if where == "handler" {
						broken(u.ID)
					}
					return test.reply, test.err
				})
				for range 2 {
					assert.Equal(t, test.want, r.Post(rig.MessageIn(7, 1)), "answer")
				}
				if where != "handler" {
					assert.Equal(t, []int64{1}, r.Order(), "runs")
				}
				assert.Equal(t, "200", r.Post(rig.MessageIn(7, 2)), "next of the lane")
				assert.Equal(t, "200", r.Post(rig.MessageIn(8, 3)), "another lane")
				r.Clean(r.Stats())
			})
		}
	}
}

func TestAnObserveThatPanicsChangesNothing(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Observe: func(context.Context, tghook.Delivery) { panic(rig.ErrBroken) }}}
		r := rig.NewBot(t, cfg, rig.Taking(9*time.Second, rig.Hello, nil))
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 2)), "late")
		rig.Pass(time.Minute)
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 3)), "next of the lane")
		r.Did(rig.Counts{Runs: 3})
	})
}

// Observe is called on the goroutine of the run when no delivery carries the
// result: its end must not be taken for the handler's.
func TestAnObserveThatEndsItsGoroutineChangesNothing(t *testing.T) {
	rig.Alone(t, func(t *testing.T) {
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Observe: func(_ context.Context, v tghook.Delivery) {
			if v.Status == 0 && v.Update.ID < 3 {
				runtime.Goexit()
			}
		}}}
		r := rig.NewBot(t, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(5 * time.Second)
			if u.ID == 1 {
				return rig.Hello, rig.ErrBroken
			}
			return tghook.NoReply, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		first := r.SendWith(ctx, rig.MessageIn(7, 1))
		second := r.SendWith(ctx, rig.MessageIn(7, 2))
		third := r.Send(rig.MessageIn(7, 4))
		cancel()
		rig.MustWait(first)
		rig.MustWait(second)
		rig.Pass(7 * time.Second)
		assert.Equal(t, "503 after 2", rig.MustWait(third), "late in the lane")
		rig.Pass(time.Minute)
		assert.Equal(t, []int64{1, 2, 4}, r.Order(), "order")
		r.Clean(r.Stats())
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "redelivery of the one that failed")
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 2)), "redelivery of one that succeeded")
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 4)), "redelivery of the third")
		r.Did(rig.Counts{Runs: 4})
	})
}

func TestADeadlineThatEndsItsGoroutineHoldsNothing(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := tghook.Config{Deadline: func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID == 1 {
				runtime.Goexit()
			}
			return 0, 0
		}}
		r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
		rig.MustWait(r.Send(rig.MessageIn(7, 1)))
		r.Did(rig.Counts{})
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 2)), "next of the lane")
		r.Clean(r.Stats())
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
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, tghook.NoReply, nil))
				assert.Equal(t, "200", r.Post(rig.KindBy(kind, 7, 1)), "first")
				rig.Pass(life - 1)
				r.Post(rig.KindBy(kind, 7, 1))
				r.Did(rig.Counts{Runs: 1})
				rig.Pass(1)
				assert.Equal(t, "200", r.Post(rig.KindBy(kind, 7, 1)), "when it is over")
				r.Did(rig.Counts{Runs: 2})
				assert.Equal(t, 1, r.Last().Attempt, "attempt")
			})
		})
		t.Run(string(kind)+" that failed", func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, tghook.NoReply, rig.ErrBroken))
				r.Post(rig.KindBy(kind, 7, 1))
				rig.Pass(life - 1)
				assert.Equal(t, 1, r.Stats().Failed, "failed")
				r.Post(rig.KindBy(kind, 7, 1))
				assert.Equal(t, 2, r.Last().Attempt, "attempt")
				rig.Pass(life)
				assert.Equal(t, tghook.Stats{}, r.Stats(), "stats")
				r.Post(rig.KindBy(kind, 7, 1))
				assert.Equal(t, 1, r.Last().Attempt, "attempt")
			})
		})
		t.Run(string(kind)+" that succeeded untold", func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, tghook.Config{}, rig.Taking(9*time.Second, tghook.NoReply, nil))
				r.Post(rig.KindBy(kind, 7, 1))
				rig.Pass(time.Second + life)
				if r.Stats().Unacknowledged > 0 && kind != tghook.KindInlineQuery && kind != tghook.KindPreCheckoutQuery {
					t.Errorf("stats %+v", r.Stats())
				}
				rig.Pass(time.Minute)
				assert.Equal(t, tghook.Stats{}, r.Stats(), "stats")
			})
		})
	}
}

func TestStatsTellWhatIsHeld(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				return rig.Hello, rig.ErrBroken
			}
			if u.ID > 2 {
				time.Sleep(9 * time.Second)
			}
			return tghook.NoReply, nil
		})
		r.Post(rig.MessageIn(1, 1))
		r.Post(rig.MessageIn(2, 2))
		r.Send(rig.MessageIn(3, 3))
		r.Send(rig.MessageIn(3, 4))
		r.Send(rig.MessageIn(5, 5))
		assert.Equal(t, tghook.Stats{InFlight: 3, Lanes: 2, Failed: 1, Remembered: 1}, r.Stats(), "at first")
		rig.Pass(10 * time.Second)
		assert.Equal(t, tghook.Stats{InFlight: 1, Lanes: 1, Failed: 1, Unacknowledged: 2, Remembered: 1}, r.Stats(), "later")
		rig.Pass(10 * time.Second)
		assert.Equal(t, tghook.Stats{Failed: 1, Unacknowledged: 3, Remembered: 1}, r.Stats(), "at last")
	})
}

func TestPastTheBoundTheOldestAreForgottenAndCounted(t *testing.T) {
	t.Parallel()
	c := rig.NewDispatcher(t, tghook.DispatchConfig{}, rig.Taking(0, tghook.NoReply, nil))
	const bound, more = 100_000, 1000
	u := rig.Parsed(t, rig.MessageIn(7, 1))
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
	c.Did(rig.Counts{Runs: bound + more})
	do(0)
	c.Did(rig.Counts{Runs: bound + more + 1})
}

func TestALaterIDBeforeAnEarlierOneRunsBoth(t *testing.T) {
	t.Parallel()
	r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, nil))
	for _, id := range []int64{2, 1, 1 << 40, 0, -5} {
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, id)), "answer")
	}
	r.Did(rig.Counts{Runs: 5})
}

func TestAHandlerThatWaitsForItsOwnChatsNextUpdateTimesOut(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		next := make(chan struct{})
		var cause error
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute}}, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
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
		first, second := r.Send(rig.MessageIn(7, 1)), r.Send(rig.MessageIn(7, 2))
		assert.Equal(t, "503 after 2", rig.MustWait(first), "first")
		assert.Equal(t, "503 after 2", rig.MustWait(second), "second")
		assert.Equal(t, "200", r.Post(rig.MessageIn(8, 3)), "another chat")
		for r.Post(rig.MessageIn(7, 2)) != "200" {
			rig.Pass(2 * time.Second)
		}
		assert.Equal(t, time.Minute, time.Since(start), "took")
		assert.Equal(t, tghook.ErrHandlerTimeout, cause, "cause")
		assert.Equal(t, []int64{1, 3, 2}, r.Order(), "order")
	})
}

func TestTenThousandHandlersAtOnce(t *testing.T) {
	t.Parallel()
	const most = 10_000
	var running atomic.Int32
	all := make(chan struct{})
	r := rig.NewBot(t, tghook.Config{LateAfter: time.Minute, Dispatch: tghook.DispatchConfig{MaxInFlight: most}}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		if running.Add(1) == most {
			close(all)
		}
		<-all
		return rig.Hello, nil
	})
	var wg sync.WaitGroup
	for id := range int64(most) {
		wg.Go(func() { assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(id+1, id)), "answer") })
	}
	rig.Receive(t, "the last handler to start", all)
	wg.Wait()
	assert.Equal(t, tghook.Stats{Remembered: most}, r.Stats(), "stats")
}

func TestDeliverSendsTheReplyByCallerWithinTheLane(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.Caller{}
		var before []int // calls made when each handler started
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			before = append(before, len(api.All()))
			time.Sleep(time.Second)
			return rig.Hello, nil
		})
		api.Do = func(context.Context, string) error { time.Sleep(time.Second); return nil }
		first := rig.Eventually(func() string { return r.Queued(t.Context(), rig.MessageIn(7, 1)) })
		second := rig.Eventually(func() string { return r.Queued(t.Context(), rig.MessageIn(7, 2)) })
		for _, p := range []*rig.Pending{first, second} {
			if got, _ := p.Wait(); got != "acknowledged" {
				t.Errorf("got %q", got)
			}
		}
		assert.Equal(t, []int{0, 1}, before, "calls made before each start")
		assert.Equal(t, "acknowledged", r.Queued(t.Context(), rig.MessageIn(7, 1)), "a redelivery")
		assert.Equal(t, []string{rig.HelloCall, rig.HelloCall}, api.All(), "calls")
		assert.Equal(t, "replied/1/0 replied/1/0 duplicate/0/0", r.Outcomes(), "outcomes")
		r.Did(rig.Counts{Runs: 2, Calls: 2})
	})
}

func TestDeliverWithoutACallerLosesTheReplyAndSaysSo(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, nil))
		assert.Equal(t, "acknowledged", r.Queued(t.Context(), rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "reply_lost/1/0", r.Outcomes(), "outcomes")
	})
}

func TestDeliverGivesTheErrorOfTheHandler(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, tghook.RetryAfter(time.Minute, rig.ErrBroken)))
		err := r.Deliver(t.Context(), rig.Parsed(t, rig.MessageIn(7, 1)))
		after, ok := tghook.RetryDelay(err)
		if !errors.Is(err, rig.ErrBroken) || !ok || after != time.Minute {
			t.Errorf("got %v, to be offered again after %v", err, after)
		}
		assert.Equal(t, "failed/1/0", r.Outcomes(), "outcomes")
	})
}

func TestDeliverEndsTheHandlerBeforeItsOwnDeadline(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var causes []error
		r := rig.NewBot(t, tghook.Config{LateAfter: time.Second}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			causes = append(causes, context.Cause(ctx))
			return tghook.NoReply, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		p := rig.Eventually(func() string { return r.Queued(ctx, rig.MessageIn(7, 1)) })
		got, took := p.Wait()
		if got != "answered before the handler had finished: it was given 9.5s by the deadline of the context that it arrived with" || took != 9500*time.Millisecond {
			t.Errorf("got %q after %v", got, took)
		}
		assert.Equal(t, []error{tghook.ErrLate}, causes, "causes")
	})
}

// The first delivery was late, so that nothing has carried the reply: the second
// sees to it before it acknowledges.
func TestDeliverSendsTheReplyOfARunThatNobodyWaitedFor(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.Caller{}
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, rig.Taking(3*time.Second, rig.Hello, nil))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		p := rig.Eventually(func() string { return r.Queued(ctx, rig.MessageIn(7, 1)) })
		if got, took := p.Wait(); got != "answered before the handler had finished: it was given 1.5s by the deadline of the context that it arrived with" || took != 1500*time.Millisecond {
			t.Errorf("got %q after %v", got, took)
		}
		rig.Pass(2 * time.Second)
		r.Did(rig.Counts{Runs: 1})
		assert.Equal(t, "acknowledged", r.Queued(t.Context(), rig.MessageIn(7, 1)), "the redelivery")
		r.Did(rig.Counts{Runs: 1, Calls: 1})
		rig.Pass(time.Minute)
		r.Did(rig.Counts{Runs: 1, Calls: 1})
		assert.Equal(t, "late/1/0/late replied/1/0/late", r.Outcomes(), "outcomes")
	})
}

func TestDeliverWithoutADeadlineWaits(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{LateAfter: time.Second, Late: tghook.LateAck}, rig.Taking(time.Minute, tghook.NoReply, nil))
		p := rig.Eventually(func() string { return r.Queued(t.Context(), rig.MessageIn(7, 1)) })
		if got, took := p.Wait(); got != "acknowledged" || took != time.Minute {
			t.Errorf("got %q after %v", got, took)
		}
	})
}
