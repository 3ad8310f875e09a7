package oteltghook_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// In a poll the outcomes of attempts that failed come without a delivery.
func TestAPollIsCountedAndTraced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope, telegram := newScope(t), rig.NewTelegram(t)
		poll := rig.StartPoll(t, telegram, tghook.PollConfig{Dispatch: tghook.DispatchConfig{Observe: scope.Observe}},
			scope.Middleware(tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				time.Sleep(time.Second)
				if a, _ := tghook.AttemptFromContext(ctx); u.ID == 1 && a.Number < 3 {
					return tghook.NoReply, rig.ErrBroken
				}
				return tghook.NoReply, nil
			})).HandleUpdate)
		telegram.Send(t, rig.MessageIn(chat, 1), rig.MessageIn(chat2, 2))
		rig.Pass(time.Minute)
		assert.Equal(t, []string{
			"attempts message failed _OTHER: 2",
			"attempts message handled: 2",
			"deliveries message failed _OTHER: 2",
			"deliveries message handled: 2",
			"took message failed _OTHER: 2 in 2s",
			"took message handled: 2 in 2s",
			"wait.duration message: 1 in 5s",
		}, scope.metrics())
		assert.Equal(t, []string{
			"process message 7244100913:1 attempt=1 outcome=failed error.type=_OTHER 1s Error=_OTHER",
			"process message 7244100913:2 attempt=1 outcome=handled 1s",
			"process message 7244100913:1 attempt=2 outcome=failed error.type=_OTHER 1s Error=_OTHER linked to 0",
			"process message 7244100913:1 attempt=3 outcome=handled 1s linked to 2",
		}, scope.ended())
		poll.End()
	})
}

func TestAnUpdateThatPinsAPollIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope, telegram := newScope(t), rig.NewTelegram(t)
		poll := rig.StartPoll(t, telegram, tghook.PollConfig{Dispatch: tghook.DispatchConfig{Observe: scope.Observe}},
			func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 1 {
					time.Sleep(time.Minute)
				}
				return tghook.NoReply, nil
			})
		for id := range int64(101) {
			telegram.Send(t, rig.MessageIn(id+1, id+1))
		}
		rig.Pass(30 * time.Second)
		assert.Contains(t, scope.metrics(), "deliveries message pinning: 1")
		rig.Pass(time.Minute)
		poll.End()
	})
}

// The gauges of a poll can be read although nobody can call its Stats.
func TestTheGaugesOfEachBotLastUntilItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope, telegram := newScope(t), rig.NewTelegram(t)
		poll := rig.StartPoll(t, telegram, tghook.PollConfig{Dispatch: tghook.DispatchConfig{Watch: scope.Watch}}, rig.Taking(time.Second, tghook.NoReply, nil))
		hook := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: 42, Watch: scope.Watch}}, rig.Taking(time.Minute, tghook.NoReply, rig.ErrBroken))
		hook.Send(rig.MessageIn(chat, 1))
		hook.Send(rig.MessageIn(chat2, 2))
		telegram.Send(t, rig.MessageIn(chat, 1))
		rig.Pass(30 * time.Second)
		ofHook := []string{
			"abandoned 42: 0", "evicted 42: 0", "failed 42: 0", "in_flight 42: 2", "lanes 42: 2", "remembered 42: 0", "unacknowledged 42: 0",
		}
		ofPoll := []string{
			"abandoned : 0", "evicted : 0", "failed : 0", "in_flight : 0", "lanes : 0", "poll.age : 29.249", "remembered : 1", "unacknowledged : 0",
		}
		assert.ElementsMatch(t, slices.Concat(ofPoll, ofHook), scope.metrics())
		poll.End()
		assert.ElementsMatch(t, ofHook, scope.metrics(), "the poll has ended")
		rig.Pass(time.Minute)
		require.NoError(t, hook.Shutdown(t.Context()))
		assert.Empty(t, scope.metrics(), "both have ended")
	})
}

// A kind comes from outside, so that a sender could make any number of series.
func TestUnknownKindsAreOneSeries(t *testing.T) {
	scope := newScope(t)
	for id := range int64(100) {
		scope.Observe(t.Context(), tghook.Delivery{Outcome: "an outcome to come", Update: &tghook.Update{ID: id, Kind: tghook.Kind(fmt.Sprint("kind_", id))}})
	}
	assert.Equal(t, "deliveries other other: 100", strings.Join(scope.metrics(), "\n"))
}
