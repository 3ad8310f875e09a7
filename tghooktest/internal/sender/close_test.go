package sender_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/sender"
)

func TestCloseEndsRequestsOnTheirWayAndKeepsTheirUpdates(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.at > 0 {
			time.Sleep(10 * time.Second)
		}
		return ok
	}, nil, func(r *rig) {
		r.send(1, "warm")
		r.pass(time.Second)
		for chat := range int64(3) {
			r.send(chat+1, "x")
			r.send(chat+1, "y")
		}
		r.pass(time.Second)
		same(t, "requests in flight", r.sender.InFlight(), 3)
		r.sender.Close()
		same(t, "requests in flight", r.sender.InFlight(), 0)
		same(t, "updates that wait", r.queue.Len(), 6)
		same(t, "when Close returned", r.since(), 2*time.Second)
		r.pass(time.Hour)
		same(t, "requests", len(r.got()), 4)
		same(t, "attempts", len(r.saw().attempts), 1)
		r.expectFailures()
		r.sender.Close() // again
	})
}

func TestCloseEndsWhateverItIsAt(t *testing.T) {
	t.Parallel()
	hanging := func(ctx context.Context, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, change := range map[string]func(*sender.Config){
		"connecting": func(cfg *sender.Config) { cfg.Dial = hanging },
		"shaking hands": func(cfg *sender.Config) {
			cfg.URL.Scheme = "https"
		},
		"delayed":     withFault(sender.Fault{Delay: time.Hour}),
		"waiting":     nil,
		"backing off": nil,
	} {
		inBubble(t, func(q request) string {
			if name == "waiting" {
				time.Sleep(time.Hour)
			}
			return broken
		}, change, func(r *rig) {
			r.send(1, "x")
			r.pass(50 * time.Second)
			r.sender.Close()
			same(t, "when Close returned while it was "+name, r.since(), 50*time.Second)
			same(t, "updates that wait", r.queue.Len(), 1)
		})
	}
}

// A Sender that takes the place of another delivers again what was on its way.
func TestTheNextSenderDeliversWhatTheLastOneCouldNot(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		time.Sleep(time.Second)
		return ok
	}, nil, func(r *rig) {
		r.send(1, "a")
		r.send(1, "b")
		r.pass(1500 * time.Millisecond)
		r.sender.Close()
		q := r.queue
		r.open(func(cfg *sender.Config) { cfg.Queue = q })
		r.pass(2 * time.Second)
		same(t, "requests", r.texts(), "a b b")
		same(t, "updates that wait", r.queue.Len(), 0)
	})
}

func TestCloseWaitsForAReplyThatIsBeingExecuted(t *testing.T) {
	t.Parallel()
	inBubble(t, always(withBody("200 OK", asJSON, sayHi)), func(cfg *sender.Config) {
		reply := cfg.Reply
		cfg.Reply = func(p sender.Reply) {
			time.Sleep(time.Second)
			reply(p)
		}
	}, func(r *rig) {
		r.send(1, "x")
		synctest.Wait()
		r.sender.Close()
		same(t, "when Close returned", r.since(), time.Second)
		same(t, "replies", len(r.saw().replies), 1)
	})
}
