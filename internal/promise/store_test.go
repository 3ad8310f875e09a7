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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

func TestReplicasReplayWhatWasDoneElsewhere(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		assert.Equal(t, rig.HelloAnswer, a.Post(rig.MessageIn(7, 1)), "here")
		for range 2 { // the second time from b's own memory
			assert.Equal(t, rig.HelloAnswer, b.Post(rig.MessageIn(7, 1)), "there")
		}
		assert.Equal(t, "duplicate/0/200/rode duplicate/0/200/rode", b.Outcomes(), "outcomes")
		b.Did(rig.Counts{})
		assert.Equal(t, "Claim 1, Done 1, Claim 1", shared.Log(), "store")
	})
}

func TestTwoBotsInOneStoreDoNotMeet(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		first, second := rig.Replica(shared), rig.Replica(shared)
		second.Dispatch.Bot = 2
		a, b := rig.NewBot(t, first, rig.Taking(0, rig.Hello, nil)), rig.NewBot(t, second, rig.Taking(0, rig.Hello, nil))
		assert.Equal(t, rig.HelloAnswer, a.Post(rig.MessageIn(7, 1)), "one")
		assert.Equal(t, rig.HelloAnswer, b.Post(rig.MessageIn(7, 1)), "the other")
		a.Did(rig.Counts{Runs: 1})
		b.Did(rig.Counts{Runs: 1})
		assert.Equal(t, int64(2), b.Last().Bot, "bot")
	})
}

func TestAStoreThatDoesNotAnswerIsDownAfterFiveSeconds(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		shared.Latency = time.Minute
		r := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Contains(t, rig.ShedAnswers, got, "answer")
		assert.Equal(t, 5*time.Second, took, "took")
		r.Did(rig.Counts{})
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
				assert.Contains(t, rig.ShedAnswers, got, "answer")
				assert.Equal(t, 10*time.Second, took, "took")
				assert.Equal(t, tghook.ErrClaimLost, <-cause, "cause")
				assert.Equal(t, "failed/1/503", r.Outcomes(), "outcomes")
				require.ErrorIs(t, r.Last().Err, tghook.ErrClaimLost)
				assert.Equal(t, 0, shared.Count("Done 1")+shared.Count("Fail 1")+shared.Count("Release 1"), "store")
				if how == "stolen" { // the other owner's result stands
					shared.Set(func(s *rig.Store) {
						row := s.Rows[tghook.Key{Bot: 1, ID: 1}]
						row.Done, row.Reply = true, []byte(`{"method":"sendDice","chat_id":7}`)
					})
					assert.Equal(t, `200 application/json {"method":"sendDice","chat_id":7}`, r.Post(rig.MessageIn(7, 1)), "redelivery")
				}
				rig.Pass(time.Minute)
				r.Did(rig.Counts{Runs: 1})
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
		assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "failed/1/503", r.Outcomes(), "outcomes")
		assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 1)), "redelivery")
		r.Did(rig.Counts{Runs: 1})
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
		assert.Equal(t, 2, shared.Count("Renew 1"), "renewals")
		shared.Set(func(s *rig.Store) { s.Down = true })
		assert.Contains(t, rig.ShedAnswers, rig.MustWait(first), "answer")
		assert.Equal(t, 50*time.Second, ended, "the handler ends with the lease")
		assert.ErrorIs(t, r.Last().Err, tghook.ErrClaimLost)
	})
}

// The context of a request ends with its answer, or when its sender goes. The calls of the
// Store do not end with it.
func TestTheStoreIsToldOfASuccessWhoseDeliveryIsOver(t *testing.T) {
	for name, leave := range map[string]func(cancel func()){
		"answered late": func(func()) { rig.Pass(10 * time.Second) },
		"sender gone":   func(cancel func()) { rig.Pass(5 * time.Second); cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				shared := rig.NewStore()
				shared.Latency = time.Second
				a := rig.NewBot(t, rig.Replica(shared), rig.Taking(25*time.Second, rig.Hello, nil))
				b := rig.NewBot(t, rig.Replica(shared), rig.Nothing)
				ctx, cancel := context.WithCancel(t.Context())
				first := rig.Eventually(func() string {
					defer cancel() // as net/http does
					return a.PostWith(ctx, rig.MessageIn(7, 1))
				})
				leave(cancel)
				rig.MustWait(first)
				rig.Pass(30 * time.Second)
				assert.Equal(t, "Claim 1, Renew 1, Renew 1, Done 1", shared.Log(), "store")
				assert.Equal(t, rig.HelloAnswer, b.Post(rig.MessageIn(7, 1)), "there")
			})
		})
	}
}

// A quick update costs two calls. Its answer waits for both.
func TestOnlyASlowHandlerRenewsItsClaim(t *testing.T) {
	for took, want := range map[time.Duration]string{
		0:                "Claim 1, Done 1",
		9 * time.Second:  "Claim 1, Done 1",
		25 * time.Second: "Claim 1, Renew 1, Renew 1, Done 1",
	} {
		t.Run(took.String(), func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				shared := rig.NewStore()
				cfg := rig.Replica(shared)
				cfg.LateAfter = -1
				r := rig.NewBot(t, cfg, rig.Taking(took, rig.Hello, nil))
				assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
				assert.Equal(t, want, shared.Log(), "store")
			})
		})
	}
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
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(first), "answer")
		assert.Equal(t, 5, shared.Count("Renew 1"), "renewals")
		rig.Pass(time.Minute)
		assert.Equal(t, 5, shared.Count("Renew 1"), "renewals later")
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
				assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
				assert.Equal(t, "replied/1/200/rode", r.Outcomes(), "outcomes")
				require.ErrorIs(t, r.Last().Err, rig.ErrStoreDown)
				assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
				r.Did(rig.Counts{Runs: 1})
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
		assert.Equal(t, "500", a.Post(rig.MessageIn(7, 1)), "first")
		assert.Equal(t, "500", b.Post(rig.MessageIn(7, 1)), "second")
		assert.Equal(t, "200", a.Post(rig.MessageIn(7, 1)), "third")
		assert.Equal(t, "200", b.Post(rig.MessageIn(7, 1)), "over")
		assert.Equal(t, "failed/1/500 dead_lettered/3/200", a.Outcomes(), "outcomes of one")
		assert.Equal(t, "failed/2/500 duplicate/0/200", b.Outcomes(), "outcomes of the other")
		a.Did(rig.Counts{Runs: 2, Letters: 1})
		b.Did(rig.Counts{Runs: 1})
		assert.Equal(t, "Claim 1, Fail 1, Claim 1, Fail 1, Claim 1, Done 1, Claim 1", shared.Log(), "store")
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
		assert.Equal(t, "500", a.Post(rig.MessageIn(7, 1)), "first")
		assert.Equal(t, "500", b.Post(rig.MessageIn(7, 1)), "elsewhere")
		assert.Equal(t, "500", a.Post(rig.MessageIn(7, 1)), "here again")
		a.Did(rig.Counts{Runs: 1, Letters: 2})
		b.Did(rig.Counts{Letters: 1})
		refuse.Store(false)
		assert.Equal(t, "200", b.Post(rig.MessageIn(7, 1)), "accepted")
		b.Did(rig.Counts{Letters: 2})
		assert.Equal(t, "200", a.Post(rig.MessageIn(7, 1)), "over")
		a.Did(rig.Counts{Runs: 1, Letters: 2})
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
		assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 1)), "before its lease runs out")
		rig.Pass(29*time.Second + 500*time.Millisecond)
		assert.Equal(t, "503 after 1", r.Post(rig.MessageIn(7, 1)), "half a second before")
		rig.Pass(500 * time.Millisecond)
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "afterwards")
		assert.Equal(t, "shed/0/503 shed/0/503 replied/2/200/rode", r.Outcomes(), "outcomes")
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
		assert.Equal(t, 9, shared.Count("Renew 1"), "renewals while it runs")
		assert.Equal(t, 0, shared.Count("Claim 2"), "claims while it waits")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(first), "first")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(second), "second")
		a.Did(rig.Counts{Runs: 2})
		assert.Equal(t, 1, a.Last().Attempt, "attempt")
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
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 2)), "answer")
		assert.Equal(t, 1, r.Last().Attempt, "attempt")
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
				assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 1)), "answer lost")
				rig.Pass(time.Second)
			}
			r.Did(rig.Counts{})
			shared.Set(func(s *rig.Store) { s.Lose = "" })
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
			assert.Equal(t, 1, r.Last().Attempt, "attempt")
			assert.Equal(t, 3, shared.Count("Release 1"), "claims given back")
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
			assert.Contains(t, rig.ShedAnswers, rig.MustWait(waiting), "answer")
			rig.MustWait(down)
			a.Did(rig.Counts{})
			rig.Pass(5 * time.Second)
			assert.Equal(t, 1, shared.Count("Release 1"), "claims given back")
			assert.Equal(t, rig.HelloAnswer, b.Post(rig.MessageIn(7, 1)), "elsewhere")
			assert.Equal(t, 1, b.Last().Attempt, "attempt")
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
		assert.Equal(t, "503 after 2", a.Post(rig.MessageIn(7, 2)), "queued")
		rig.Pass(time.Second)
		assert.Equal(t, 0, shared.Count("Claim 2"), "claims of what had no turn")
		assert.Equal(t, rig.HelloAnswer, b.Post(rig.MessageIn(7, 2)), "elsewhere")
		assert.Equal(t, 1, b.Last().Attempt, "attempt")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(first), "first")
		a.Did(rig.Counts{Runs: 1})
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
		assert.Equal(t, "503 after 2", got, "answer")
		assert.Equal(t, 2*time.Second, took, "took")
		rig.Pass(10 * time.Second)
		assert.Equal(t, "Claim 1, Release 1", shared.Log(), "store")
		r.Did(rig.Counts{})
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
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "answer")
	})
}

func TestJoinsStayInTheProcess(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a := rig.NewBot(t, rig.Replica(shared), rig.Taking(5*time.Second, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Taking(5*time.Second, rig.Hello, nil))
		first, joined := a.Send(rig.MessageIn(7, 1)), a.Send(rig.MessageIn(7, 1))
		assert.Contains(t, rig.ShedAnswers, b.Post(rig.MessageIn(7, 1)), "elsewhere")
		assert.Equal(t, "200", rig.MustWait(first), "first")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(joined), "joined")
		assert.Equal(t, 2, shared.Count("Claim 1"), "claims")
	})
}

// Telegram sends the messages of a chat one after the other, but a button press beside them.
func TestLanesStayInTheProcess(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a := rig.NewBot(t, rig.Replica(shared), rig.Taking(5*time.Second, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Taking(time.Second, rig.Hello, nil))
		first := a.Send(rig.MessageIn(7, 1))
		_, took := b.Send(rig.MessageIn(7, 2)).Wait()
		assert.Equal(t, time.Second, took, "another update of the chat, elsewhere")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(first), "first")
	})
}

func TestAClaimThatIsDoneElsewhereIsToldToAllThatWait(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a, b := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil)), rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		a.Post(rig.MessageIn(7, 1))
		shared.Set(func(s *rig.Store) { s.Latency = time.Second })
		first, second := b.Send(rig.MessageIn(7, 1)), b.Send(rig.MessageIn(7, 1))
		assert.Equal(t, "200", rig.MustWait(first), "older")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(second), "newer")
		b.Did(rig.Counts{})
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
		assert.Equal(t, "503 after 2", a.Post(rig.MessageIn(7, 1)), "late")
		rig.Pass(2 * time.Second)
		return shared, a, b
	}
	t.Run("the redelivery comes here", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			_, a, b := start(t)
			assert.Equal(t, rig.HelloAnswer, a.Post(rig.MessageIn(7, 1)), "here")
			rig.Pass(time.Minute)
			a.Did(rig.Counts{Runs: 1})
			b.Did(rig.Counts{})
		})
	})
	t.Run("the redelivery goes there", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			_, a, b := start(t)
			assert.Equal(t, "200", b.Post(rig.MessageIn(7, 1)), "there")
			rig.Pass(time.Minute)
			a.Did(rig.Counts{Runs: 1, Calls: 1})
			b.Did(rig.Counts{})
			assert.Equal(t, "200", a.Post(rig.MessageIn(7, 1)), "back here")
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
			assert.Equal(t, "503 after 2", rig.MustWait(first), "late while the Store is told")
			rig.Pass(5 * time.Second)
			assert.Equal(t, rig.HelloAnswer, b.Post(rig.MessageIn(7, 1)), "there")
			rig.Pass(time.Minute)
			a.Did(rig.Counts{Runs: 1})
		})
	})
	t.Run("without a Caller any replica carries it", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			shared := rig.NewStore()
			a := rig.NewBot(t, rig.Replica(shared), rig.Taking(late, rig.Hello, nil))
			b := rig.NewBot(t, rig.Replica(shared), rig.Nothing)
			assert.Equal(t, "503 after 2", a.Post(rig.MessageIn(7, 1)), "late")
			rig.Pass(2 * time.Second)
			assert.Equal(t, rig.HelloAnswer, b.Post(rig.MessageIn(7, 1)), "there")
			b.Did(rig.Counts{})
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
		assert.Equal(t, "503", r.Post(rig.MessageIn(7, 1)), "first")
		rig.Pass(2 * time.Second)
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Equal(t, rig.HelloAnswer, got, "redelivery")
		assert.Equal(t, 2*time.Second, took, "took")
		assert.Equal(t, 2, r.Last().Attempt, "attempt")
		assert.Equal(t, "Claim 1, Renew 1, Fail 1, Claim 1, Done 1", shared.Log(), "store")
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
		assert.Equal(t, "200", a.Post(rig.MessageIn(7, 1)), "acknowledged")
		assert.Contains(t, rig.ShedAnswers, b.Post(rig.MessageIn(7, 1)), "elsewhere")
		rig.Pass(30 * time.Second)
		a.Did(rig.Counts{Runs: 1, Calls: 1})
		assert.Equal(t, "200", b.Post(rig.MessageIn(7, 1)), "elsewhere, afterwards")
		b.Did(rig.Counts{})
	})
}

// LateAck promises nothing while an update waits in its lane, where it is not claimed.
func TestLateAckPromisesNothingInTheLaneWithAStore(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := rig.Replica(rig.NewStore())
		cfg.Late, cfg.LateAfter = tghook.LateAck, 2*time.Second
		r := rig.NewBot(t, cfg, rig.Taking(20*time.Second, tghook.NoReply, nil))
		first := r.Send(rig.MessageIn(7, 1))
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 2)), "in the lane")
		assert.Equal(t, "200", rig.MustWait(first), "first")
		rig.Pass(19 * time.Second)
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 2)), "its turn has come")
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
		assert.Contains(t, rig.ShedAnswers, rig.MustWait(first), "running")
		assert.Contains(t, rig.ShedAnswers, rig.MustWait(queued), "queued")
		rig.Pass(time.Second)
		assert.Equal(t, rig.HelloAnswer, b.Post(rig.MessageIn(7, 1)), "running, elsewhere")
		assert.Equal(t, rig.HelloAnswer, b.Post(rig.MessageIn(7, 2)), "queued, elsewhere")
		assert.Equal(t, "replied/2/200/rode replied/1/200/rode", b.Outcomes(), "outcomes")
	})
}

func TestTheStoreForgetsAndLearnsAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		query := rig.KindBy(tghook.KindInlineQuery, 5, 1)
		assert.Equal(t, rig.HelloAnswer, a.Post(query), "here")
		rig.Pass(30*time.Second + 3*time.Minute + 5*time.Minute - 1) // HandlerTimeout is remembered on top
		assert.Equal(t, rig.HelloAnswer, b.Post(query), "there, in time")
		b.Did(rig.Counts{})
		rig.Pass(30*time.Second + 3*time.Minute + 5*time.Minute) // from the last claim
		assert.Equal(t, rig.HelloAnswer, a.Post(query), "here, when its life is over")
		a.Did(rig.Counts{Runs: 2})
	})
}

// A Store may forget an update that runs for longer than it is remembered.
func TestWithAStoreHandlersEndWithinADay(t *testing.T) {
	t.Parallel()
	for timeout, wrong := range map[time.Duration]bool{0: false, 24 * time.Hour: false, 24*time.Hour + 1: true, -1: true} {
		cfg := tghook.DispatchConfig{Bot: 1, Store: rig.NewStore(), HandlerTimeout: timeout}
		_, err := tghook.NewDispatcher(tghook.HandlerFunc(rig.Nothing), cfg)
		assert.Equalf(t, wrong, err != nil && strings.Contains(err.Error(), "DispatchConfig.HandlerTimeout"), "HandlerTimeout %v", timeout)
	}
}
