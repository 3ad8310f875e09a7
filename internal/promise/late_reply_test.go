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
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

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
					require.ErrorIs(t, r.Last().Err, rig.ErrBroken)
					assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
					r.Did(rig.Counts{Runs: 1, Calls: 1})
				})
			})
		}
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
		assert.Len(t, api.All(), len(calls), "called once each")
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
		require.NoError(t, r.Last().Err, "error")
		rig.Pass(1)
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "after ten minutes")
		assert.Equal(t, tghook.OutcomeDuplicate, r.Last().Outcome, "outcome")
		require.Error(t, r.Last().Err, "Observe is not told that the reply is gone")
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
	require.Error(t, r.Last().Err, "Observe is not told that the reply is gone")
	for id := range int64(8) {
		assert.Greater(t, len(r.Post(rig.MessageIn(id+1, id+1))), 1<<19, "status")
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
