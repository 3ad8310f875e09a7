package promise_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
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
	if !errors.As(r.Last().Err, &panicked) {
		t.Errorf("Observe is told %v", r.Last().Err)
	}
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
			if at.Add(1) > 1 {
				t.Error("two handlers at once")
			}
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

func TestTheNewestLiveDeliveryCarriesTheResult(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(6*time.Second, rig.Hello, nil))
		gone := make([]context.CancelFunc, 5)
		all := make([]*rig.Pending, 5)
		for i := range all {
			var ctx context.Context
			ctx, gone[i] = context.WithCancel(t.Context())
			defer gone[i]()
			all[i] = r.SendWith(ctx, rig.MessageIn(7, 1))
			rig.Pass(time.Second)
		}
		gone[4]()
		gone[0]()
		assert.Equal(t, "200", rig.MustWait(all[1]), "1")
		assert.Equal(t, "200", rig.MustWait(all[2]), "2")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(all[3]), "3")
		r.Did(rig.Counts{Runs: 1})
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "a redelivery")
	})
}

// A delivery whose sender goes at the very moment the run ends must not be the
// only one to have carried the reply.
func TestADeadDeliveryDoesNotCarry(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := rig.NewBot(t, tghook.Config{Late: tghook.LateCancel, Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}},
			func(context.Context, *tghook.Update) (tghook.Reply, error) {
				cancel()
				return rig.Hello, nil
			})
		assert.Equal(t, "200", r.PostWith(ctx, rig.MessageIn(7, 1)), "nobody listens")
		rig.Pass(9 * time.Second)
		r.Did(rig.Counts{Runs: 1})
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
		rig.Pass(time.Minute)
		r.Did(rig.Counts{Runs: 1})
	})
}

func TestTheSenderGoesAndComesBackDuringTheRun(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(6 * time.Second)
			return rig.Hello, ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		first := r.SendWith(ctx, rig.MessageIn(7, 1))
		rig.Pass(time.Second)
		cancel()
		assert.Equal(t, "503 after 2", rig.MustWait(first), "first")
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "second")
		r.Did(rig.Counts{Runs: 1})
	})
}

func TestTheSenderGoesAndComesBackAfterTheRun(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}, rig.Taking(6*time.Second, rig.Hello, nil))
		ctx, cancel := context.WithCancel(t.Context())
		first := r.SendWith(ctx, rig.MessageIn(7, 1))
		cancel()
		rig.MustWait(first)
		rig.Pass(10 * time.Second)
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		assert.Equal(t, "503 after 2", r.PostWith(dead, rig.MessageIn(7, 1)), "a dead one")
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "a live one")
		rig.Pass(time.Minute)
		r.Did(rig.Counts{Runs: 1})
		assert.Equal(t, "late/1/503 late/0/503 replied/1/200/rode", r.Outcomes(), "outcomes")
	})
}

func TestAReplyThatNothingHasCarried(t *testing.T) {
	// The handler ends at 9 s, a second after the answer.
	start := func(t *testing.T, caller tghook.Caller) *rig.Bot {
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: caller}}, rig.Taking(9*time.Second, rig.Hello, nil))
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
		rig.Pass(time.Second)
		synctest.Wait()
		assert.Equal(t, 1, r.Stats().Unacknowledged, "unacknowledged")
		return r
	}
	t.Run("rides a redelivery within ten seconds", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t, &rig.Caller{})
			rig.Pass(10*time.Second - 1)
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 1})
			assert.Equal(t, "late/1/503/late replied/1/200/late/rode", r.Outcomes(), "outcomes")
			assert.Equal(t, 9*time.Second, r.Last().Took, "took")
			assert.Equal(t, 0, r.Stats().Unacknowledged, "unacknowledged")
		})
	})
	t.Run("goes by Caller after ten seconds", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t, &rig.Caller{})
			rig.Pass(10*time.Second + 1)
			r.Did(rig.Counts{Runs: 1, Calls: 1})
			assert.Equal(t, "late/1/503/late replied/1/0/late", r.Outcomes(), "outcomes")
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 1, Calls: 1})
		})
	})
	t.Run("goes by Caller once though a redelivery comes during the call", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t, &rig.Caller{Do: func(context.Context, string) error { time.Sleep(5 * time.Second); return nil }})
			rig.Pass(12 * time.Second)
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 1, Calls: 1})
			assert.Equal(t, 0, r.Stats().Unacknowledged, "unacknowledged")
		})
	})
	t.Run("is lost when Caller fails", func(t *testing.T) {
		for _, how := range []string{"error", "panic"} {
			t.Run(how, func(t *testing.T) {
				rig.Bubble(t, func(t *testing.T) {
					r := start(t, &rig.Caller{Do: func(context.Context, string) error {
						if how == "panic" {
							panic(rig.ErrBroken)
						}
						return rig.ErrBroken
					}})
					rig.Pass(10*time.Second + 1)
					assert.Equal(t, "late/1/503/late reply_lost/1/0/late", r.Outcomes(), "outcomes")
					assert.ErrorIs(t, r.Last().Err, rig.ErrBroken)
					assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
					r.Did(rig.Counts{Runs: 1, Calls: 1})
				})
			})
		}
	})
	t.Run("is lost when there is no Caller", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t, nil)
			rig.Pass(10*time.Second + 1)
			assert.Equal(t, "late/1/503/late reply_lost/1/0/late", r.Outcomes(), "outcomes")
			assert.Equal(t, 1, r.Stats().Unacknowledged, "unacknowledged")
			r.Post(rig.MessageIn(7, 1))
			r.Did(rig.Counts{Runs: 1})
		})
	})
	t.Run("has two minutes by Caller", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t, &rig.Caller{Do: func(ctx context.Context, _ string) error { <-ctx.Done(); return context.Cause(ctx) }})
			rig.Pass(10*time.Second + 90*time.Second)
			assert.Equal(t, "late/1/503/late", r.Outcomes(), "outcomes")
			rig.Pass(31 * time.Second)
			assert.Equal(t, "late/1/503/late reply_lost/1/0/late", r.Outcomes(), "outcomes")
		})
	})
	t.Run("is not evicted by others that were carried", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			big := tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": strings.Repeat("x", 1<<20-100)}}
			r := rig.NewBot(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID > 1 {
					return big, nil
				}
				time.Sleep(9 * time.Second)
				return rig.Hello, nil
			})
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
			rig.Pass(2 * time.Second)
			for id := range int64(12) {
				r.Post(rig.MessageIn(8, id+2))
			}
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
		})
	})
}

// Redelivery and Caller meet at exactly ten seconds, ten thousand times.
func TestAReplyRidesOrIsCalledNeverBoth(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		const updates = 10_000
		api := &rig.Caller{}
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api, MaxInFlight: updates}}
		r := rig.NewBot(t, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(9 * time.Second)
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ID}}, nil
		})
		redeliver := func(id int64) { // at 19 s, give or take a nanosecond
			if got := r.Post(rig.MessageIn(id, id)); got != "503 after 2" {
				t.Errorf("update %d is answered %s", id, got)
			}
			time.Sleep(11*time.Second + time.Duration(rand.IntN(3)-1))
		}
		var wg sync.WaitGroup
		var rode atomic.Int32
		for id := range int64(updates) {
			wg.Go(func() {
				redeliver(id + 1)
				switch got := r.Post(rig.MessageIn(id+1, id+1)); got {
				case "200":
				case fmt.Sprintf(`200 application/json {"method":"sendMessage","chat_id":%d}`, id+1):
					rode.Add(1)
				default:
					t.Errorf("update %d is answered %s", id+1, got)
				}
			})
		}
		wg.Wait()
		rig.Pass(time.Minute)
		calls := map[string]int{}
		for _, call := range api.All() {
			calls[call]++
		}
		t.Logf("%d rode, %d were called", rode.Load(), len(calls))
		assert.Equal(t, updates, int(rode.Load())+len(calls), "rode or called")
		assert.Equal(t, len(calls), len(api.All()), "called once each")
		assert.Len(t, r.Runs, updates, "runs")
		assert.Equal(t, tghook.Stats{Remembered: updates}, r.Stats(), "stats")
	})
}

func TestACarriedReplyIsReplayedForTenMinutes(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}, rig.Taking(0, rig.Hello, nil))
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "first")
		rig.Pass(5 * time.Minute)
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "after five minutes")
		rig.Pass(5*time.Minute - 1)
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "just before ten")
		assert.NoError(t, r.Last().Err, "error")
		rig.Pass(1)
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "after ten minutes")
		assert.Equal(t, tghook.OutcomeDuplicate, r.Last().Outcome, "outcome")
		if r.Last().Err == nil {
			t.Error("Observe is not told that the reply is gone")
		}
		r.Did(rig.Counts{Runs: 1})
	})
}

func TestCarriedRepliesAreKeptUpToEightMebibytes(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1<<20-16<<10) // and what they take besides
	r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": big}}, nil))
	for id := range int64(9) {
		r.Post(rig.MessageIn(id, id))
	}
	assert.Equal(t, "200", r.Post(rig.MessageIn(0, 0)), "the oldest")
	if r.Last().Err == nil {
		t.Error("Observe is not told that the reply is gone")
	}
	for id := range int64(8) {
		assert.True(t, len(r.Post(rig.MessageIn(id+1, id+1))) > 1<<19, "status")
	}
	r.Did(rig.Counts{Runs: 9})
}

func TestAfterLateAck(t *testing.T) {
	// The handler ends at 10 s, two after the answer, as end says.
	start := func(t *testing.T, dispatch tghook.DispatchConfig, end error) *rig.Bot {
		r := rig.NewBot(t, tghook.Config{Late: tghook.LateAck, Dispatch: dispatch}, rig.Taking(10*time.Second, rig.Hello, end))
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "acknowledged")
		rig.Pass(2*time.Second + 1)
		return r
	}
	const acknowledged = "late/1/200/late "
	t.Run("the reply goes by Caller at once, and once", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t, tghook.DispatchConfig{Caller: &rig.Caller{}}, nil)
			r.Did(rig.Counts{Runs: 1, Calls: 1})
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 1, Calls: 1})
			assert.Equal(t, acknowledged+"replied/1/0/late", r.Outcomes(), "outcomes")
			r.Clean(r.Stats())
		})
	})
	t.Run("a reply that Caller fails to send is lost", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t, tghook.DispatchConfig{Caller: &rig.Caller{Do: func(context.Context, string) error { return rig.ErrBroken }}}, nil)
			assert.Equal(t, acknowledged+"reply_lost/1/0/late", r.Outcomes(), "outcomes")
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery after all")
			r.Did(rig.Counts{Runs: 1, Calls: 1})
		})
	})
	t.Run("a reply without a Caller is lost", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t, tghook.DispatchConfig{}, nil)
			assert.Equal(t, acknowledged+"reply_lost/1/0/late", r.Outcomes(), "outcomes")
			r.Did(rig.Counts{Runs: 1})
		})
	})
	for name, end := range map[string]error{"failure": rig.ErrBroken, "RetryAfter": tghook.RetryAfter(time.Second, rig.ErrBroken)} {
		t.Run("a "+name+" is a dead letter", func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := start(t, tghook.DispatchConfig{Caller: &rig.Caller{}}, end)
				r.Did(rig.Counts{Runs: 1, Letters: 1})
				assert.Equal(t, rig.DeadLetter{ID: 1, Err: end}, r.Letter(0), "why")
				assert.Equal(t, acknowledged+"dead_lettered/1/0/late", r.Outcomes(), "outcomes")
				r.Clean(r.Stats())
			})
		})
	}
	t.Run("a dead letter that fails is reported", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			logged := new(rig.Log)
			r := start(t, tghook.DispatchConfig{
				DeadLetter: func(context.Context, *tghook.Update, error) error { return errors.New("full") },
				Logger:     slog.New(slog.NewTextHandler(logged, nil)),
			}, rig.ErrBroken)
			r.Did(rig.Counts{Runs: 1, Letters: 1})
			if !strings.Contains(logged.String(), "message_id") { // nobody delivers it again: the log has the only copy
				t.Errorf("the log has no copy of the update: %s", logged.String())
			}
			assert.Equal(t, acknowledged+"failed/1/0/late", r.Outcomes(), "outcomes")
			if err := r.Last().Err; !errors.Is(err, rig.ErrBroken) || !strings.Contains(err.Error(), "full") {
				t.Errorf("Observe is told %v", err)
			}
			r.Clean(r.Stats())
		})
	})
	t.Run("the reply rides a redelivery that waits", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{Late: tghook.LateAck, Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}, rig.Taking(10*time.Second, rig.Hello, nil))
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "acknowledged")
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "came all the same")
			rig.Pass(time.Minute)
			r.Did(rig.Counts{Runs: 1})
		})
	})
	t.Run("order is kept", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{Late: tghook.LateAck, LateAfter: time.Second}, rig.Taking(10*time.Second, tghook.NoReply, nil))
			for id := range int64(5) {
				assert.Equal(t, "200", r.Post(rig.MessageIn(7, id)), "acknowledged")
			}
			rig.Pass(time.Minute)
			assert.Equal(t, []int64{0, 1, 2, 3, 4}, r.Order(), "order")
		})
	})
}

// The deadline against the completion, at the same moment of a bubble's time.
func TestTheDeadlineMeetsTheCompletionTenThousandTimes(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateCancel, tghook.LateAck} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				const updates = 10_000
				api := &rig.Caller{}
				cfg := tghook.Config{Late: policy, Dispatch: tghook.DispatchConfig{Caller: api, MaxInFlight: updates}}
				r := rig.NewBot(t, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					time.Sleep(8*time.Second + time.Duration(u.ID%3-1))
					return rig.Hello, nil
				})
				rig.Race(t, r, updates, updates)
				rig.Pass(time.Minute)
				checkRace(t, r, updates, policy)
			})
		})
	}
}

// The same on a real clock.
func TestTheDeadlineRacesTheCompletionTenThousandTimes(t *testing.T) {
	t.Parallel()
	const updates = 10_000
	for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateCancel} {
		cfg := tghook.Config{Late: policy, LateAfter: time.Millisecond, Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}}}
		r := rig.NewBot(t, cfg, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-time.After(500*time.Microsecond + rand.N(time.Millisecond))
			return rig.Hello, nil
		})
		rig.Race(t, r, updates/2, 100)
		checkRace(t, r, updates/2, policy)
	}
}

// LateCancel against the start of the run, after 8 s in the lane: the redelivery,
// which comes at once, joins or begins anew, but is not turned away.
func TestLateCancelMeetsTheStartOfTheRun(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		const chats = 1000
		cfg := tghook.Config{Late: tghook.LateCancel, Dispatch: tghook.DispatchConfig{MaxInFlight: 4 * chats}}
		cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID <= chats {
				return -1, 0
			}
			return 0, 0
		}
		r := rig.NewBot(t, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID <= chats {
				time.Sleep(8 * time.Second)
			}
			return rig.Hello, nil
		})
		for id := range int64(chats) {
			go r.Post(rig.MessageIn(id+1, id+1))
		}
		rig.Pass(0)
		var turnedAway, late atomic.Int32
		var wg sync.WaitGroup
		for id := range int64(chats) {
			wg.Go(func() {
				for {
					switch got := r.Post(rig.MessageIn(id+1, chats+id+1)); got {
					case "503", "503 after 2": // while it runs, and while it waits
						late.Add(1)
						continue
					case rig.HelloAnswer:
					default:
						turnedAway.Add(1)
						continue
					}
					return
				}
			})
		}
		wg.Wait()
		assert.Equal(t, int32(0), turnedAway.Load(), "turned away, though nothing was over its bound")
		assert.Len(t, r.Order(), 2*chats, "runs")
		t.Logf("%d were late", late.Load())
	})
}

func checkRace(t *testing.T, r *rig.Bot, updates int, policy tghook.LatePolicy) {
	t.Helper()
	calls := len(r.API.All())
	assert.Len(t, r.Runs, updates, "runs")
	assert.Empty(t, r.Letters, "dead letters")
	assert.Equal(t, updates, r.Rode+calls, "rode or called")
	if policy != tghook.LateAck {
		assert.Equal(t, 0, calls, "called")
	}
	outcomes := map[tghook.Outcome]int{}
	for _, v := range r.Deliveries {
		outcomes[v.Outcome]++
	}
	assert.Equal(t, updates, outcomes[tghook.OutcomeReplied], "replies told")
	assert.Equal(t, 0, outcomes[tghook.OutcomeFailed]+outcomes[tghook.OutcomeReplyLost]+outcomes[tghook.OutcomeHandled], "failures")
	assert.Equal(t, tghook.Stats{Remembered: updates}, r.Stats(), "stats")
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
