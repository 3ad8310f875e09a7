package tghooktest

import "sync"

// bell wakes all who wait for something to happen.
type bell struct {
	mu   sync.Mutex
	next chan struct{} // nil: nobody waits
}

// rings is closed when it rings next.
func (b *bell) rings() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}
