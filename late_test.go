package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook"
)

func TestLateAfterCountsFromEachDeliverysOwnArrival(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, taking(30*time.Second, hello, nil))
		start := time.Now()
		for i, arrives := range []time.Duration{0, 10 * time.Second, 20 * time.Second, 29 * time.Second} {
			pass(arrives - time.Since(start))
			got, took := r.send(messageIn(7, 1)).wait()
			if i < 3 {
				same(t, fmt.Sprint("at ", arrives), got, "503 after 2")
				same(t, fmt.Sprint("at ", arrives), took, 8*time.Second)
			} else {
				same(t, "the last", got, helloAnswer)
				same(t, "the last", took, time.Second)
			}
		}
		r.did(1, 0, 0)
	})
}

func TestLateAfterCountsTheReadingOfTheBody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, taking(time.Minute, hello, nil))
		p := eventually(func() string {
			return answer(r.serve(context.Background(), messageIn(7, 1), func(req *tghook.Request) {
				req.Body = &slowReader{req.Body}
			}))
		})
		got, took := p.wait()
		same(t, "answer", got, "503 after 2")
		same(t, "took", took, 8*time.Second)
	})
}

type slowReader struct{ io.Reader }

func (r *slowReader) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return r.Reader.Read(p)
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
		{"eight seconds", cfg{}, messageIn(7, 1), 0, 8 * time.Second},
		{"what is configured", cfg{LateAfter: minute}, messageIn(7, 1), 0, minute},
		{"five seconds for inline_query", cfg{}, kindBy("inline_query", 7, 1), 0, 5 * time.Second},
		{"five seconds at most for inline_query", cfg{LateAfter: minute}, kindBy("inline_query", 7, 1), 0, 5 * time.Second},
		{"less for inline_query", cfg{LateAfter: time.Second}, kindBy("inline_query", 7, 1), 0, time.Second},
		{"five seconds at most for pre_checkout_query", cfg{LateAfter: minute}, kindBy("pre_checkout_query", 7, 1), 0, 5 * time.Second},
		{"eight seconds for shipping_query", cfg{}, kindBy("shipping_query", 7, 1), 0, 8 * time.Second},
		{"eight seconds for callback_query", cfg{}, kindBy("callback_query", 7, 1), 0, 8 * time.Second},
		{"half a second before the ctx", cfg{}, messageIn(7, 1), 3 * time.Second, 2500 * time.Millisecond},
		{"five percent before the ctx", cfg{LateAfter: time.Hour}, messageIn(7, 1), minute, 57 * time.Second},
		{"where both margins meet", cfg{LateAfter: time.Hour}, messageIn(7, 1), 10 * time.Second, 9500 * time.Millisecond},
		{"eight seconds before a later ctx", cfg{}, messageIn(7, 1), minute, 8 * time.Second},
		{"at once when nothing is left", cfg{}, messageIn(7, 1), 400 * time.Millisecond, 0},
		{"Deadline's own", cfg{Deadline: always(3*time.Second, 0)}, messageIn(7, 1), 0, 3 * time.Second},
		{"not with Deadline's zero", cfg{LateAfter: minute, Deadline: always(0, 0)}, messageIn(7, 1), 0, minute},
		{"five seconds for inline_query with Deadline", cfg{Deadline: always(minute, 0)}, kindBy("inline_query", 7, 1), 0, 5 * time.Second},
		{"before the ctx with Deadline", cfg{Deadline: always(minute, 0)}, messageIn(7, 1), 3 * time.Second, 2500 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, test.cfg, taking(2*time.Hour, hello, nil))
				for range 2 { // the second one joins
					ctx, cancel := context.WithCancel(t.Context())
					if test.ctx > 0 {
						ctx, cancel = context.WithTimeout(t.Context(), test.ctx)
					}
					got, took := r.sendWith(ctx, test.body).wait()
					cancel()
					same(t, "answer", got, "503 after 2")
					same(t, "took", took, test.want)
					pass(time.Second)
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
			inBubble(t, func(t *testing.T) {
				cfg.Dispatch.HandlerTimeout = -1
				r := newRig(t, cfg, taking(time.Hour, hello, nil))
				message, query := r.send(messageIn(7, 1)), r.send(kindBy("inline_query", 7, 2))
				for _, p := range []*pending{message, query} {
					got, took := p.wait()
					same(t, "answer", got, helloAnswer)
					same(t, "took", took, time.Hour)
				}
			})
		})
	}
}

func TestDeadlineDecidesForEachUpdate(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &apiCalls{}
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
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			select {
			case <-ctx.Done():
			case <-time.After(9 * time.Second):
			}
			return hello, ctx.Err()
		})
		wants := []string{"200 2s", "503 3s", "200 8s", "503 after 2 8s"}
		all := make([]*pending, 0, len(wants))
		for i := range wants {
			all = append(all, r.send(messageIn(int64(i)+1, int64(i)+1)))
		}
		for i, want := range wants {
			got, took := all[i].wait()
			same(t, fmt.Sprint("chat ", i+1), fmt.Sprint(got, " ", took), want)
		}
		pass(time.Second)
		r.did(4, 0, 2)
	})
}

func TestADeadlineThatPanicsFailsItsDeliveryAlone(t *testing.T) {
	t.Parallel()
	cfg := tghook.Config{Deadline: func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
		if u.ID == 1 {
			panic(errBroken)
		}
		return 0, 0
	}}
	r := newRig(t, cfg, taking(0, hello, nil))
	same(t, "answer", r.post(messageIn(7, 1)), "500")
	var panicked *tghook.PanicError
	if !errors.As(r.last().Err, &panicked) {
		t.Errorf("Observe is told %v", r.last().Err)
	}
	same(t, "next of the lane", r.post(messageIn(7, 2)), helloAnswer)
	r.did(1, 0, 0)
	r.clean(r.Stats())
}

func TestEphemeralTurnsEveryPolicyIntoLateCancel(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateDefault, tghook.LateRetry, tghook.LateCancel, tghook.LateAck} {
		for _, whose := range []string{"Config", "Request", "Config, with Deadline"} {
			t.Run(fmt.Sprint(whose, " ", policy), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					cfg := tghook.Config{Late: policy, Ephemeral: whose != "Request"}
					if whose == "Config, with Deadline" {
						cfg.Late, cfg.Deadline = 0, always(0, policy)
					}
					cause := make(chan error, 1)
					r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
						<-ctx.Done()
						cause <- context.Cause(ctx)
						return hello, ctx.Err()
					})
					res := r.serve(t.Context(), messageIn(7, 1), func(req *tghook.Request) { req.Ephemeral = whose == "Request" })
					same(t, "answer", answer(res), "503")
					same(t, "cause", <-cause, tghook.ErrLate)
				})
			})
		}
	}
}

func TestIsLateBetweenTheAnswerAndTheRedelivery(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var seen []bool
		r := newRig(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			child := context.WithValue(ctx, ctxKey{}, 1)
			for range 5 { // at 4, 9, 14, 19 and 24 s
				time.Sleep(4 * time.Second)
				seen = append(seen, tghook.IsLate(child))
				time.Sleep(time.Second)
			}
			return hello, nil
		})
		first := r.send(messageIn(7, 1)) // until 8 s
		pass(10 * time.Second)
		second := r.send(messageIn(7, 1)) // until 18 s
		same(t, "first", mustWait(first), "503 after 2")
		same(t, "second", mustWait(second), "503 after 2")
		pass(5 * time.Second) // 23 s
		same(t, "third", mustWait(r.send(messageIn(7, 1))), helloAnswer)
		same(t, "IsLate", seen, []bool{false, true, false, true, false})
	})
}

func TestIsLateAgainWhenTheRedeliverysSenderIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var seen []bool
		r := newRig(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			for range 3 { // at 9, 11 and 13 s
				time.Sleep(2 * time.Second)
				if len(seen) == 0 {
					time.Sleep(7 * time.Second)
				}
				seen = append(seen, tghook.IsLate(ctx))
			}
			return hello, nil
		})
		same(t, "first", r.post(messageIn(7, 1)), "503 after 2")
		pass(2 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		second := r.sendWith(ctx, messageIn(7, 1)) // from 10 s to 12 s
		pass(2 * time.Second)
		cancel()
		mustWait(second)
		pass(time.Minute)
		same(t, "IsLate", seen, []bool{true, false, true})
	})
}

func TestIsLateOutsideOfAHandler(t *testing.T) {
	t.Parallel()
	same(t, "IsLate", tghook.IsLate(t.Context()), false)
}

// An update that is late while it waits for its lane.
func TestLateInTheLane(t *testing.T) {
	start := func(t *testing.T, policy tghook.LatePolicy) (*rig, *pending) {
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}}
		cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID == 1 {
				return -1, 0
			}
			return 0, policy
		}
		r := newRig(t, cfg, taking(20*time.Second, hello, nil))
		first := r.send(messageIn(7, 1))
		got, took := r.send(messageIn(7, 2)).wait()
		same(t, "took", took, 8*time.Second)
		want := "503 after 2"
		if policy == tghook.LateAck {
			want = "200"
		}
		same(t, "answer", got, want)
		same(t, "attempt", r.last().Attempt, 0)
		return r, first
	}
	t.Run("keeps its place with LateRetry", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r, first := start(t, tghook.LateRetry)
			third := r.send(messageIn(7, 3))
			same(t, "in flight", r.Stats().InFlight, 3)
			same(t, "first", mustWait(first), helloAnswer)
			pass(18 * time.Second)
			same(t, "redelivery", mustWait(r.send(messageIn(7, 2))), helloAnswer)
			same(t, "attempt", r.last().Attempt, 1)
			same(t, "third", mustWait(third), "503 after 2")
			same(t, "order", r.order(), []int64{1, 2, 3})
		})
	})
	t.Run("leaves it with LateCancel, and no attempt is counted", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r, first := start(t, tghook.LateCancel)
			same(t, "in flight", r.Stats().InFlight, 1)
			same(t, "first", mustWait(first), helloAnswer)
			r.did(1, 0, 0)
			same(t, "redelivery", mustWait(r.send(messageIn(7, 2))), "503")
			same(t, "attempt", r.last().Attempt, 1)
			pass(time.Minute)
			r.did(2, 0, 1)
		})
	})
	t.Run("keeps it with LateAck", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r, first := start(t, tghook.LateAck)
			third := r.send(messageIn(7, 3))
			same(t, "in flight", r.Stats().InFlight, 3)
			same(t, "first", mustWait(first), helloAnswer)
			same(t, "third", mustWait(third), "200")
			pass(time.Minute)
			same(t, "order", r.order(), []int64{1, 2, 3})
			r.did(3, 0, 2)
		})
	})
}

func TestTheRedeliveryAfterLateCancelWaitsForTheRun(t *testing.T) {
	// A handler that is deaf to its ctx for 20 s.
	start := func(t *testing.T, end func(n int32) error) (*rig, *atomic.Int32) {
		var at atomic.Int32
		var runs int32
		cfg := tghook.Config{Late: tghook.LateCancel, Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}}
		r := newRig(t, cfg, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			if at.Add(1) > 1 {
				t.Error("two handlers at once")
			}
			defer at.Add(-1)
			if runs++; runs == 1 {
				time.Sleep(20 * time.Second)
			}
			return hello, end(runs)
		})
		same(t, "first", r.post(messageIn(7, 1)), "503")
		pass(2 * time.Second)
		got, took := r.send(messageIn(7, 1)).wait()
		same(t, "redelivery", got, "503")
		same(t, "redelivery took", took, 8*time.Second)
		return r, &at
	}
	t.Run("nil after all is success", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r, _ := start(t, func(int32) error { return nil })
			got, took := r.send(messageIn(7, 1)).wait()
			same(t, "answer", got, helloAnswer)
			same(t, "took", took, 2*time.Second)
			pass(time.Minute)
			r.did(1, 0, 0)
		})
	})
	t.Run("an error runs it again at once", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r, _ := start(t, func(n int32) error {
				if n == 1 {
					return errBroken
				}
				return nil
			})
			older, newer := r.send(messageIn(7, 1)), r.send(messageIn(7, 1))
			behind := r.send(messageIn(7, 2))
			got, took := newer.wait()
			same(t, "newer", got, helloAnswer)
			same(t, "took", took, 2*time.Second)
			same(t, "older", mustWait(older), "200")
			same(t, "behind in the lane", mustWait(behind), helloAnswer)
			same(t, "order", r.order(), []int64{1, 1, 2})
			var attempts []string
			for _, v := range r.deliveries[2:] {
				if v.Update.ID == 1 {
					attempts = append(attempts, fmt.Sprint(v.Outcome, v.Attempt))
				}
			}
			same(t, "the run that was cancelled", attempts[0], "failed1")
			same(t, "deliveries", len(attempts), 3)
			same(t, "their attempts", strings.HasSuffix(attempts[1], "2") && strings.HasSuffix(attempts[2], "2"), true)
		})
	})
	t.Run("an error, with nobody there, waits for the next one", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r, _ := start(t, func(n int32) error {
				if n == 1 {
					return errBroken
				}
				return nil
			})
			pass(time.Minute)
			r.did(1, 0, 0)
			r.clean(r.Stats())
			same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
			same(t, "attempt", r.last().Attempt, 2)
		})
	})
	t.Run("a last attempt becomes a dead letter", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			cfg := tghook.Config{Late: tghook.LateCancel, Dispatch: tghook.DispatchConfig{MaxAttempts: 1}}
			r := newRig(t, cfg, taking(10*time.Second, hello, errBroken))
			same(t, "first", r.post(messageIn(7, 1)), "503")
			same(t, "redelivery", r.post(messageIn(7, 1)), "200")
			r.did(1, 1, 0)
		})
	})
}

func TestLateCancelSparesARunThatAnotherDeliveryWaitsFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{Late: tghook.LateCancel}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(12 * time.Second)
			return hello, ctx.Err()
		})
		first := r.send(messageIn(7, 1))
		pass(5 * time.Second)
		second := r.send(messageIn(7, 1))
		same(t, "first", mustWait(first), "503")
		same(t, "second", mustWait(second), helloAnswer)
		r.did(1, 0, 0)
	})
}

func TestLateCancelEndsTheHandlerThoughItsSenderIsGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var ended time.Duration
		start := time.Now()
		r := newRig(t, tghook.Config{Late: tghook.LateCancel}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			ended = time.Since(start)
			return hello, context.Cause(ctx)
		})
		ctx, cancel := context.WithCancel(t.Context())
		r.sendWith(ctx, messageIn(7, 1))
		pass(time.Second)
		cancel()
		pass(time.Minute)
		same(t, "ended", ended, 8*time.Second)
	})
}

type ctxKey struct{}

func TestAHandlersContextIsNotTheRequests(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		type seen struct {
			value    any
			err      error
			deadline time.Duration
			update   int64
		}
		got := make(chan seen, 1)
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Minute}},
			func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				time.Sleep(5 * time.Second)
				deadline, _ := ctx.Deadline()
				u, _ := tghook.FromContext(ctx)
				got <- seen{ctx.Value(ctxKey{}), ctx.Err(), time.Until(deadline), u.ID}
				return hello, nil
			})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), ctxKey{}, "v"), 3*time.Second)
		defer cancel()
		first := r.sendWith(ctx, messageIn(7, 1))
		pass(time.Second)
		cancel()
		mustWait(first)
		same(t, "outcomes", r.outcomes(), "late/1/503")
		same(t, "seen", <-got, seen{"v", nil, 55 * time.Second, 1})
		same(t, "redelivery", r.post(messageIn(7, 1)), helloAnswer)
		r.did(1, 0, 0)
	})
}

func TestAHandlersContextEndsWithIt(t *testing.T) {
	t.Parallel()
	var kept context.Context
	r := newRig(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		kept = ctx //nolint:fatcontext // to see it end
		return hello, nil
	})
	r.post(messageIn(7, 1))
	same(t, "err", kept.Err(), context.Canceled)
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
			return hello, context.Cause(ctx)
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
			inBubble(t, func(t *testing.T) {
				got := make(chan ended, 1)
				r := newRig(t, test.cfg, waits(got))
				r.send(messageIn(7, 1))
				same(t, "ended", <-got, ended{test.want, context.DeadlineExceeded, tghook.ErrHandlerTimeout})
				synctest.Wait()
				if test.cfg.Late == tghook.LateAck {
					r.did(1, 1, 0)
				} else if !errors.Is(r.last().Err, tghook.ErrHandlerTimeout) && r.last().Outcome == tghook.OutcomeFailed {
					t.Errorf("Observe is told %v", r.last().Err)
				}
				r.clean(r.Stats())
			})
		})
	}
	t.Run("with a guard that was joined over and over", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			got := make(chan ended, 1)
			r := newRig(t, cfg{Dispatch: dispatch{HandlerTimeout: 21 * time.Second}}, waits(got))
			same(t, "first", r.post(messageIn(7, 1)), "503 after 2")
			same(t, "second", r.post(messageIn(7, 1)), "503 after 2")
			same(t, "third", r.post(messageIn(7, 1)), "500")
			same(t, "ended", <-got, ended{21 * time.Second, context.DeadlineExceeded, tghook.ErrHandlerTimeout})
		})
	})
	t.Run("when its sender went before the guard", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			got := make(chan ended, 1)
			r := newRig(t, cfg{Dispatch: dispatch{HandlerTimeout: time.Minute}}, waits(got))
			ctx, cancel := context.WithCancel(t.Context())
			r.sendWith(ctx, messageIn(7, 1))
			cancel()
			same(t, "ended", <-got, ended{time.Minute, context.DeadlineExceeded, tghook.ErrHandlerTimeout})
		})
	})
	t.Run("counts from the handler's start", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			got := make(chan ended, 2)
			r := newRig(t, cfg{LateAfter: -1, Dispatch: dispatch{HandlerTimeout: time.Minute}}, waits(got))
			r.send(messageIn(7, 1))
			r.send(messageIn(7, 2))
			for range 2 {
				same(t, "ended", <-got, ended{time.Minute, context.DeadlineExceeded, tghook.ErrHandlerTimeout})
			}
		})
	})
	t.Run("by Do", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			got := make(chan ended, 1)
			c := newCore(t, dispatch{HandlerTimeout: time.Minute}, waits(got))
			if _, err := c.do(t.Context(), messageIn(7, 1)); !errors.Is(err, tghook.ErrHandlerTimeout) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Do: %v", err)
			}
			same(t, "ended", <-got, ended{time.Minute, context.DeadlineExceeded, tghook.ErrHandlerTimeout})
		})
	})
	t.Run("never when it is negative", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := newRig(t, cfg{LateAfter: -1, Dispatch: dispatch{HandlerTimeout: -1}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				if _, ok := ctx.Deadline(); ok {
					t.Error("there is a deadline")
				}
				time.Sleep(48 * time.Hour)
				return hello, ctx.Err()
			})
			same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
		})
	})
	t.Run("of a DeadLetter, from its own start", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			var got ended
			c := cfg{Late: tghook.LateAck, Dispatch: dispatch{HandlerTimeout: time.Minute}}
			c.Dispatch.DeadLetter = func(ctx context.Context, _ *tghook.Update, _ error) error {
				start := time.Now()
				<-ctx.Done()
				got = ended{time.Since(start), ctx.Err(), context.Cause(ctx)}
				return nil
			}
			r := newRig(t, c, taking(30*time.Second, hello, errBroken))
			same(t, "answer", r.post(messageIn(7, 1)), "200")
			pass(time.Hour)
			same(t, "ended", got, ended{time.Minute, context.DeadlineExceeded, tghook.ErrHandlerTimeout})
		})
	})
}

// What a handler derives from its ctx, as an HTTP client does, must end for the
// same reason.
func TestHandlerTimeoutReachesDerivedContexts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Second}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			child, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-child.Done()
			same(t, "cause", context.Cause(child), tghook.ErrHandlerTimeout)
			same(t, "err", child.Err(), context.DeadlineExceeded)
			return hello, nil
		})
		same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
	})
}

func TestTheNewestLiveDeliveryCarriesTheResult(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, taking(6*time.Second, hello, nil))
		gone := make([]context.CancelFunc, 5)
		all := make([]*pending, 5)
		for i := range all {
			var ctx context.Context
			ctx, gone[i] = context.WithCancel(t.Context())
			defer gone[i]()
			all[i] = r.sendWith(ctx, messageIn(7, 1))
			pass(time.Second)
		}
		gone[4]()
		gone[0]()
		same(t, "1", mustWait(all[1]), "200")
		same(t, "2", mustWait(all[2]), "200")
		same(t, "3", mustWait(all[3]), helloAnswer)
		r.did(1, 0, 0)
		same(t, "a redelivery", r.post(messageIn(7, 1)), helloAnswer)
	})
}

// A delivery whose sender goes at the very moment the run ends must not be the
// only one to have carried the reply.
func TestADeadDeliveryDoesNotCarry(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := newRig(t, tghook.Config{Late: tghook.LateCancel, Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}},
			func(context.Context, *tghook.Update) (tghook.Reply, error) {
				cancel()
				return hello, nil
			})
		same(t, "nobody listens", r.postWith(ctx, messageIn(7, 1)), "200")
		pass(9 * time.Second)
		r.did(1, 0, 0)
		same(t, "redelivery", r.post(messageIn(7, 1)), helloAnswer)
		pass(time.Minute)
		r.did(1, 0, 0)
	})
}

func TestTheSenderGoesAndComesBackDuringTheRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(6 * time.Second)
			return hello, ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		first := r.sendWith(ctx, messageIn(7, 1))
		pass(time.Second)
		cancel()
		same(t, "first", mustWait(first), "503 after 2")
		same(t, "second", r.post(messageIn(7, 1)), helloAnswer)
		r.did(1, 0, 0)
	})
}

func TestTheSenderGoesAndComesBackAfterTheRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}}, taking(6*time.Second, hello, nil))
		ctx, cancel := context.WithCancel(t.Context())
		first := r.sendWith(ctx, messageIn(7, 1))
		cancel()
		mustWait(first)
		pass(10 * time.Second)
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		same(t, "a dead one", r.postWith(dead, messageIn(7, 1)), "503 after 2")
		same(t, "a live one", r.post(messageIn(7, 1)), helloAnswer)
		pass(time.Minute)
		r.did(1, 0, 0)
		same(t, "outcomes", r.outcomes(), "late/1/503 late/0/503 replied/1/200/rode")
	})
}

func TestAReplyThatNothingHasCarried(t *testing.T) {
	// The handler ends at 9 s, a second after the answer.
	start := func(t *testing.T, caller tghook.Caller) *rig {
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: caller}}, taking(9*time.Second, hello, nil))
		same(t, "late", r.post(messageIn(7, 1)), "503 after 2")
		pass(time.Second)
		synctest.Wait()
		same(t, "unacknowledged", r.Stats().Unacknowledged, 1)
		return r
	}
	t.Run("rides a redelivery within ten seconds", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := start(t, &apiCalls{})
			pass(10*time.Second - 1)
			same(t, "redelivery", r.post(messageIn(7, 1)), helloAnswer)
			pass(time.Minute)
			r.did(1, 0, 0)
			same(t, "outcomes", r.outcomes(), "late/1/503/late replied/1/200/late/rode")
			same(t, "took", r.last().Took, 9*time.Second)
			same(t, "unacknowledged", r.Stats().Unacknowledged, 0)
		})
	})
	t.Run("goes by Caller after ten seconds", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := start(t, &apiCalls{})
			pass(10*time.Second + 1)
			r.did(1, 0, 1)
			same(t, "outcomes", r.outcomes(), "late/1/503/late replied/1/0/late")
			same(t, "redelivery", r.post(messageIn(7, 1)), "200")
			same(t, "redelivery", r.post(messageIn(7, 1)), "200")
			pass(time.Minute)
			r.did(1, 0, 1)
		})
	})
	t.Run("goes by Caller once though a redelivery comes during the call", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := start(t, &apiCalls{do: func(context.Context, string) error { time.Sleep(5 * time.Second); return nil }})
			pass(12 * time.Second)
			same(t, "redelivery", r.post(messageIn(7, 1)), "200")
			pass(time.Minute)
			r.did(1, 0, 1)
			same(t, "unacknowledged", r.Stats().Unacknowledged, 0)
		})
	})
	t.Run("is lost when Caller fails", func(t *testing.T) {
		for _, how := range []string{"error", "panic"} {
			t.Run(how, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					r := start(t, &apiCalls{do: func(context.Context, string) error {
						if how == "panic" {
							panic(errBroken)
						}
						return errBroken
					}})
					pass(10*time.Second + 1)
					same(t, "outcomes", r.outcomes(), "late/1/503/late reply_lost/1/0/late")
					if !errors.Is(r.last().Err, errBroken) {
						t.Errorf("Observe is told %v", r.last().Err)
					}
					same(t, "redelivery", r.post(messageIn(7, 1)), "200")
					r.did(1, 0, 1)
				})
			})
		}
	})
	t.Run("is lost when there is no Caller", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := start(t, nil)
			pass(10*time.Second + 1)
			same(t, "outcomes", r.outcomes(), "late/1/503/late reply_lost/1/0/late")
			same(t, "unacknowledged", r.Stats().Unacknowledged, 1)
			r.post(messageIn(7, 1))
			r.did(1, 0, 0)
		})
	})
	t.Run("has two minutes by Caller", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := start(t, &apiCalls{do: func(ctx context.Context, _ string) error { <-ctx.Done(); return context.Cause(ctx) }})
			pass(10*time.Second + 90*time.Second)
			same(t, "outcomes", r.outcomes(), "late/1/503/late")
			pass(31 * time.Second)
			same(t, "outcomes", r.outcomes(), "late/1/503/late reply_lost/1/0/late")
		})
	})
	t.Run("is not evicted by others that were carried", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			big := tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": strings.Repeat("x", 1<<20-100)}}
			r := newRig(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID > 1 {
					return big, nil
				}
				time.Sleep(9 * time.Second)
				return hello, nil
			})
			same(t, "late", r.post(messageIn(7, 1)), "503 after 2")
			pass(2 * time.Second)
			for id := range int64(12) {
				r.post(messageIn(8, id+2))
			}
			same(t, "redelivery", r.post(messageIn(7, 1)), helloAnswer)
		})
	})
}

// Redelivery and Caller meet at exactly ten seconds, ten thousand times.
func TestAReplyRidesOrIsCalledNeverBoth(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const updates = 10_000
		api := &apiCalls{}
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api, MaxInFlight: updates}}
		r := newRig(t, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(9 * time.Second)
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ID}}, nil
		})
		redeliver := func(id int64) { // at 19 s, give or take a nanosecond
			if got := r.post(messageIn(id, id)); got != "503 after 2" {
				t.Errorf("update %d is answered %s", id, got)
			}
			time.Sleep(11*time.Second + time.Duration(rand.IntN(3)-1))
		}
		var wg sync.WaitGroup
		var rode atomic.Int32
		for id := range int64(updates) {
			wg.Go(func() {
				redeliver(id + 1)
				switch got := r.post(messageIn(id+1, id+1)); got {
				case "200":
				case fmt.Sprintf(`200 application/json {"method":"sendMessage","chat_id":%d}`, id+1):
					rode.Add(1)
				default:
					t.Errorf("update %d is answered %s", id+1, got)
				}
			})
		}
		wg.Wait()
		pass(time.Minute)
		calls := map[string]int{}
		for _, call := range api.all() {
			calls[call]++
		}
		t.Logf("%d rode, %d were called", rode.Load(), len(calls))
		same(t, "rode or called", int(rode.Load())+len(calls), updates)
		same(t, "called once each", len(api.all()), len(calls))
		same(t, "runs", len(r.runs), updates)
		same(t, "stats", r.Stats(), tghook.Stats{Remembered: updates})
	})
}

func TestACarriedReplyIsReplayedForTenMinutes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}}, taking(0, hello, nil))
		same(t, "first", r.post(messageIn(7, 1)), helloAnswer)
		pass(5 * time.Minute)
		same(t, "after five minutes", r.post(messageIn(7, 1)), helloAnswer)
		pass(5*time.Minute - 1)
		same(t, "just before ten", r.post(messageIn(7, 1)), helloAnswer)
		same(t, "error", r.last().Err, nil)
		pass(1)
		same(t, "after ten minutes", r.post(messageIn(7, 1)), "200")
		same(t, "outcome", r.last().Outcome, tghook.OutcomeDuplicate)
		if r.last().Err == nil {
			t.Error("Observe is not told that the reply is gone")
		}
		r.did(1, 0, 0)
	})
}

func TestCarriedRepliesAreKeptUpToEightMebibytes(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1<<20-16<<10) // and what they take besides
	r := newRig(t, tghook.Config{}, taking(0, tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": big}}, nil))
	for id := range int64(9) {
		r.post(messageIn(id, id))
	}
	same(t, "the oldest", r.post(messageIn(0, 0)), "200")
	if r.last().Err == nil {
		t.Error("Observe is not told that the reply is gone")
	}
	for id := range int64(8) {
		same(t, "status", len(r.post(messageIn(id+1, id+1))) > 1<<19, true)
	}
	r.did(9, 0, 0)
}

func TestAfterLateAck(t *testing.T) {
	// The handler ends at 10 s, two after the answer, as end says.
	start := func(t *testing.T, dispatch tghook.DispatchConfig, end error) *rig {
		r := newRig(t, tghook.Config{Late: tghook.LateAck, Dispatch: dispatch}, taking(10*time.Second, hello, end))
		same(t, "acknowledged", r.post(messageIn(7, 1)), "200")
		pass(2*time.Second + 1)
		return r
	}
	const acknowledged = "late/1/200/late "
	t.Run("the reply goes by Caller at once, and once", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := start(t, tghook.DispatchConfig{Caller: &apiCalls{}}, nil)
			r.did(1, 0, 1)
			pass(time.Minute)
			r.did(1, 0, 1)
			same(t, "outcomes", r.outcomes(), acknowledged+"replied/1/0/late")
			r.clean(r.Stats())
		})
	})
	t.Run("a reply that Caller fails to send is lost", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := start(t, tghook.DispatchConfig{Caller: &apiCalls{do: func(context.Context, string) error { return errBroken }}}, nil)
			same(t, "outcomes", r.outcomes(), acknowledged+"reply_lost/1/0/late")
			same(t, "redelivery after all", r.post(messageIn(7, 1)), "200")
			r.did(1, 0, 1)
		})
	})
	t.Run("a reply without a Caller is lost", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := start(t, tghook.DispatchConfig{}, nil)
			same(t, "outcomes", r.outcomes(), acknowledged+"reply_lost/1/0/late")
			r.did(1, 0, 0)
		})
	})
	for name, end := range map[string]error{"failure": errBroken, "RetryAfter": tghook.RetryAfter(time.Second, errBroken)} {
		t.Run("a "+name+" is a dead letter", func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := start(t, tghook.DispatchConfig{Caller: &apiCalls{}}, end)
				r.did(1, 1, 0)
				same(t, "why", r.letter(0), deadLetter{1, end})
				same(t, "outcomes", r.outcomes(), acknowledged+"dead_lettered/1/0/late")
				r.clean(r.Stats())
			})
		})
	}
	t.Run("a dead letter that fails is reported", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			logged := new(lockedBuffer)
			r := start(t, tghook.DispatchConfig{
				DeadLetter: func(context.Context, *tghook.Update, error) error { return errors.New("full") },
				Logger:     slog.New(slog.NewTextHandler(logged, nil)),
			}, errBroken)
			r.did(1, 1, 0)
			if !strings.Contains(logged.String(), "message_id") { // nobody delivers it again: the log has the only copy
				t.Errorf("the log has no copy of the update: %s", logged.String())
			}
			same(t, "outcomes", r.outcomes(), acknowledged+"failed/1/0/late")
			if err := r.last().Err; !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "full") {
				t.Errorf("Observe is told %v", err)
			}
			r.clean(r.Stats())
		})
	})
	t.Run("the reply rides a redelivery that waits", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := newRig(t, tghook.Config{Late: tghook.LateAck, Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}}, taking(10*time.Second, hello, nil))
			same(t, "acknowledged", r.post(messageIn(7, 1)), "200")
			same(t, "came all the same", r.post(messageIn(7, 1)), helloAnswer)
			pass(time.Minute)
			r.did(1, 0, 0)
		})
	})
	t.Run("order is kept", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := newRig(t, tghook.Config{Late: tghook.LateAck, LateAfter: time.Second}, taking(10*time.Second, tghook.NoReply, nil))
			for id := range int64(5) {
				same(t, "acknowledged", r.post(messageIn(7, id)), "200")
			}
			pass(time.Minute)
			same(t, "order", r.order(), []int64{0, 1, 2, 3, 4})
		})
	})
}

// The deadline against the completion, at the same moment of a bubble's time.
func TestTheDeadlineMeetsTheCompletionTenThousandTimes(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateCancel, tghook.LateAck} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				const updates = 10_000
				api := &apiCalls{}
				cfg := tghook.Config{Late: policy, Dispatch: tghook.DispatchConfig{Caller: api, MaxInFlight: updates}}
				r := newRig(t, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
					time.Sleep(8*time.Second + time.Duration(u.ID%3-1))
					return hello, nil
				})
				race(t, r, updates, updates)
				pass(time.Minute)
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
		cfg := tghook.Config{Late: policy, LateAfter: time.Millisecond, Dispatch: tghook.DispatchConfig{Caller: &apiCalls{}}}
		r := newRig(t, cfg, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-time.After(500*time.Microsecond + rand.N(time.Millisecond))
			return hello, nil
		})
		race(t, r, updates/2, 100)
		checkRace(t, r, updates/2, policy)
	}
}

// LateCancel against the start of the run, after 8 s in the lane: the redelivery,
// which comes at once, joins or begins anew, but is not turned away.
func TestLateCancelMeetsTheStartOfTheRun(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const chats = 1000
		cfg := tghook.Config{Late: tghook.LateCancel, Dispatch: tghook.DispatchConfig{MaxInFlight: 4 * chats}}
		cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID <= chats {
				return -1, 0
			}
			return 0, 0
		}
		r := newRig(t, cfg, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID <= chats {
				time.Sleep(8 * time.Second)
			}
			return hello, nil
		})
		for id := range int64(chats) {
			go r.post(messageIn(id+1, id+1))
		}
		pass(0)
		var turnedAway, late atomic.Int32
		var wg sync.WaitGroup
		for id := range int64(chats) {
			wg.Go(func() {
				for {
					switch got := r.post(messageIn(id+1, chats+id+1)); got {
					case "503", "503 after 2": // while it runs, and while it waits
						late.Add(1)
						continue
					case helloAnswer:
					default:
						turnedAway.Add(1)
						continue
					}
					return
				}
			})
		}
		wg.Wait()
		same(t, "turned away, though nothing was over its bound", turnedAway.Load(), 0)
		same(t, "runs", len(r.order()), 2*chats)
		t.Logf("%d were late", late.Load())
	})
}

// race delivers that many updates, each as often as it takes.
func race(t *testing.T, r *rig, updates, atOnce int64) {
	var wg sync.WaitGroup
	limit := make(chan struct{}, atOnce)
	rode := make([]int, updates)
	answered := make([]int, updates)
	for id := range updates {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			for range 1000 {
				got := r.post(messageIn(id+1, id+1))
				answered[id]++
				switch {
				case got == helloAnswer:
					rode[id]++
					return
				case got == "200":
					return
				case got != "503" && !strings.HasPrefix(got, "503 after "):
					t.Errorf("update %d is answered %s", id+1, got)
					return
				}
			}
			t.Errorf("update %d is never acknowledged", id+1)
		})
	}
	wg.Wait()
	late, total := 0, 0
	for id := range updates {
		total += rode[id]
		if answered[id] > 1 {
			late++
		}
	}
	t.Logf("%d of %d updates were late, %d replies rode", late, updates, total)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rode = total
}

func checkRace(t *testing.T, r *rig, updates int, policy tghook.LatePolicy) {
	t.Helper()
	calls := len(r.api.all())
	same(t, "runs", len(r.runs), updates)
	same(t, "dead letters", len(r.letters), 0)
	same(t, "rode or called", r.rode+calls, updates)
	if policy != tghook.LateAck {
		same(t, "called", calls, 0)
	}
	outcomes := map[tghook.Outcome]int{}
	for _, v := range r.deliveries {
		outcomes[v.Outcome]++
	}
	same(t, "replies told", outcomes[tghook.OutcomeReplied], updates)
	same(t, "failures", outcomes[tghook.OutcomeFailed]+outcomes[tghook.OutcomeReplyLost]+outcomes[tghook.OutcomeHandled], 0)
	same(t, "stats", r.Stats(), tghook.Stats{Remembered: updates})
}

// After ten seconds without a 2xx Telegram has but one connection: what is slow
// there holds up all other chats.
func TestOnASingleConnectionASlowChatHoldsUpAnotherNoLongerThanLateAfter(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ChatID == 1 {
				time.Sleep(time.Minute)
			}
			return tghook.NoReply, nil
		})
		begun := time.Now()
		same(t, "the slow chat", r.post(messageIn(1, 1)), "503 after 2")
		same(t, "the other", r.post(messageIn(2, 2)), "200")
		if took := time.Since(begun); took > 11*time.Second {
			t.Errorf("the other chat waited %s, want at most LateAfter and 3 s", took)
		}
		pass(2 * time.Second)
		same(t, "the redelivery", r.post(messageIn(1, 1)), "503 after 2")
		same(t, "the other's next", r.post(messageIn(2, 3)), "200")
	})
}
