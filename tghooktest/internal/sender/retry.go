package sender

import "time"

const (
	minLongDelay  = 60 // seconds, and up to twice as many
	maxRetryAfter = time.Hour
)

// backoff returns how long the head of l waits after it has failed, and what its delay
// in seconds is from then on. The first time it comes again at once, then after 2, 4,
// 8 and so on up to a minute or two. What the webhook asks for takes the place of one
// of these waits, and counts as a failure too, but does not lengthen the later ones.
func (s *Sender) backoff(l *lane, retryAfter time.Duration) (wait time.Duration, delay int) {
	if retryAfter > 0 {
		return min(retryAfter, maxRetryAfter), l.delay
	}
	if l.fails == 0 {
		return 0, l.delay
	}
	longest := minLongDelay + int(s.draw(byJitter, l.head().ID, l.attempts)%(minLongDelay+1))
	delay = min(longest, 2*l.delay)
	return time.Duration(delay) * time.Second, delay
}
