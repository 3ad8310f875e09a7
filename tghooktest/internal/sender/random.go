package sender

import (
	"math/rand/v2"
	"time"
)

const maxLatency = 2 * time.Millisecond

// purpose distinguishes the draws for one attempt.
type purpose uint64

const (
	byJitter purpose = iota
	byOrder
	byLatency
	byTwinLatency
	byReset
	byResolving
)

// draw returns a random number. It depends on its arguments and Seed only, so it is the
// same in each run, in whatever order goroutines call it.
func (s *Sender) draw(p purpose, id int64, attempt int) uint64 {
	return rand.NewPCG(s.cfg.Seed, uint64(id)<<20^uint64(attempt)<<3^uint64(p)).Uint64() //nolint:gosec // bits are all that matters
}
