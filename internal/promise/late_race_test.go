package promise_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

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
