package promise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

func TestReplicasReplayWhatWasDoneElsewhere(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		rig.Same(t, "here", a.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		for range 2 { // the second time from b's own memory
			rig.Same(t, "there", b.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		}
		rig.Same(t, "outcomes", b.Outcomes(), "duplicate/0/200/rode duplicate/0/200/rode")
		b.Did(0, 0, 0)
		rig.Same(t, "store", shared.Log(), "Claim 1, Done 1, Claim 1")
	})
}

func TestTwoBotsInOneStoreDoNotMeet(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		first, second := rig.Replica(shared), rig.Replica(shared)
		second.Dispatch.Bot = 2
		a, b := rig.NewBot(t, first, rig.Taking(0, rig.Hello, nil)), rig.NewBot(t, second, rig.Taking(0, rig.Hello, nil))
		rig.Same(t, "one", a.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		rig.Same(t, "the other", b.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		a.Did(1, 0, 0)
		b.Did(1, 0, 0)
		rig.Same(t, "bot", b.Last().Bot, int64(2))
	})
}

func TestAStoreThatDoesNotAnswerIsDownAfterFiveSeconds(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		shared.Latency = time.Minute
		r := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		rig.OneOf(t, "answer", got, rig.ShedAnswers...)
		rig.Same(t, "took", took, 5*time.Second)
		r.Did(0, 0, 0)
		r.Clean(r.Stats())
	})
}

func TestALostClaimEndsTheHandlerAndDiscardsItsReply(t *testing.T) {
	for _, how := range []string{"stolen", "refused"} {
		t.Run(how, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				shared := rig.NewStore()
				cfg := rig.Replica(shared)
				cfg.LateAfter = -1
				api := &rig.Caller{}
				cfg.Dispatch.Caller = api
				cause := make(chan error, 1)
				r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					<-ctx.Done()
					cause <- context.Cause(ctx)
					return rig.Hello, nil // all the same
				})
				first := r.Send(rig.MessageIn(7, 1))
				rig.Pass(time.Second)
				if how == "stolen" {
					shared.Steal()
				} else {
					shared.Set(func(s *rig.Store) { s.Refuse = "Renew" })
				}
				got, took := first.Wait()
				rig.OneOf(t, "answer", got, rig.ShedAnswers...)
				rig.Same(t, "took", took, 10*time.Second)
				rig.Same(t, "cause", <-cause, tghook.ErrClaimLost)
				rig.Same(t, "outcomes", r.Outcomes(), "failed/1/503")
				if !errors.Is(r.Last().Err, tghook.ErrClaimLost) {
					t.Errorf("Observe is told %v", r.Last().Err)
				}
				rig.Same(t, "store", shared.Count("Done 1")+shared.Count("Fail 1")+shared.Count("Release 1"), 0)
				if how == "stolen" { // the other owner's result stands
					shared.Set(func(s *rig.Store) {
						row := s.Rows[tghook.Key{Bot: 1, ID: 1}]
						row.Done, row.Reply = true, []byte(`{"method":"sendDice","chat_id":7}`)
					})
					rig.Same(t, "redelivery", r.Post(rig.MessageIn(7, 1)), `200 application/json {"method":"sendDice","chat_id":7}`)
				}
				rig.Pass(time.Minute)
				r.Did(1, 0, 0)
				r.Clean(r.Stats())
			})
		})
	}
}

func TestAClaimLostAtTheVeryEndDiscardsTheReply(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		r := rig.NewBot(t, rig.Replica(shared), func(context.Context, *tghook.Update) (tghook.Reply, error) {
			time.Sleep(time.Second)
			shared.Steal()
			return rig.Hello, nil
		})
		rig.OneOf(t, "answer", r.Post(rig.MessageIn(7, 1)), rig.ShedAnswers...)
		rig.Same(t, "outcomes", r.Outcomes(), "failed/1/503")
		rig.OneOf(t, "redelivery", r.Post(rig.MessageIn(7, 1)), rig.ShedAnswers...)
		r.Did(1, 0, 0)
	})
}

func TestALeaseThatRunsOutWhileTheStoreIsDownIsALostClaim(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.LateAfter = -1
		var ended time.Duration
		start := time.Now()
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			ended = time.Since(start)
			return rig.Hello, context.Cause(ctx)
		})
		first := r.Send(rig.MessageIn(7, 1))
		rig.Pass(25 * time.Second) // two renewals, the last at 20 s
		rig.Same(t, "renewals", shared.Count("Renew 1"), 2)
		shared.Set(func(s *rig.Store) { s.Down = true })
		rig.OneOf(t, "answer", rig.MustWait(first), rig.ShedAnswers...)
		rig.Same(t, "the handler ends with the lease", ended, 50*time.Second)
		if !errors.Is(r.Last().Err, tghook.ErrClaimLost) {
			t.Errorf("Observe is told %v", r.Last().Err)
		}
	})
}

func TestARenewalThatFailsOnceIsTriedAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.LateAfter = -1
		r := rig.NewBot(t, cfg, rig.Taking(65*time.Second, rig.Hello, nil))
		first := r.Send(rig.MessageIn(7, 1))
		rig.Pass(15 * time.Second)
		shared.Set(func(s *rig.Store) { s.Break = "Renew" })
		rig.Pass(10 * time.Second)
		shared.Set(func(s *rig.Store) { s.Break = "" })
		rig.Same(t, "answer", rig.MustWait(first), rig.HelloAnswer)
		rig.Same(t, "renewals", shared.Count("Renew 1"), 5)
		rig.Pass(time.Minute)
		rig.Same(t, "renewals later", shared.Count("Renew 1"), 5)
	})
}

func TestDoneThatFailsLeavesTheLocalRecord(t *testing.T) {
	for _, fault := range []string{"not applied", "answer lost"} {
		t.Run(fault, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				shared := rig.NewStore()
				r := rig.NewBot(t, rig.Replica(shared), rig.Taking(time.Second, rig.Hello, nil))
				if fault == "not applied" {
					shared.Break = "Done"
				} else {
					shared.Lose = "Done"
				}
				rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
				rig.Same(t, "outcomes", r.Outcomes(), "replied/1/200/rode")
				if !errors.Is(r.Last().Err, rig.ErrStoreDown) {
					t.Errorf("Observe is told %v", r.Last().Err)
				}
				rig.Same(t, "redelivery", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
				r.Did(1, 0, 0)
			})
		})
	}
}

func TestAttemptsAreCountedAcrossReplicas(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.Dispatch.MaxAttempts = 3
		a := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, rig.ErrBroken))
		b := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, rig.ErrBroken))
		rig.Same(t, "first", a.Post(rig.MessageIn(7, 1)), "500")
		rig.Same(t, "second", b.Post(rig.MessageIn(7, 1)), "500")
		rig.Same(t, "third", a.Post(rig.MessageIn(7, 1)), "200")
		rig.Same(t, "over", b.Post(rig.MessageIn(7, 1)), "200")
		rig.Same(t, "outcomes of one", a.Outcomes(), "failed/1/500 dead_lettered/3/200")
		rig.Same(t, "outcomes of the other", b.Outcomes(), "failed/2/500 duplicate/0/200")
		a.Did(2, 1, 0)
		b.Did(1, 0, 0)
		rig.Same(t, "store", shared.Log(), "Claim 1, Fail 1, Claim 1, Fail 1, Claim 1, Done 1, Claim 1")
	})
}

func TestADeadLetterThatFailedIsDueOnEveryReplica(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.Dispatch.MaxAttempts = 1
		var refuse atomic.Bool
		refuse.Store(true)
		cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error {
			if refuse.Load() {
				return rig.ErrBroken
			}
			return nil
		}
		a := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, rig.ErrBroken))
		b := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, rig.ErrBroken))
		rig.Same(t, "first", a.Post(rig.MessageIn(7, 1)), "500")
		rig.Same(t, "elsewhere", b.Post(rig.MessageIn(7, 1)), "500")
		rig.Same(t, "here again", a.Post(rig.MessageIn(7, 1)), "500")
		a.Did(1, 2, 0)
		b.Did(0, 1, 0)
		refuse.Store(false)
		rig.Same(t, "accepted", b.Post(rig.MessageIn(7, 1)), "200")
		b.Did(0, 2, 0)
		rig.Same(t, "over", a.Post(rig.MessageIn(7, 1)), "200")
		a.Did(1, 2, 0)
	})
}

func TestAnotherReplicaRunsWhatAKilledOneHeld(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		// The process that is killed is a claim that nobody renews.
		if _, err := shared.Claim(withTimeout(t), tghook.Claim{Key: tghook.Key{Bot: 1, ID: 1}, Fence: "killed"}, 30*time.Second, time.Hour); err != nil {
			t.Fatal(err)
		}
		r := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		rig.OneOf(t, "before its lease runs out", r.Post(rig.MessageIn(7, 1)), rig.ShedAnswers...)
		rig.Pass(29*time.Second + 500*time.Millisecond)
		rig.Same(t, "half a second before", r.Post(rig.MessageIn(7, 1)), "503 after 1")
		rig.Pass(500 * time.Millisecond)
		rig.Same(t, "afterwards", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		rig.Same(t, "outcomes", r.Outcomes(), "shed/0/503 shed/0/503 replied/2/200/rode")
	})
}

func withTimeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// What waits in its lane is not claimed, so that a crash costs attempts only to what ran.
func TestAnUpdateIsClaimedWhenItsTurnHasCome(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.LateAfter = -1
		a := rig.NewBot(t, cfg, rig.Taking(100*time.Second, rig.Hello, nil))
		first, second := a.Send(rig.MessageIn(7, 1)), a.Send(rig.MessageIn(7, 2))
		rig.Pass(95 * time.Second)
		rig.Same(t, "renewals while it runs", shared.Count("Renew 1"), 9)
		rig.Same(t, "claims while it waits", shared.Count("Claim 2"), 0)
		rig.Same(t, "first", rig.MustWait(first), rig.HelloAnswer)
		rig.Same(t, "second", rig.MustWait(second), rig.HelloAnswer)
		a.Did(2, 0, 0)
		rig.Same(t, "attempt", a.Last().Attempt, 1)
	})
}

// Three processes die while an update waits behind another in its lane. It has spent no
// attempt.
func TestACrashCostsNoAttemptToWhatWaits(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.Dispatch.MaxAttempts, cfg.LateAfter = 3, -1
		for range 3 {
			dying := rig.NewBot(t, cfg, rig.Taking(20*time.Second, rig.Hello, nil))
			ctx, die := context.WithCancel(t.Context())
			rig.Eventually(func() string { return dying.PostWith(ctx, rig.MessageIn(7, 1)) })
			rig.Eventually(func() string { return dying.PostWith(ctx, rig.MessageIn(7, 2)) })
			shared.Set(func(s *rig.Store) { s.Down = true }) // nothing that it does reaches the Store any more
			die()
			rig.Pass(time.Minute)
			shared.Set(func(s *rig.Store) { s.Down = false })
		}
		r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 2)), rig.HelloAnswer)
		rig.Same(t, "attempt", r.Last().Attempt, 1)
	})
}

// Three lost answers to Claim do not spend an attempt each, and a Shutdown during a slow
// Claim gives it back.
func TestAClaimWhoseHandlerNeverStartsSpendsNoAttempt(t *testing.T) {
	t.Run("answers lost", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			shared := rig.NewStore()
			cfg := rig.Replica(shared)
			cfg.Dispatch.MaxAttempts = 3
			r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
			shared.Set(func(s *rig.Store) { s.Lose = "Claim" })
			for range 3 {
				rig.OneOf(t, "answer lost", r.Post(rig.MessageIn(7, 1)), rig.ShedAnswers...)
				rig.Pass(time.Second)
			}
			r.Did(0, 0, 0)
			shared.Set(func(s *rig.Store) { s.Lose = "" })
			rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
			rig.Same(t, "attempt", r.Last().Attempt, 1)
			rig.Same(t, "claims given back", shared.Count("Release 1"), 3)
		})
	})
	t.Run("shutdown", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			shared := rig.NewStore()
			shared.Latency = 2 * time.Second
			cfg := rig.Replica(shared)
			a, b := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil)), rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
			waiting := a.Send(rig.MessageIn(7, 1))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			down := rig.Eventually(func() string { return fmt.Sprint(a.Shutdown(ctx)) })
			rig.OneOf(t, "answer", rig.MustWait(waiting), rig.ShedAnswers...)
			rig.MustWait(down)
			a.Did(0, 0, 0)
			rig.Pass(5 * time.Second)
			rig.Same(t, "claims given back", shared.Count("Release 1"), 1)
			rig.Same(t, "elsewhere", b.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
			rig.Same(t, "attempt", b.Last().Attempt, 1)
		})
	})
}

func TestWhatLateCancelWithdrawsIsNotClaimed(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.Deadline = func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID == 1 {
				return -1, 0
			}
			return 0, tghook.LateCancel
		}
		a, b := rig.NewBot(t, cfg, rig.Taking(20*time.Second, rig.Hello, nil)), rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
		first := a.Send(rig.MessageIn(7, 1))
		rig.Same(t, "queued", a.Post(rig.MessageIn(7, 2)), "503 after 2")
		rig.Pass(time.Second)
		rig.Same(t, "claims of what had no turn", shared.Count("Claim 2"), 0)
		rig.Same(t, "elsewhere", b.Post(rig.MessageIn(7, 2)), rig.HelloAnswer)
		rig.Same(t, "attempt", b.Last().Attempt, 1)
		rig.Same(t, "first", rig.MustWait(first), rig.HelloAnswer)
		a.Did(1, 0, 0)
	})
}

func TestAClaimGrantedTooLateIsReleased(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		shared.Latency = 4 * time.Second
		cfg := rig.Replica(shared)
		cfg.Late, cfg.LateAfter = tghook.LateCancel, 2*time.Second
		r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		rig.Same(t, "answer", got, "503 after 2")
		rig.Same(t, "took", took, 2*time.Second)
		rig.Pass(10 * time.Second)
		rig.Same(t, "store", shared.Log(), "Claim 1, Release 1")
		r.Did(0, 0, 0)
		r.Clean(r.Stats())
	})
}

func TestLateAckPromisesNothingBeforeTheStoreHasAgreed(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		shared.Latency = 4 * time.Second
		cfg := rig.Replica(shared)
		cfg.Late, cfg.LateAfter = tghook.LateAck, 2*time.Second
		r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "503 after 2")
	})
}

func TestJoinsStayInTheProcess(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a := rig.NewBot(t, rig.Replica(shared), rig.Taking(5*time.Second, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Taking(5*time.Second, rig.Hello, nil))
		first, joined := a.Send(rig.MessageIn(7, 1)), a.Send(rig.MessageIn(7, 1))
		rig.OneOf(t, "elsewhere", b.Post(rig.MessageIn(7, 1)), rig.ShedAnswers...)
		rig.Same(t, "first", rig.MustWait(first), "200")
		rig.Same(t, "joined", rig.MustWait(joined), rig.HelloAnswer)
		rig.Same(t, "claims", shared.Count("Claim 1"), 2)
	})
}

func TestAClaimThatIsDoneElsewhereIsToldToAllThatWait(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a, b := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil)), rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		a.Post(rig.MessageIn(7, 1))
		shared.Set(func(s *rig.Store) { s.Latency = time.Second })
		first, second := b.Send(rig.MessageIn(7, 1)), b.Send(rig.MessageIn(7, 1))
		rig.Same(t, "older", rig.MustWait(first), "200")
		rig.Same(t, "newer", rig.MustWait(second), rig.HelloAnswer)
		b.Did(0, 0, 0)
	})
}

// With a Caller, a reply that no delivery of this process waits for is not given
// to the Store: it would ride there and be called here.
func TestAReplyRidesHereOrThereOrIsCalledNeverTwo(t *testing.T) {
	const late = 9 * time.Second
	start := func(t *testing.T) (shared *rig.Store, a, b *rig.Bot) {
		shared = rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.Dispatch.Caller = &rig.Caller{}
		a = rig.NewBot(t, cfg, rig.Taking(late, rig.Hello, nil))
		cfg.Dispatch.Caller = &rig.Caller{}
		b = rig.NewBot(t, cfg, rig.Taking(late, rig.Hello, nil))
		rig.Same(t, "late", a.Post(rig.MessageIn(7, 1)), "503 after 2")
		rig.Pass(2 * time.Second)
		return shared, a, b
	}
	t.Run("the redelivery comes here", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			_, a, b := start(t)
			rig.Same(t, "here", a.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
			rig.Pass(time.Minute)
			a.Did(1, 0, 0)
			b.Did(0, 0, 0)
		})
	})
	t.Run("the redelivery goes there", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			_, a, b := start(t)
			rig.Same(t, "there", b.Post(rig.MessageIn(7, 1)), "200")
			rig.Pass(time.Minute)
			a.Did(1, 0, 1)
			b.Did(0, 0, 0)
			rig.Same(t, "back here", a.Post(rig.MessageIn(7, 1)), "200")
		})
	})
	t.Run("the redelivery leaves while the Store is told", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			shared := rig.NewStore()
			cfg := rig.Replica(shared)
			cfg.Dispatch.Caller = &rig.Caller{}
			a := rig.NewBot(t, cfg, rig.Taking(7*time.Second, rig.Hello, nil))
			b := rig.NewBot(t, cfg, rig.Nothing)
			first := a.Send(rig.MessageIn(7, 1))
			shared.Set(func(s *rig.Store) { s.Latency = 2 * time.Second })
			rig.Same(t, "late while the Store is told", rig.MustWait(first), "503 after 2")
			rig.Pass(5 * time.Second)
			rig.Same(t, "there", b.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
			rig.Pass(time.Minute)
			a.Did(1, 0, 0)
		})
	})
	t.Run("without a Caller any replica carries it", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			shared := rig.NewStore()
			a := rig.NewBot(t, rig.Replica(shared), rig.Taking(late, rig.Hello, nil))
			b := rig.NewBot(t, rig.Replica(shared), rig.Nothing)
			rig.Same(t, "late", a.Post(rig.MessageIn(7, 1)), "503 after 2")
			rig.Pass(2 * time.Second)
			rig.Same(t, "there", b.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
			b.Did(0, 0, 0)
		})
	})
}

func TestTheRedeliveryAfterLateCancelClaimsAnew(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.Late = tghook.LateCancel
		var runs atomic.Int32
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			if runs.Add(1) == 1 {
				time.Sleep(12 * time.Second) // deaf to its ctx
				return rig.Hello, ctx.Err()
			}
			return rig.Hello, nil
		})
		rig.Same(t, "first", r.Post(rig.MessageIn(7, 1)), "503")
		rig.Pass(2 * time.Second)
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		rig.Same(t, "redelivery", got, rig.HelloAnswer)
		rig.Same(t, "took", took, 2*time.Second)
		rig.Same(t, "attempt", r.Last().Attempt, 2)
		rig.Same(t, "store", shared.Log(), "Claim 1, Renew 1, Fail 1, Claim 1, Done 1")
	})
}

func TestLateAckKeepsItsClaimUntilTheEnd(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.Late = tghook.LateAck
		cfg.Dispatch.Caller = &rig.Caller{}
		a := rig.NewBot(t, cfg, rig.Taking(35*time.Second, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Nothing)
		rig.Same(t, "acknowledged", a.Post(rig.MessageIn(7, 1)), "200")
		rig.OneOf(t, "elsewhere", b.Post(rig.MessageIn(7, 1)), rig.ShedAnswers...)
		rig.Pass(30 * time.Second)
		a.Did(1, 0, 1)
		rig.Same(t, "elsewhere, afterwards", b.Post(rig.MessageIn(7, 1)), "200")
		b.Did(0, 0, 0)
	})
}

// LateAck promises nothing while an update waits in its lane, where it is not claimed.
func TestLateAckPromisesNothingInTheLaneWithAStore(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := rig.Replica(rig.NewStore())
		cfg.Late, cfg.LateAfter = tghook.LateAck, 2*time.Second
		r := rig.NewBot(t, cfg, rig.Taking(20*time.Second, tghook.NoReply, nil))
		first := r.Send(rig.MessageIn(7, 1))
		rig.Same(t, "in the lane", r.Post(rig.MessageIn(7, 2)), "503 after 2")
		rig.Same(t, "first", rig.MustWait(first), "200")
		rig.Pass(19 * time.Second)
		rig.Same(t, "its turn has come", r.Post(rig.MessageIn(7, 2)), "200")
	})
}

func TestTwoReplicasRacingForAnUpdateRunItOnce(t *testing.T) {
	t.Parallel()
	const updates = 2000
	shared := rig.NewStore()
	ran := make([]atomic.Int32, updates)
	h := func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		ran[u.ID].Add(1)
		return rig.Hello, nil
	}
	cfg := rig.Replica(shared)
	cfg.LateAfter = -1
	replicas := []*rig.Bot{rig.NewBot(t, cfg, h), rig.NewBot(t, cfg, h)}
	var wg sync.WaitGroup
	limit := make(chan struct{}, 32)
	for id := range int64(updates) {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			var both sync.WaitGroup
			answers := make([]string, 2)
			for i, r := range replicas {
				both.Go(func() { answers[i] = r.Post(rig.MessageIn(id%50, id)) })
			}
			both.Wait()
			rode := 0
			for i, got := range answers {
				switch {
				case got == rig.HelloAnswer:
					rode++
				case strings.HasPrefix(got, "503"):
					if again := replicas[i].Post(rig.MessageIn(id%50, id)); again != rig.HelloAnswer {
						t.Errorf("update %d: redelivery is answered %s", id, again)
					}
				default:
					t.Errorf("update %d is answered %s", id, got)
				}
			}
			if rode == 0 || ran[id].Load() != 1 {
				t.Errorf("update %d: %d handlers, %d replies", id, ran[id].Load(), rode)
			}
		})
	}
	wg.Wait()
	for _, r := range replicas {
		r.Clean(r.Stats())
	}
}

func TestShutdownReleasesWhatHasNotRun(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		cfg := rig.Replica(shared)
		cfg.LateAfter = -1
		a := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			return rig.Hello, context.Cause(ctx)
		})
		b := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
		first, queued := a.Send(rig.MessageIn(7, 1)), a.Send(rig.MessageIn(7, 2))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), ": 1 2") {
			t.Errorf("Shutdown: %v", err)
		}
		rig.OneOf(t, "running", rig.MustWait(first), rig.ShedAnswers...)
		rig.OneOf(t, "queued", rig.MustWait(queued), rig.ShedAnswers...)
		rig.Pass(time.Second)
		rig.Same(t, "running, elsewhere", b.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		rig.Same(t, "queued, elsewhere", b.Post(rig.MessageIn(7, 2)), rig.HelloAnswer)
		rig.Same(t, "outcomes", b.Outcomes(), "replied/2/200/rode replied/1/200/rode")
	})
}

func TestTheStoreForgetsAndLearnsAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		query := rig.KindBy(tghook.KindInlineQuery, 5, 1)
		rig.Same(t, "here", a.Post(query), rig.HelloAnswer)
		rig.Pass(30*time.Second + 3*time.Minute + 5*time.Minute - 1) // HandlerTimeout is remembered on top
		rig.Same(t, "there, in time", b.Post(query), rig.HelloAnswer)
		b.Did(0, 0, 0)
		rig.Pass(30*time.Second + 3*time.Minute + 5*time.Minute) // from the last claim
		rig.Same(t, "here, when its life is over", a.Post(query), rig.HelloAnswer)
		a.Did(2, 0, 0)
	})
}

// A Store may forget an update that runs for longer than it is remembered.
func TestWithAStoreHandlersEndWithinADay(t *testing.T) {
	t.Parallel()
	for timeout, wrong := range map[time.Duration]bool{0: false, 24 * time.Hour: false, 24*time.Hour + 1: true, -1: true} {
		cfg := tghook.DispatchConfig{Bot: 1, Store: rig.NewStore(), HandlerTimeout: timeout}
		_, err := tghook.NewDispatcher(tghook.HandlerFunc(rig.Nothing), cfg)
		if got := err != nil && strings.Contains(err.Error(), "DispatchConfig.HandlerTimeout"); got != wrong {
			t.Errorf("HandlerTimeout %v: %v", timeout, err)
		}
	}
}
