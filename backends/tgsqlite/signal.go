package tgsqlite

import "sync"

// A signal wakes those who wait for a change. The zero value is ready.
type signal struct {
	mu      sync.Mutex
	changed chan struct{} // nil if nobody waits
}

// wait returns a channel that the next notify closes.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

func (s *signal) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
