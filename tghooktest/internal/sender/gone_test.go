package sender_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

const goneAnswer = "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"

func TestTwentyThreeHoursOfNothingButGoneEndTheWebhook(t *testing.T) {
	t.Parallel()
	inBubble(t, always(goneAnswer), nil, func(r *rig) {
		r.send(1, "x")
		r.pass(23 * time.Hour)
		assert.Zero(t, r.saw().gone, "calls of Gone")
		r.pass(3 * time.Minute)
		assert.Equal(t, 1, r.saw().gone, "calls of Gone")
		requests := len(r.got())
		assert.Greater(t, r.times(0)[requests-1], 23*time.Hour)
		assert.Equal(t, 1, r.queue.Len(), "updates that wait")
		assert.Len(t, r.saw().failed, requests, "errors")
		assert.Equal(t, "Wrong response from the webhook: 410 Gone", r.saw().failed[0], "the error")
		r.send(1, "y")
		r.pass(time.Hour)
		assert.Zero(t, len(r.got())-requests, "requests after the end")
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
			assert.Zero(t, r.saw().gone, "calls of Gone after a "+name)
		})
	}
}

// A failure without an answer does not end the count, nor does an answer that cannot be
// read.
func TestWhatIsNoAnswerDoesNotBeginThemAnew(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]string{
		"a clean end":               hangUp,
		"an end in an answer":       "HTTP/1.1 200 OK\r\n" + hangUp,
		"a reset":                   reset,
		"what is not HTTP":          "SSH-2.0-OpenSSH\r\n\r\n",
		"an answer in another form": "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
		"a request":                 "GET / HTTP/1.1\r\n\r\n",
	} {
		inBubble(t, func(q request) string {
			if q.at > time.Hour && q.at < 22*time.Hour {
				return other
			}
			return goneAnswer
		}, nil, func(r *rig) {
			r.send(1, "x")
			r.pass(24*time.Hour - time.Minute)
			assert.Equal(t, 1, r.saw().gone, "calls of Gone after "+name)
		})
	}
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
		assert.Equal(t, 1, r.saw().gone, "calls of Gone")
	})
}
