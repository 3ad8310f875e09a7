package sender_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
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
		assert.Equal(t, 3, r.sender.InFlight(), "requests in flight")
		r.sender.Close()
		assert.Zero(t, r.sender.InFlight(), "requests in flight")
		assert.Equal(t, 6, r.queue.Len(), "updates that wait")
		assert.Equal(t, 2*time.Second, r.since(), "when Close returned")
		r.pass(time.Hour)
		assert.Len(t, r.got(), 4, "requests")
		assert.Len(t, r.saw().attempts, 1, "attempts")
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
			assert.Equal(t, 50*time.Second, r.since(), "when Close returned while it was "+name)
			assert.Equal(t, 1, r.queue.Len(), "updates that wait")
		})
	}
}

// A Sender that replaces another delivers the updates again that were on their way.
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
		assert.Equal(t, "a b b", r.texts(), "requests")
		assert.Zero(t, r.queue.Len(), "updates that wait")
	})
}

func TestCloseWaitsForAReplyThatIsBeingExecuted(t *testing.T) {
	t.Parallel()
	inBubble(t, always(withBody("200 OK", asJSON, sayHi)), func(cfg *sender.Config) {
		reply := cfg.Reply
		cfg.Reply = func(p sender.Reply) sender.Execution {
			time.Sleep(time.Second)
			return reply(p)
		}
	}, func(r *rig) {
		r.send(1, "x")
		synctest.Wait()
		r.sender.Close()
		assert.Equal(t, time.Second, r.since(), "when Close returned")
		assert.Len(t, r.saw().replies, 1, "replies")
	})
}
