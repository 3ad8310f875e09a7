package sender_test

import (
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/sender"
)

const goneAnswer = "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"

func TestTwentyThreeHoursOfNothingButGoneEndTheWebhook(t *testing.T) {
	t.Parallel()
	inBubble(t, always(goneAnswer), nil, func(r *rig) {
		r.send(1, "x")
		r.pass(23 * time.Hour)
		same(t, "calls of Gone", r.saw().gone, 0)
		r.pass(3 * time.Minute)
		same(t, "calls of Gone", r.saw().gone, 1)
		requests := len(r.got())
		if last := r.times(0)[requests-1]; last <= 23*time.Hour {
			t.Errorf("it ended at %v", last)
		}
		same(t, "updates that wait", r.queue.Len(), 1)
		same(t, "errors", len(r.saw().failed), requests)
		same(t, "the error", r.saw().failed[0], "Wrong response from the webhook: 410 Gone")
		r.send(1, "y")
		r.pass(time.Hour)
		same(t, "requests after the end", len(r.got())-requests, 0)
	})
}

func TestAnyOtherStatusBeginsTheTwentyThreeHoursAnew(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]string{"success": ok, "failure": broken} {
		answered := false
		inBubble(t, func(q request) string {
			if !answered && q.at > 22*time.Hour {
				answered = true
				return other
			}
			return goneAnswer
		}, nil, func(r *rig) {
			r.send(1, "x")
			r.pass(12 * time.Hour)
			r.send(1, "y")
			r.pass(24*time.Hour - time.Minute - 12*time.Hour)
			same(t, "calls of Gone after a "+name, r.saw().gone, 0)
		})
	}
}

// What is no answer does not.
func TestAConnectionThatEndsDoesNotBeginThemAnew(t *testing.T) {
	t.Parallel()
	inBubble(t, func(q request) string {
		if q.at > time.Hour && q.at < 22*time.Hour {
			return hangUp
		}
		return goneAnswer
	}, nil, func(r *rig) {
		r.send(1, "x")
		r.pass(24*time.Hour - time.Minute)
		same(t, "calls of Gone", r.saw().gone, 1)
	})
}

func TestASenderThatIsGoneCanBeClosedByGone(t *testing.T) {
	t.Parallel()
	var s *sender.Sender
	inBubble(t, always(goneAnswer), func(cfg *sender.Config) {
		gone := cfg.Gone
		cfg.Gone = func() {
			s.Close()
			gone()
		}
	}, func(r *rig) {
		s = r.sender
		r.send(1, "x")
		r.pass(24 * time.Hour)
		same(t, "calls of Gone", r.saw().gone, 1)
	})
}
