package promise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

func TestLateAfterCountsFromEachDeliverysOwnArrival(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(30*time.Second, rig.Hello, nil))
		start := time.Now()
		for i, arrives := range []time.Duration{0, 10 * time.Second, 20 * time.Second, 29 * time.Second} {
			rig.Pass(arrives - time.Since(start))
			got, took := r.Send(rig.MessageIn(7, 1)).Wait()
			if i < 3 {
				assert.Equal(t, "503 after 2", got, fmt.Sprint("at ", arrives))
				assert.Equal(t, 8*time.Second, took, fmt.Sprint("at ", arrives))
			} else {
				assert.Equal(t, rig.HelloAnswer, got, "the last")
				assert.Equal(t, time.Second, took, "the last")
			}
		}
		r.Did(rig.Counts{Runs: 1})
	})
}

func TestLateAfterCountsTheReadingOfTheBody(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(time.Minute, rig.Hello, nil))
		p := rig.Eventually(func() string {
			return rig.Answer(r.ServeWith(context.Background(), rig.MessageIn(7, 1), func(req *tghook.Request) {
				req.Body = &rig.SlowReader{Reader: req.Body}
			}))
		})
		got, took := p.Wait()
		assert.Equal(t, "503 after 2", got, "answer")
		assert.Equal(t, 8*time.Second, took, "took")
	})
}

func TestADeliveryIsLateAfter(t *testing.T) {
	const minute = time.Minute
	type cfg = tghook.Config
	for _, test := range []struct {
		name string
		cfg  cfg
		body string
		ctx  time.Duration // time left; 0: no deadline
		want time.Duration
	}{
		{"eight seconds", cfg{}, rig.MessageIn(7, 1), 0, 8 * time.Second},
		{"what is configured", cfg{LateAfter: minute}, rig.MessageIn(7, 1), 0, minute},
		{"five seconds for inline_query", cfg{}, rig.KindBy("inline_query", 7, 1), 0, 5 * time.Second},
		{"five seconds at most for inline_query", cfg{LateAfter: minute}, rig.KindBy("inline_query", 7, 1), 0, 5 * time.Second},
		{"less for inline_query", cfg{LateAfter: time.Second}, rig.KindBy("inline_query", 7, 1), 0, time.Second},
		{"five seconds at most for pre_checkout_query", cfg{LateAfter: minute}, rig.KindBy("pre_checkout_query", 7, 1), 0, 5 * time.Second},
		{"eight seconds for shipping_query", cfg{}, rig.KindBy("shipping_query", 7, 1), 0, 8 * time.Second},
		{"eight seconds for callback_query", cfg{}, rig.KindBy("callback_query", 7, 1), 0, 8 * time.Second},
		{"half a second before the ctx", cfg{}, rig.MessageIn(7, 1), 3 * time.Second, 2500 * time.Millisecond},
		{"five percent before the ctx", cfg{LateAfter: time.Hour}, rig.MessageIn(7, 1), minute, 57 * time.Second},
		{"where both margins meet", cfg{LateAfter: time.Hour}, rig.MessageIn(7, 1), 10 * time.Second, 9500 * time.Millisecond},
		{"eight seconds before a later ctx", cfg{}, rig.MessageIn(7, 1), minute, 8 * time.Second},
		{"at once when nothing is left", cfg{}, rig.MessageIn(7, 1), 400 * time.Millisecond, 0},
		{"Deadline's own", cfg{Deadline: always(3*time.Second, 0)}, rig.MessageIn(7, 1), 0, 3 * time.Second},
		{"not with Deadline's zero", cfg{LateAfter: minute, Deadline: always(0, 0)}, rig.MessageIn(7, 1), 0, minute},
		{"five seconds for inline_query with Deadline", cfg{Deadline: always(minute, 0)}, rig.KindBy("inline_query", 7, 1), 0, 5 * time.Second},
		{"before the ctx with Deadline", cfg{Deadline: always(minute, 0)}, rig.MessageIn(7, 1), 3 * time.Second, 2500 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := rig.NewBot(t, test.cfg, rig.Taking(2*time.Hour, rig.Hello, nil))
				for range 2 { // the second one joins
					ctx, cancel := context.WithCancel(t.Context())
					if test.ctx > 0 {
						ctx, cancel = context.WithTimeout(t.Context(), test.ctx)
					}
					got, took := r.SendWith(ctx, test.body).Wait()
					cancel()
					assert.Equal(t, "503 after 2", got, "answer")
					assert.Equal(t, test.want, took, "took")
					rig.Pass(time.Second)
				}
			})
		})
	}
}

func always(d time.Duration, p tghook.LatePolicy) func(*tghook.Update) (time.Duration, tghook.LatePolicy) {
	return func(*tghook.Update) (time.Duration, tghook.LatePolicy) { return d, p }
}

func TestNegativeLateAfterIsNoGuard(t *testing.T) {
	for name, cfg := range map[string]tghook.Config{
		"configured":        {LateAfter: -1},
		"from Deadline":     {Deadline: always(-1, 0)},
		"with LateCancel":   {LateAfter: -1, Late: tghook.LateCancel},
		"for a query's sec": {Deadline: always(-1, tghook.LateAck)},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				cfg.Dispatch.HandlerTimeout = -1
				r := rig.NewBot(t, cfg, rig.Taking(time.Hour, rig.Hello, nil))
				message, query := r.Send(rig.MessageIn(7, 1)), r.Send(rig.KindBy("inline_query", 7, 2))
				for _, p := range []*rig.Pending{message, query} {
					got, took := p.Wait()
					assert.Equal(t, rig.HelloAnswer, got, "answer")
					assert.Equal(t, time.Hour, took, "took")
				}
			})
		})
	}
}

func TestDeadlineDecidesForEachUpdate(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.Caller{}
		cfg := tghook.Config{Late: tghook.LateRetry, Dispatch: tghook.DispatchConfig{Caller: api}}
		cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			switch u.ChatID {
			case 1:
				return 2 * time.Second, tghook.LateAck
			case 2:
				return 3 * time.Second, tghook.LateCancel
			case 3:
				return 0, tghook.LateAck
			}
			return 0, tghook.LateDefault
		}
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			select {
			case <-ctx.Done():
			case <-time.After(9 * time.Second):
			}
			return rig.Hello, ctx.Err()
		})
		wants := []string{"200 2s", "503 3s", "200 8s", "503 after 2 8s"}
		all := make([]*rig.Pending, 0, len(wants))
		for i := range wants {
			all = append(all, r.Send(rig.MessageIn(int64(i)+1, int64(i)+1)))
		}
		for i, want := range wants {
			got, took := all[i].Wait()
			assert.Equal(t, want, fmt.Sprint(got, " ", took), fmt.Sprint("chat ", i+1))
		}
		rig.Pass(time.Second)
		r.Did(rig.Counts{Runs: 4, Calls: 2})
	})
}

func TestADeadlineThatPanicsFailsItsDeliveryAlone(t *testing.T) {
	t.Parallel()
	cfg := tghook.Config{Deadline: func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
		if u.ID == 1 {
			panic(rig.ErrBroken)
		}
		return 0, 0
	}}
	r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
	assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "answer")
	var panicked *tghook.PanicError
	require.ErrorAsf(t, r.Last().Err, &panicked, "Observe is told %v", r.Last().Err)
	assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 2)), "next of the lane")
	r.Did(rig.Counts{Runs: 1})
	r.Clean(r.Stats())
}

func TestEphemeralTurnsEveryPolicyIntoLateCancel(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateDefault, tghook.LateRetry, tghook.LateCancel, tghook.LateAck} {
		for _, whose := range []string{"Config", "Request", "Config, with Deadline"} {
			t.Run(fmt.Sprint(whose, " ", policy), func(t *testing.T) {
				rig.Bubble(t, func(t *testing.T) {
					cfg := tghook.Config{Late: policy, Ephemeral: whose != "Request"}
					if whose == "Config, with Deadline" {
						cfg.Late, cfg.Deadline = 0, always(0, policy)
					}
					cause := make(chan error, 1)
					r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
						<-ctx.Done()
						cause <- context.Cause(ctx)
						return rig.Hello, ctx.Err()
					})
					res := r.ServeWith(t.Context(), rig.MessageIn(7, 1), func(req *tghook.Request) { req.Ephemeral = whose == "Request" })
					assert.Equal(t, "503", rig.Answer(res), "answer")
					assert.Equal(t, tghook.ErrLate, <-cause, "cause")
				})
			})
		}
	}
}

func TestIsLateBetweenTheAnswerAndTheRedelivery(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var seen []bool
		r := rig.NewBot(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			child := context.WithValue(ctx, ctxKey{}, 1)
			for range 5 { // at 4, 9, 14, 19 and 24 s
				time.Sleep(4 * time.Second)
				seen = append(seen, tghook.IsLate(child))
				time.Sleep(time.Second)
			}
			return rig.Hello, nil
		})
		first := r.Send(rig.MessageIn(7, 1)) // until 8 s
		rig.Pass(10 * time.Second)
		second := r.Send(rig.MessageIn(7, 1)) // until 18 s
		assert.Equal(t, "503 after 2", rig.MustWait(first), "first")
		assert.Equal(t, "503 after 2", rig.MustWait(second), "second")
		rig.Pass(5 * time.Second) // 23 s
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(r.Send(rig.MessageIn(7, 1))), "third")
		assert.Equal(t, []bool{false, true, false, true, false}, seen, "IsLate")
	})
}

func TestIsLateAgainWhenTheRedeliverysSenderIsGone(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var seen []bool
		r := rig.NewBot(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			for range 3 { // at 9, 11 and 13 s
				time.Sleep(2 * time.Second)
				if len(seen) == 0 {
					time.Sleep(7 * time.Second)
				}
				seen = append(seen, tghook.IsLate(ctx))
			}
			return rig.Hello, nil
		})
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "first")
		rig.Pass(2 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		second := r.SendWith(ctx, rig.MessageIn(7, 1)) // from 10 s to 12 s
		rig.Pass(2 * time.Second)
		cancel()
		rig.MustWait(second)
		rig.Pass(time.Minute)
		assert.Equal(t, []bool{true, false, true}, seen, "IsLate")
	})
}

func TestIsLateOutsideOfAHandler(t *testing.T) {
	t.Parallel()
	assert.False(t, tghook.IsLate(t.Context()), "IsLate")
}

// An update that is late while it waits for its lane.
func TestLateInTheLane(t *testing.T) {
	start := func(t *testing.T, policy tghook.LatePolicy) (*rig.Bot, *rig.Pending) {
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}
		cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID == 1 {
				return -1, 0
			}
			return 0, policy
		}
		r := rig.NewBot(t, cfg, rig.Taking(20*time.Second, rig.Hello, nil))
		first := r.Send(rig.MessageIn(7, 1))
		got, took := r.Send(rig.MessageIn(7, 2)).Wait()
		assert.Equal(t, 8*time.Second, took, "took")
		want := "503 after 2"
		if policy == tghook.LateAck {
			want = "200"
		}
		assert.Equal(t, want, got, "answer")
		assert.Equal(t, 0, r.Last().Attempt, "attempt")
		return r, first
	}
	t.Run("keeps its place with LateRetry", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r, first := start(t, tghook.LateRetry)
			third := r.Send(rig.MessageIn(7, 3))
			assert.Equal(t, 3, r.Stats().InFlight, "in flight")
			assert.Equal(t, rig.HelloAnswer, rig.MustWait(first), "first")
			rig.Pass(18 * time.Second)
			assert.Equal(t, rig.HelloAnswer, rig.MustWait(r.Send(rig.MessageIn(7, 2))), "redelivery")
			assert.Equal(t, 1, r.Last().Attempt, "attempt")
			assert.Equal(t, "503 after 2", rig.MustWait(third), "third")
			assert.Equal(t, []int64{1, 2, 3}, r.Order(), "order")
		})
	})
	t.Run("leaves it with LateCancel, and no attempt is counted", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r, first := start(t, tghook.LateCancel)
			assert.Equal(t, 1, r.Stats().InFlight, "in flight")
			assert.Equal(t, rig.HelloAnswer, rig.MustWait(first), "first")
			r.Did(rig.Counts{Runs: 1})
			assert.Equal(t, "503", rig.MustWait(r.Send(rig.MessageIn(7, 2))), "redelivery")
			assert.Equal(t, 1, r.Last().Attempt, "attempt")
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 2, Calls: 1})
		})
	})
	t.Run("keeps it with LateAck", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r, first := start(t, tghook.LateAck)
			third := r.Send(rig.MessageIn(7, 3))
			assert.Equal(t, 3, r.Stats().InFlight, "in flight")
			assert.Equal(t, rig.HelloAnswer, rig.MustWait(first), "first")
			assert.Equal(t, "200", rig.MustWait(third), "third")
			rig.Pass(time.Minute)
			assert.Equal(t, []int64{1, 2, 3}, r.Order(), "order")
			r.Did(rig.Counts{Runs: 3, Calls: 2})
		})
	})
}

func TestTheRedeliveryAfterLateCancelWaitsForTheRun(t *testing.T) {
	// A handler that is deaf to its ctx for 20 s.
	start := func(t *testing.T, end func(n int32) error) (*rig.Bot, *atomic.Int32) {
		var at atomic.Int32
		var runs int32
		cfg := tghook.Config{Late: tghook.LateCancel, Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}
		r := rig.NewBot(t, cfg, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			assert.LessOrEqual(t, at.Add(1), int32(1), "two handlers at once")
			defer at.Add(-1)
			if runs++; runs == 1 {
				time.Sleep(20 * time.Second)
			}
			return rig.Hello, end(runs)
		})
		assert.Equal(t, "503", r.Post(rig.MessageIn(7, 1)), "first")
		rig.Pass(2 * time.Second)
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Equal(t, "503", got, "redelivery")
		assert.Equal(t, 8*time.Second, took, "redelivery took")
		return r, &at
	}
	t.Run("nil after all is success", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r, _ := start(t, func(int32) error { return nil })
			got, took := r.Send(rig.MessageIn(7, 1)).Wait()
			assert.Equal(t, rig.HelloAnswer, got, "answer")
			assert.Equal(t, 2*time.Second, took, "took")
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 1})
		})
	})
	t.Run("an error runs it again at once", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r, _ := start(t, func(n int32) error {
				if n == 1 {
					return rig.ErrBroken
				}
				return nil
			})
			older, newer := r.Send(rig.MessageIn(7, 1)), r.Send(rig.MessageIn(7, 1))
			behind := r.Send(rig.MessageIn(7, 2))
			got, took := newer.Wait()
			assert.Equal(t, rig.HelloAnswer, got, "newer")
			assert.Equal(t, 2*time.Second, took, "took")
			assert.Equal(t, "200", rig.MustWait(older), "older")
			assert.Equal(t, rig.HelloAnswer, rig.MustWait(behind), "behind in the lane")
			assert.Equal(t, []int64{1, 1, 2}, r.Order(), "order")
			var attempts []string
			for _, v := range r.Deliveries[2:] {
				if v.Update.ID == 1 {
					attempts = append(attempts, fmt.Sprint(v.Outcome, v.Attempt))
				}
			}
			assert.Equal(t, "failed1", attempts[0], "the run that was cancelled")
			assert.Len(t, attempts, 3, "deliveries")
			assert.True(t, strings.HasSuffix(attempts[1], "2") && strings.HasSuffix(attempts[2], "2"), "their attempts")
		})
	})
	t.Run("an error, with nobody there, waits for the next one", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r, _ := start(t, func(n int32) error {
				if n == 1 {
					return rig.ErrBroken
				}
				return nil
			})
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 1})
			r.Clean(r.Stats())
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
			assert.Equal(t, 2, r.Last().Attempt, "attempt")
		})
	})
	t.Run("a last attempt becomes a dead letter", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			cfg := tghook.Config{Late: tghook.LateCancel, Dispatch: tghook.DispatchConfig{MaxAttempts: 1}}
			r := rig.NewBot(t, cfg, rig.Taking(10*time.Second, rig.Hello, rig.ErrBroken))
			assert.Equal(t, "503", r.Post(rig.MessageIn(7, 1)), "first")
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
			r.Did(rig.Counts{Runs: 1, Letters: 1})
		})
	})
}

func TestLateCancelSparesARunThatAnotherDeliveryWaitsFor(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{Late: tghook.LateCancel}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(12 * time.Second)
			return rig.Hello, ctx.Err()
		})
		first := r.Send(rig.MessageIn(7, 1))
		rig.Pass(5 * time.Second)
		second := r.Send(rig.MessageIn(7, 1))
		assert.Equal(t, "503", rig.MustWait(first), "first")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(second), "second")
		r.Did(rig.Counts{Runs: 1})
	})
}

func TestLateCancelEndsTheHandlerThoughItsSenderIsGone(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var ended time.Duration
		start := time.Now()
		r := rig.NewBot(t, tghook.Config{Late: tghook.LateCancel}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			ended = time.Since(start)
			return rig.Hello, context.Cause(ctx)
		})
		ctx, cancel := context.WithCancel(t.Context())
		r.SendWith(ctx, rig.MessageIn(7, 1))
		rig.Pass(time.Second)
		cancel()
		rig.Pass(time.Minute)
		assert.Equal(t, 8*time.Second, ended, "ended")
	})
}

type ctxKey struct{}

func TestAHandlersContextIsNotTheRequests(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		type seen struct {
			value    any
			err      error
			deadline time.Duration
			update   int64
		}
		got := make(chan seen, 1)
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute}},
			func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				time.Sleep(5 * time.Second)
				deadline, _ := ctx.Deadline()
				u, _ := tghook.FromContext(ctx)
				got <- seen{ctx.Value(ctxKey{}), ctx.Err(), time.Until(deadline), u.ID}
				return rig.Hello, nil
			})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), ctxKey{}, "v"), 3*time.Second)
		defer cancel()
		first := r.SendWith(ctx, rig.MessageIn(7, 1))
		rig.Pass(time.Second)
		cancel()
		rig.MustWait(first)
		assert.Equal(t, "late/1/503", r.Outcomes(), "outcomes")
		assert.Equal(t, seen{"v", nil, 55 * time.Second, 1}, <-got, "seen")
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
		r.Did(rig.Counts{Runs: 1})
	})
}

func TestAHandlersContextEndsWithIt(t *testing.T) {
	t.Parallel()
	var kept context.Context
	r := rig.NewBot(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		kept = ctx //nolint:fatcontext // to see it end
		return rig.Hello, nil
	})
	r.Post(rig.MessageIn(7, 1))
	assert.Equal(t, context.Canceled, kept.Err(), "err")
}

func TestHandlerTimeout(t *testing.T) {
	type ended struct {
		after time.Duration
		err   error
		cause error
	}
	// waits returns what ended the handler's ctx.
	waits := func(got chan<- ended) tghook.HandlerFunc {
		return func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			start := time.Now()
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) <= 0 {
				panic("no deadline")
			}
			<-ctx.Done()
			got <- ended{time.Since(start), ctx.Err(), context.Cause(ctx)}
			return rig.Hello, context.Cause(ctx)
		}
	}
	type cfg = tghook.Config
	type dispatch = tghook.DispatchConfig
	for name, test := range map[string]struct {
		cfg  cfg
		want time.Duration
	}{
		"by default, after the guard":       {cfg{}, 5 * time.Minute},
		"by default, without a guard":       {cfg{LateAfter: -1}, 5 * time.Minute},
		"before the guard":                  {cfg{Dispatch: dispatch{HandlerTimeout: 3 * time.Second}}, 3 * time.Second},
		"together with the guard":           {cfg{Dispatch: dispatch{HandlerTimeout: 8 * time.Second}}, 8 * time.Second},
		"right after the guard":             {cfg{Dispatch: dispatch{HandlerTimeout: 8*time.Second + 1}}, 8*time.Second + 1},
		"after the guard, which has ack'ed": {cfg{Late: tghook.LateAck, Dispatch: dispatch{HandlerTimeout: time.Minute}}, time.Minute},
		"without a guard":                   {cfg{LateAfter: -1, Dispatch: dispatch{HandlerTimeout: time.Minute}}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				got := make(chan ended, 1)
				r := rig.NewBot(t, test.cfg, waits(got))
				r.Send(rig.MessageIn(7, 1))
				assert.Equal(t, ended{test.want, context.DeadlineExceeded, tghook.ErrHandlerTimeout}, <-got, "ended")
				synctest.Wait()
				if test.cfg.Late == tghook.LateAck {
					r.Did(rig.Counts{Runs: 1, Letters: 1})
				} else if !errors.Is(r.Last().Err, tghook.ErrHandlerTimeout) && r.Last().Outcome == tghook.OutcomeFailed {
					t.Errorf("Observe is told %v", r.Last().Err)
				}
				r.Clean(r.Stats())
			})
		})
	}
	t.Run("with a guard that was joined over and over", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			got := make(chan ended, 1)
			r := rig.NewBot(t, cfg{Dispatch: dispatch{HandlerTimeout: 21 * time.Second}}, waits(got))
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "first")
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "second")
			assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "third")
			assert.Equal(t, ended{21 * time.Second, context.DeadlineExceeded, tghook.ErrHandlerTimeout}, <-got, "ended")
		})
	})
	t.Run("when its sender went before the guard", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			got := make(chan ended, 1)
			r := rig.NewBot(t, cfg{Dispatch: dispatch{HandlerTimeout: time.Minute}}, waits(got))
			ctx, cancel := context.WithCancel(t.Context())
			r.SendWith(ctx, rig.MessageIn(7, 1))
			cancel()
			assert.Equal(t, ended{time.Minute, context.DeadlineExceeded, tghook.ErrHandlerTimeout}, <-got, "ended")
		})
	})
	t.Run("counts from the handler's start", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			got := make(chan ended, 2)
			r := rig.NewBot(t, cfg{LateAfter: -1, Dispatch: dispatch{HandlerTimeout: time.Minute}}, waits(got))
			r.Send(rig.MessageIn(7, 1))
			r.Send(rig.MessageIn(7, 2))
			for range 2 {
				assert.Equal(t, ended{time.Minute, context.DeadlineExceeded, tghook.ErrHandlerTimeout}, <-got, "ended")
			}
		})
	})
	t.Run("by Do", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			got := make(chan ended, 1)
			c := rig.NewDispatcher(t, dispatch{HandlerTimeout: time.Minute}, waits(got))
			if _, err := c.DoBody(t.Context(), rig.MessageIn(7, 1)); !errors.Is(err, tghook.ErrHandlerTimeout) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Do: %v", err)
			}
			assert.Equal(t, ended{time.Minute, context.DeadlineExceeded, tghook.ErrHandlerTimeout}, <-got, "ended")
		})
	})
	t.Run("never when it is negative", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, cfg{LateAfter: -1, Dispatch: dispatch{HandlerTimeout: -1}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				if _, ok := ctx.Deadline(); ok {
					t.Error("there is a deadline")
				}
				time.Sleep(48 * time.Hour)
				return rig.Hello, ctx.Err()
			})
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
		})
	})
	t.Run("of a DeadLetter, from its own start", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			var got ended
			c := cfg{Late: tghook.LateAck, Dispatch: dispatch{HandlerTimeout: time.Minute}}
			c.Dispatch.DeadLetter = func(ctx context.Context, _ *tghook.Update, _ error) error {
				start := time.Now()
				<-ctx.Done()
				got = ended{time.Since(start), ctx.Err(), context.Cause(ctx)}
				return nil
			}
			r := rig.NewBot(t, c, rig.Taking(30*time.Second, rig.Hello, rig.ErrBroken))
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
			rig.Pass(time.Hour)
			assert.Equal(t, ended{time.Minute, context.DeadlineExceeded, tghook.ErrHandlerTimeout}, got, "ended")
		})
	})
}

// What a handler derives from its ctx, as an HTTP client does, must end for the
// same reason.
func TestHandlerTimeoutReachesDerivedContexts(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Second}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			child, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-child.Done()
			assert.Equal(t, tghook.ErrHandlerTimeout, context.Cause(child), "cause")
			assert.Equal(t, context.DeadlineExceeded, child.Err(), "err")
			return rig.Hello, nil
		})
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
	})
}

// After ten seconds without a 2xx Telegram has but one connection: what is slow
// there holds up all other chats.
func TestOnASingleConnectionASlowChatHoldsUpAnotherNoLongerThanLateAfter(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ChatID == 1 {
				time.Sleep(time.Minute)
			}
			return tghook.NoReply, nil
		})
		begun := time.Now()
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(1, 1)), "the slow chat")
		assert.Equal(t, "200", r.Post(rig.MessageIn(2, 2)), "the other")
		if took := time.Since(begun); took > 11*time.Second {
			t.Errorf("the other chat waited %s, want at most LateAfter and 3 s", took)
		}
		rig.Pass(2 * time.Second)
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(1, 1)), "the redelivery")
		assert.Equal(t, "200", r.Post(rig.MessageIn(2, 3)), "the other's next")
	})
}
