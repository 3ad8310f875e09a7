package sender

import "time"

const (
	minLongDelay  = 60 // seconds, and up to twice as many
	maxRetryAfter = time.Hour
)

// backoff returns how long the head of l waits after a failure, and its new delay in
// seconds. The first retry comes at once, the next ones after 2, 4, 8 seconds and so on, up
// to one to two minutes. A Retry-After takes the place of one of these waits. It counts as
// a failure, but does not lengthen later waits.
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
