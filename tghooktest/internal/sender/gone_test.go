package sender_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

const goneAnswer = "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"

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
