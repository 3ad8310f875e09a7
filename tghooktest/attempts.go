package tghooktest

import (
	"maps"
	"sync"

	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// attempts are the numbers of the failed attempts of updates that wait, by their ids.
type attempts struct {
	mu sync.Mutex
	of map[int64]int
}

const maxAttempts = 100_000

// count takes an attempt that has ended.
func (a *attempts) count(ended sender.Attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ended.Done || ended.Dropped {
		delete(a.of, ended.Update.ID)
		return
	}
	if a.of == nil || len(a.of) >= maxAttempts { // no more than that can wait
		a.of = map[int64]int{}
	}
	a.of[ended.Update.ID] = ended.Number
}

// all returns a copy, of the updates that wait alone.
func (a *attempts) all(waits func(id int64) bool) map[int64]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.of, func(id int64, _ int) bool { return !waits(id) })
	return maps.Clone(a.of)
}

func (a *attempts) set(of map[int64]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.of = of
}
