package tgsqlite

import (
	"sync"
	"time"
)

// lookPause is how often a signal looks for updates of other processes and for leases that have
// run out.
const lookPause = 250 * time.Millisecond

// A signal wakes the calls of Take that wait, when something may have become free for their bot.
// While there are any, it looks for that from time to time: one look serves all bots.
type signal struct {
	look func() ([]int64, error) // returns the bots that have something to take

	mu      sync.Mutex
	waiting map[int64]*waiters // has only bots with waiters
	stop    chan struct{}      // ends the looks; nil if nobody waits
}

// waiters are the calls of Take for a bot.
type waiters struct {
	number  int
	changed chan struct{} // closed by the next change
}

// join begins a wait. Each needs a call of leave.
func (s *signal) join(bot int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waiting[bot]
	if w == nil {
		w = &waiters{changed: make(chan struct{})}
		s.waiting[bot] = w
	}
	w.number++
	if s.stop == nil {
		s.stop = make(chan struct{})
		go s.watch(s.stop)
	}
}

func (s *signal) leave(bot int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.waiting[bot]
	w.number--
	if w.number == 0 {
		delete(s.waiting, bot)
	}
	if len(s.waiting) == 0 {
		close(s.stop)
		s.stop = nil
	}
}

// next returns a channel that the next change of a bot closes. The caller has joined.
func (s *signal) next(bot int64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting[bot].changed
}

// notify wakes the waiters of a bot.
func (s *signal) notify(bot int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.waiting[bot]; w != nil {
		w.wake()
	}
}

func (w *waiters) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// notifyAll wakes all waiters.
func (s *signal) notifyAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.waiting {
		w.wake()
	}
}

// watch looks until stop is closed. If a look fails, all waiters look themselves, and get the
// error.
func (s *signal) watch(stop <-chan struct{}) {
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		bots, err := s.look()
		if err != nil {
			s.notifyAll()
		}
		for _, bot := range bots {
			s.notify(bot)
		}
	}
}
