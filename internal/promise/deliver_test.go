package promise_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

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
