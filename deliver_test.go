package tghook_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

// queued hands body over as a queue does.
func (r *rig) queued(ctx context.Context, body string) string {
	if err := r.Deliver(ctx, parsed(r.tb, body)); err != nil {
		return strings.TrimPrefix(err.Error(), "tghook: ")
	}
	return "acknowledged"
}

func TestDeliverSendsTheReplyByCallerWithinTheLane(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &apiCalls{}
		var before []int // calls made when each handler started
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			before = append(before, len(api.all()))
			time.Sleep(time.Second)
			return hello, nil
		})
		api.do = func(context.Context, string) error { time.Sleep(time.Second); return nil }
		first := eventually(func() string { return r.queued(t.Context(), messageIn(7, 1)) })
		second := eventually(func() string { return r.queued(t.Context(), messageIn(7, 2)) })
		for _, p := range []*pending{first, second} {
			if got, _ := p.wait(); got != "acknowledged" {
				t.Errorf("got %q", got)
			}
		}
		same(t, "calls made before each start", before, []int{0, 1})
		same(t, "a redelivery", r.queued(t.Context(), messageIn(7, 1)), "acknowledged")
		same(t, "calls", api.all(), []string{helloCall, helloCall})
		same(t, "outcomes", r.outcomes(), "replied/1/0 replied/1/0 duplicate/0/0")
		r.did(2, 0, 2)
	})
}

func TestDeliverWithoutACallerLosesTheReplyAndSaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, taking(0, hello, nil))
		same(t, "answer", r.queued(t.Context(), messageIn(7, 1)), "acknowledged")
		same(t, "outcomes", r.outcomes(), "reply_lost/1/0")
	})
}

func TestDeliverGivesTheErrorOfTheHandler(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, taking(0, hello, tghook.RetryAfter(time.Minute, errBroken)))
		err := r.Deliver(t.Context(), parsed(t, messageIn(7, 1)))
		after, ok := tghook.RetryDelay(err)
		if !errors.Is(err, errBroken) || !ok || after != time.Minute {
			t.Errorf("got %v, to be offered again after %v", err, after)
		}
		same(t, "outcomes", r.outcomes(), "failed/1/0")
	})
}

func TestDeliverEndsTheHandlerBeforeItsOwnDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var causes []error
		r := newRig(t, tghook.Config{LateAfter: time.Second}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			causes = append(causes, context.Cause(ctx))
			return tghook.NoReply, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		p := eventually(func() string { return r.queued(ctx, messageIn(7, 1)) })
		got, took := p.wait()
		if got != "answered before the handler had finished: it was given 9.5s by the deadline of the context that it arrived with" || took != 9500*time.Millisecond {
			t.Errorf("got %q after %v", got, took)
		}
		same(t, "causes", causes, []error{tghook.ErrLate})
	})
}

// The first delivery was late, so that nothing has carried the reply: the second
// sees to it before it acknowledges.
func TestDeliverSendsTheReplyOfARunThatNobodyWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &apiCalls{}
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, taking(3*time.Second, hello, nil))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		p := eventually(func() string { return r.queued(ctx, messageIn(7, 1)) })
		if got, took := p.wait(); got != "answered before the handler had finished: it was given 1.5s by the deadline of the context that it arrived with" || took != 1500*time.Millisecond {
			t.Errorf("got %q after %v", got, took)
		}
		pass(2 * time.Second)
		r.did(1, 0, 0)
		same(t, "the redelivery", r.queued(t.Context(), messageIn(7, 1)), "acknowledged")
		r.did(1, 0, 1)
		pass(time.Minute)
		r.did(1, 0, 1)
		same(t, "outcomes", r.outcomes(), "late/1/0/late replied/1/0/late")
	})
}

func TestDeliverWithoutADeadlineWaits(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{LateAfter: time.Second, Late: tghook.LateAck}, taking(time.Minute, tghook.NoReply, nil))
		p := eventually(func() string { return r.queued(t.Context(), messageIn(7, 1)) })
		if got, took := p.wait(); got != "acknowledged" || took != time.Minute {
			t.Errorf("got %q after %v", got, took)
		}
	})
}
