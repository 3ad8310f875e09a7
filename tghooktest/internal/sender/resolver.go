package sender

import "time"

// resolver says when Telegram resolves the webhook's host again. The simulated host keeps
// its address, but each answer is an event, and makes Telegram look for updates.
type resolver struct {
	at    time.Duration // never if the bot has given the address
	times int
}

const (
	resolveInterval = 30 * time.Minute
	resolveSpread   = 180 // seconds
)

// resolve reports whether an answer of the resolver comes now, and sets the time of the
// next one.
func (s *Sender) resolve(now time.Duration) bool {
	r := &s.resolver
	if now < r.at {
		return false
	}
	r.times++
	spread := s.draw(byResolving, int64(r.times), 0) % (resolveSpread + 1)
	r.at = now + resolveInterval + time.Duration(spread)*time.Second
	return true
}
