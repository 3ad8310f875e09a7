package tghooktest

import "sync"

// bell wakes all goroutines that wait for a change. The zero bell is ready for use.
type bell struct {
	mu   sync.Mutex
	next chan struct{} // nil if none waits
}

// rings returns a channel that the next ring closes.
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
